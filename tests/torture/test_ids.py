"""P6: an id that is unknown, foreign or forged is NOT_FOUND, in one wording; nothing tells which of them it is."""

import random
import re
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from banditcore import DecisionEngine, MemoryStore, parse_experiment
from banditcore.assignment import DecisionIds
from banditcore.storage.opening import open_log
from banditcore.v1 import decision_service_pb2 as pb
from banditcore.v1.decision_service_pb2_grpc import DecisionServiceStub
from banditcore_server.testing import ServerProcess

DEFINITION = """
[experiments.shop]
control = "plain"
holdout = 0.1
variants = ["plain", "sale"]
policy = { name = "uniform" }
learn = "buy"
goals = [{ name = "buy", window = "1d" }, { name = "click", window = "20ms" }]
"""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Target and location."""
    folder = tmp_path_factory.mktemp("ids")
    (folder / "shop.toml").write_text(DEFINITION)
    location = str(folder / "data")
    if request.param == "postgres":
        location = request.getfixturevalue("database").new()
    with ServerProcess(location, "--apply", str(folder / "shop.toml"), log=folder / "server.log") as running:
        yield running.target, location


@pytest.fixture(scope="module")
def stub(server: tuple[str, str]) -> Iterator[DecisionServiceStub]:
    channel = grpc.insecure_channel(server[0])
    yield DecisionServiceStub(channel)
    channel.close()


def decide(stub: DecisionServiceStub, count: int) -> list[str]:
    request = pb.BatchDecideRequest(experiment="shop")
    request.columns.units.extend(f"unit-{n}" for n in range(count))
    packed = stub.BatchDecide(request).columns.decision_ids
    return [packed[start : start + 24].hex() for start in range(0, len(packed), 24)]


def foreign() -> Iterator[str]:
    """Ids that another store made."""
    with DecisionEngine(MemoryStore(), learn_in_background=False) as other:
        spec = {
            "control": "a",
            "holdout": 0.1,
            "variants": ["a", "b"],
            "policy": {"name": "uniform"},
            "goals": [{"name": "buy"}],
        }
        other.apply(parse_experiment("shop", spec))
        while True:
            yield other.decide("shop", "ann").id


def mutants(known: list[str], secret: bytes, chance: random.Random) -> Iterator[str]:
    """Ids of every wrong kind, without end."""
    others, unlogged = foreign(), DecisionIds(secret)
    while True:
        good = bytearray.fromhex(chance.choice(known))
        kind = chance.randrange(8)
        if kind <= 2:
            for _ in range(chance.randint(1, 4)):
                good[chance.randrange(24)] ^= 1 << chance.randrange(8)
            yield good.hex()
        elif kind == 3:
            yield chance.choice(
                [good.hex()[: chance.randrange(48)], good.hex() + "00", good.hex()[:-1] + "g", " " * 48]
            )
        elif kind == 4:
            # The head of one, the code of another.
            yield good.hex()[:32] + chance.choice(known)[32:]
        elif kind == 5:
            yield chance.randbytes(24).hex()
        elif kind == 6:
            yield next(others)
        else:
            # Sealed with this store's own secret, but never logged.
            yield unlogged.new(chance.randint(1, 3), 1, time.time_ns() // 1000)[0].hex()


def test_mutated_ids(
    stub: DecisionServiceStub, server: tuple[str, str], full: bool, note: Callable[[str, str], None]
) -> None:
    known = decide(stub, 2_000)
    log = open_log(server[1])
    made = mutants(known, log.secret, random.Random(7))
    log.close()
    genuine, wrong, cases = set(known), 0, 100_000 if full else 10_000
    for _ in range(cases // 5_000):
        ids = [decision for decision in (next(made) for _ in range(5_000)) if decision not in genuine]
        # One good reward at the end, so that the others are answered one by one.
        rewards = [pb.Reward(decision_id=decision, goal="buy", value=1.0) for decision in [*ids, known[0]]]
        *results, good = stub.RecordRewards(pb.RecordRewardsRequest(rewards=rewards), timeout=60).results
        assert not good.HasField("error")
        wordings = {re.sub(r"'.*'", "''", result.error.message, flags=re.DOTALL) for result in results}
        assert wordings == {"decision_id '' is not a decision of this server"}
        wrong += sum((result.error.code, result.error.reason) != (5, "DECISION_NOT_FOUND") for result in results)
    assert wrong == 0
    note(f"P6 wrong codes for {cases} mutated ids", "0")


def test_every_call_that_takes_an_id_says_the_same(stub: DecisionServiceStub, server: tuple[str, str]) -> None:
    known = decide(stub, 10)
    log = open_log(server[1])
    made = mutants(known, log.secret, random.Random(8))
    log.close()
    for _ in range(100):
        if (decision := next(made)) in known:
            continue
        for call, request in (
            (stub.RecordExposure, pb.RecordExposureRequest(decision_id=decision)),
            (stub.ExplainDecision, pb.ExplainDecisionRequest(decision_id=decision)),
            (
                stub.RecordRewards,
                pb.RecordRewardsRequest(rewards=[pb.Reward(decision_id=decision, goal="buy", value=1.0)]),
            ),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(request)
            assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_closed_window_is_told_apart_and_the_reward_is_kept(
    stub: DecisionServiceStub, server: tuple[str, str]
) -> None:
    (decision,) = decide(stub, 1)
    time.sleep(0.05)
    late = pb.RecordRewardsRequest(rewards=[pb.Reward(decision_id=decision, goal="click", value=1.0)])
    with pytest.raises(grpc.RpcError) as refused:
        stub.RecordRewards(late)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    log = open_log(server[1])
    with log.read() as reader:
        (kept,) = reader.rewards(1, [bytes.fromhex(decision)])
        assert (kept.goal, kept.late) == ("click", 1)
    log.close()
