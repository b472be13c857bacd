// Asks which variant to show, shows it, and reports the reward.
//
//   npm install && node client.mjs [EXPERIMENT] [GOAL] [HOST:PORT]
//
// The experiment must take requests without attributes; one that is missing is a signal, not an error.

import { randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const here = dirname(fileURLToPath(import.meta.url));
const [experiment = "shop", goal = "purchase", target = "127.0.0.1:7437"] = process.argv.slice(2);

const definition = loader.loadSync("banditcore/v1/decision_service.proto", {
  includeDirs: [join(here, "../../proto")],
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
});
const { DecisionService } = grpc.loadPackageDefinition(definition).banditcore.v1;
const client = new DecisionService(target, grpc.credentials.createInsecure());
const call = (method, request) =>
  promisify(client[method]).call(client, request, { deadline: Date.now() + 1000 });

try {
  // The request id makes a retry safe: the server answers it as it did the first time.
  const decision = await call("Decide", { experiment, unit: "customer-42", request_id: randomUUID() });
  console.log(`show ${decision.variant} (${decision.group}, propensity ${decision.propensity.toFixed(4)})`);
  console.log(`decision ${decision.decision_id}`);

  const reward = { decision_id: decision.decision_id, goal: goal, value: 1 };
  const { results } = await call("RecordRewards", { rewards: [reward] });
  console.log(`reward recorded, learned from: ${results[0].resolved}`);

  const again = await call("RecordRewards", { rewards: [reward] });
  console.log(`the same reward again is a duplicate: ${again.results[0].duplicate}`);
} catch (error) {
  console.error(`${grpc.status[error.code] ?? error.name}: ${error.details ?? error.message}`);
  process.exitCode = 1;
} finally {
  client.close();
}
