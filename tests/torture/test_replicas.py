"""Two servers on one PostgreSQL, killed, cut off and healed: every reward is folded once, and they agree."""

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from postgres import Database
from proxy import Proxy

from banditcore.audit import audit
from banditcore.experiments import prior
from banditcore.learner import Fold, digest, unpack
from banditcore.recompute import live_versions
from banditcore.storage.opening import open_log
from banditcore.v1 import decision_service_pb2 as pb
from banditcore.v1.decision_service_pb2_grpc import DecisionServiceStub
from banditcore_server.testing import ServerProcess

FEATURES = 6
DEFINITION = f"""
[experiments.shop]
control = "plain"
holdout = 0.1
variants = ["plain", "sale", "gift"]
policy = {{ name = "linear_ts" }}
context = [{{ type = "vector", name = "x", size = {FEATURES} }}]
goals = [{{ name = "buy", window = "1h" }}]
"""
AGREE_WITHIN_S = 2.0
SIZES = {True: (100_000, 35), False: (8_000, 3)}
"""Rewards, and kills of a server that folds."""


class Caller:
    """Speaks to one of two servers and goes to the other, then back, when there is no answer."""

    def __init__(self, targets: list[str]) -> None:
        # A connection of its own and quick to come back: gRPC would wait longer and longer for a killed server.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 100)]
        self._channels = [grpc.insecure_channel(target, options=options) for target in targets]
        self._stubs = [DecisionServiceStub(channel) for channel in self._channels]

    def insist(self, name: str, request, first: int = 0):
        """The answer of whichever server gives one, and never one that was not logged."""
        deadline = time.monotonic() + 60
        attempt = first
        while True:
            attempt += 1
            try:
                answer = getattr(self._stubs[attempt % len(self._stubs)], name)(request, timeout=10)
                if not getattr(answer, "degraded", False):
                    return answer
            except grpc.RpcError as error:
                assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED), error
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def ask(self, name: str, request, which: int):
        return getattr(self._stubs[which], name)(request, timeout=10)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()


def decide(caller: Caller, count: int, chance: np.random.Generator) -> list[str]:
    """Ids of as many decisions."""
    ids: list[str] = []
    while len(ids) < count:
        some = min(5_000, count - len(ids))
        request = pb.BatchDecideRequest(experiment="shop", request_id=f"batch-{len(ids)}")
        request.columns.units.extend(f"unit-{len(ids) + n}" for n in range(some))
        request.columns.contexts = chance.standard_normal((some, FEATURES)).tobytes()
        packed = caller.insist("BatchDecide", request).columns.decision_ids
        ids += [packed[start : start + 24].hex() for start in range(0, len(packed), 24)]
    return ids


def slices(ids: list[str], chance: random.Random) -> Iterator[pb.RecordRewardsRequest]:
    """Every decision's reward, 30 % of them again later, in no order."""
    sent = [(decision, index) for index, decision in enumerate(ids)]
    sent += chance.sample(sent, len(sent) * 3 // 10)
    chance.shuffle(sent)
    for start in range(0, len(sent), 250):
        yield pb.RecordRewardsRequest(
            rewards=[
                pb.Reward(decision_id=decision, goal="buy", value=float(index % 3 == 0), key="k")
                for decision, index in sent[start : start + 250]
            ]
        )


def agree(caller: Caller, position: int) -> float:
    """Seconds until both servers answer from a model of that position; an audit says whether it was the same."""
    request = pb.BatchDecideRequest(experiment="shop")
    request.columns.units.extend(f"probe-{n}" for n in range(50))
    request.columns.contexts = np.random.default_rng(1).standard_normal((50, FEATURES)).tobytes()
    started = time.monotonic()
    while True:
        answers = [caller.ask("BatchDecide", request, which) for which in (0, 1)]
        if all(answer.model_position == position for answer in answers):
            return time.monotonic() - started
        assert time.monotonic() < started + 30, [answer.model_position for answer in answers]
        time.sleep(0.02)


@pytest.fixture
def servers(postgres_url: str, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    definition = tmp_path / "shop.toml"
    definition.write_text(DEFINITION)
    running: list[ServerProcess] = []
    for number in range(2):
        options = ("--apply", str(definition)) if number == 0 else ()
        running.append(ServerProcess(postgres_url, *options, log=tmp_path / f"server-{number}.log"))
    yield running
    for server in running:
        server.kill()


def check(url: str) -> None:
    """Every decision that either server logged follows from a fresh fold, to the last bit."""
    log = open_log(url)
    with log.read() as reader:
        found = audit(reader, log.secret)
    log.close()
    assert found.passed, found.problems
    assert found.identical == found.decisions > 0


def last_resolution(url: str) -> int:
    log = open_log(url)
    with log.read() as reader:
        lessons = reader.lessons(1, 0, 10_000_000)
    log.close()
    return int(lessons.positions[-1])


def test_every_reward_is_folded_once(
    servers: list[ServerProcess], postgres_url: str, tmp_path: Path, full: bool, note: Callable[..., None]
) -> None:
    """Sent again, out of order, to either of two servers, one of which is killed while it folds, over and over."""
    count, kills = SIZES[full]
    caller = Caller([server.target for server in servers])
    ids = decide(caller, count, np.random.default_rng(0))
    requests = list(slices(ids, random.Random(5)))
    share = len(requests) // (kills + 1)
    with ThreadPoolExecutor(4) as pool:
        for kill in range(kills + 1):
            part = requests[kill * share : (kill + 1) * share if kill < kills else None]
            sending = [
                pool.submit(caller.insist, "RecordRewards", request, number) for number, request in enumerate(part)
            ]
            if kill < kills:
                time.sleep(random.Random(kill).uniform(0.05, 0.4))
                victim = kill % 2
                servers[victim].kill()
                servers[victim] = ServerProcess(
                    postgres_url, listen=servers[victim].target, log=tmp_path / f"server-{victim}.log"
                )
            for sent in sending:
                assert all(not result.HasField("error") for result in sent.result().results)
    seconds = agree(caller, last_resolution(postgres_url))
    caller.close()
    # What is saved is up to a second old; who stops saves the rest.
    assert [server.stop() for server in servers] == [0, 0]
    log = open_log(postgres_url)
    with log.read() as reader:
        lessons = reader.lessons(1, 0, 10 * count)
        rewards = reader.rewards(1, [bytes.fromhex(decision) for decision in ids])
        assert len(rewards) == count, "each reward was stored once"
        rows = {row.id.hex(): row for row in reader.decisions_to_audit(1)}
        taught = sum(rows[decision].group == 1 for decision in ids)
        assert len(lessons.positions) == taught, "each resolved its decision once"
        live = live_versions(reader, "shop")[-1]
        fresh = Fold(prior(live))
        while fresh.read(reader, 1):
            pass
        saved = reader.snapshots(1)[-1]
        assert (saved.position, digest(unpack(saved))) == (fresh.position, digest(fresh.policy.state()))
        assert fresh.policy.state()["n"].sum() == taught, "the fold counted each once"
    log.close()
    check(postgres_url)
    note(f"P4 rewards of {count} not folded exactly once, 30 % resent, {kills} kills", "0")
    note("P16 seconds until two servers agree to the last bit", f"{seconds:.2f}", f"<= {AGREE_WITHIN_S}")
    assert seconds <= AGREE_WITHIN_S


def test_a_server_cut_off_from_the_store_agrees_again_within_two_seconds(
    postgres_url: str, tmp_path: Path, full: bool, note: Callable[..., None]
) -> None:
    definition = tmp_path / "shop.toml"
    definition.write_text(DEFINITION)
    worst = 0.0
    with (
        tempfile.TemporaryDirectory(prefix="bcpx-") as folder,
        Proxy(postgres_url, Path(folder)) as network,
        ServerProcess(postgres_url, "--apply", str(definition), log=tmp_path / "near.log") as near,
        ServerProcess(network.url, log=tmp_path / "far.log") as far,
    ):
        caller = Caller([near.target, far.target])
        chance = np.random.default_rng(2)
        for turn in range(10 if full else 2):
            network.delay_s = 0.005 * (turn % 3)
            only_near = Caller([near.target])
            network.partition()
            ids = _decide_near(only_near, turn, chance)
            answer = _answer_while_cut_off(caller)
            assert answer.degraded, "what cannot be logged says so"
            for request in slices(ids, random.Random(turn)):
                only_near.insist("RecordRewards", request)
            only_near.close()
            network.heal()
            worst = max(worst, agree(caller, last_resolution(postgres_url)))
        caller.close()
    check(postgres_url)
    note("P16 seconds until they agree after a partition", f"{worst:.2f}", f"<= {AGREE_WITHIN_S}")
    assert worst <= AGREE_WITHIN_S


def _decide_near(caller: Caller, turn: int, chance: np.random.Generator) -> list[str]:
    request = pb.BatchDecideRequest(experiment="shop", request_id=f"turn-{turn}")
    request.columns.units.extend(f"turn-{turn}-{n}" for n in range(200))
    request.columns.contexts = chance.standard_normal((200, FEATURES)).tobytes()
    packed = caller.insist("BatchDecide", request).columns.decision_ids
    return [packed[start : start + 24].hex() for start in range(0, len(packed), 24)]


def _answer_while_cut_off(caller: Caller) -> pb.BatchDecideResponse:
    request = pb.BatchDecideRequest(experiment="shop")
    request.columns.units.append("somebody")
    request.columns.contexts = np.zeros(FEATURES).tobytes()
    return caller.ask("BatchDecide", request, 1)


def test_decisions_go_on_while_the_store_is_down(
    tmp_path: Path, full: bool, note: Callable[..., None], own: Database
) -> None:
    """P8: PostgreSQL is stopped for a while. Every Decide is answered, every reward is refused or kept."""
    definition = tmp_path / "shop.toml"
    definition.write_text(DEFINITION)
    url = own.new()
    with ServerProcess(url, "--apply", str(definition), log=tmp_path / "server.log") as server:
        caller = Caller([server.target])
        ids = _decide_near(caller, 0, np.random.default_rng(0))
        answered: list[pb.DecideResponse] = []
        own.stop()
        down = time.monotonic()
        while time.monotonic() < down + (60 if full else 3):
            answered.append(caller.ask("Decide", _one(len(answered)), 0))
            with pytest.raises(grpc.RpcError) as refused:
                caller.ask("RecordRewards", pb.RecordRewardsRequest(rewards=[_paid(ids[0])]), 0)
            assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
            assert b"RetryInfo" in dict(refused.value.trailing_metadata())["grpc-status-details-bin"]
            time.sleep(0.01)
        own.start()
        up = time.monotonic()
        while (answer := caller.ask("Decide", _one(len(answered)), 0)).degraded:
            assert time.monotonic() < up + 30
        seconds = time.monotonic() - up
        caller.insist("RecordRewards", pb.RecordRewardsRequest(rewards=[_paid(decision) for decision in ids]))
        caller.close()
        assert server.stop() == 0
    assert len(answered) > 50
    assert all(answer.degraded and answer.variant and answer.propensity > 0 for answer in answered)
    assert answer.variant
    log = open_log(url)
    with log.read() as reader:
        kept = {row.id.hex() for row in reader.decisions_to_audit(1)}
        assert set(ids) <= kept, "what was acknowledged before is there"
        assert len(reader.rewards(1, [bytes.fromhex(decision) for decision in ids])) == len(ids)
        assert not kept & {answer.decision_id for answer in answered}
    log.close()
    check(url)
    note("P8 failed decisions while the store was down", f"0 of {len(answered)}")
    note("P8 seconds to recover after its return", f"{seconds:.2f}", "<= 5")
    assert seconds <= 5


def _one(number: int) -> pb.DecideRequest:
    request = pb.DecideRequest(experiment="shop", unit=f"meanwhile-{number}")
    request.attributes["x"].vector.values.extend([0.5] * FEATURES)
    return request


def _paid(decision: str) -> pb.Reward:
    return pb.Reward(decision_id=decision, goal="buy", value=1.0)


@pytest.fixture
def own() -> Iterator[Database]:
    """A server that a test may stop."""
    with Database() as database:
        yield database


def test_while_the_store_says_nothing_many_at_once_are_answered_and_it_can_be_stopped(
    tmp_path: Path, own: Database
) -> None:
    """SIGSTOP: no connection breaks and nothing answers. The limits only bound a hang."""
    definition = tmp_path / "shop.toml"
    definition.write_text("".join(DEFINITION.replace("shop]", f"shop{n}]") for n in ("", *map(str, range(12)))))
    with ServerProcess(own.new(), "--apply", str(definition), log=tmp_path / "server.log") as server:
        caller = Caller([server.target])
        assert not caller.ask("Decide", _one(1), 0).degraded
        pids = [own.process(), *own.children()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(12) as pool:
                answers = list(pool.map(lambda number: caller.ask("Decide", _one(number), 0), range(200)))
            assert all(answer.degraded for answer in answers)
            caller.close()
            assert server.stop(limit_s=30) == 0
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
