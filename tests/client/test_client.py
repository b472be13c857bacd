"""Both clients against a real server; what holds for one is asked of the other."""

from __future__ import annotations

import asyncio
import inspect
import math
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from banditcore.client import AsyncClient, CallFailed, Client
from banditcore.config import load_toml
from banditcore.errors import Conflict, InvalidInput, NotAllowedNow, NotFound
from banditcore.offline import ImportResult, MergeResult, UnitReward
from banditcore.types import Group, Reward, RewardResult
from banditcore_server.testing import ServerProcess

SHOP = Path(__file__).parents[1] / "server" / "shop.toml"
ATTRIBUTES = {"age": np.float32(30), "country": "DE", "member": np.bool_(True)}


class Waiting:
    """An AsyncClient behind the methods of a Client, each waited for."""

    def __init__(self, target: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(self._open(target))

    async def _open(self, target: str) -> AsyncClient:
        return await AsyncClient(target).__aenter__()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return lambda *args, **options: self._loop.run_until_complete(method(*args, **options))

    def end(self) -> None:
        self._loop.run_until_complete(self._client.__aexit__(None, None, None))
        self._loop.close()


@pytest.fixture(params=["sync", "async"])
def any_client(request, server):
    if request.param == "sync":
        with Client(server.target) as client:
            yield client
    else:
        waiting = Waiting(server.target)
        yield waiting
        waiting.end()


def test_both_clients_have_the_same_methods():
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if name.startswith("__") and name != "__init__":
            continue
        other = getattr(AsyncClient, name)
        assert inspect.signature(method) == inspect.signature(other), name
        assert inspect.getdoc(method) == inspect.getdoc(other), name


def test_decide_reward_explain(any_client):
    answer = any_client.decide("shop", "someone", ATTRIBUTES)
    assert answer.variant in ("plain", "bold", "wild")
    assert not answer.duplicate
    result = any_client.record_reward(answer.id, "click", 1)
    assert result == RewardResult(resolved=answer.group == Group.POLICY)
    assert any_client.record_reward(answer.id, "click", 1).duplicate
    explanation = any_client.explain(answer.id)
    assert explanation.decision.id == answer.id
    assert explanation.decision.time_us == answer.time_us
    assert explanation.decision.propensity == answer.propensity
    assert explanation.recomputed
    assert math.isclose(sum(explanation.decision.propensities), 1.0)


def test_a_request_id_replays_the_first_answer(any_client):
    request_id = f"{type(any_client).__name__}-1"
    first = any_client.decide("shop", "someone", ATTRIBUTES, request_id=request_id)
    second = any_client.decide("shop", "someone", ATTRIBUTES, request_id=request_id)
    assert second.duplicate
    assert second.id == first.id
    with pytest.raises(Conflict) as caught:
        any_client.decide("shop", "someone else", ATTRIBUTES, request_id=request_id)
    assert caught.value.reason == "REQUEST_CONFLICT"


def test_without_a_request_id_every_call_is_a_decision(any_client):
    assert any_client.decide("shop", "someone").id != any_client.decide("shop", "someone").id


def test_batches_by_rows(any_client):
    units = [f"u{i}" for i in range(50)]
    contexts = [{"age": i} for i in range(50)]
    answers = any_client.batch_decide("shop", units, contexts, eligible=[["plain", "bold"]])
    assert len({answer.id for answer in answers}) == 50
    assert {answer.variant for answer in answers} == {"plain", "bold"}
    filters = [["plain"], [], *[["plain", "wild"]] * 48]
    answers = any_client.batch_decide("shop", units, contexts, eligible=filters)
    assert answers[0].variant == "plain"
    assert {answer.variant for answer in answers[2:]} <= {"plain", "wild"}


def test_batches_by_columns(any_client):
    answers = any_client.batch_decide_columns("shop", [f"u{i}" for i in range(500)], np.zeros((500, 9)))
    assert len(answers) == 500
    assert answers.variants == ("plain", "bold", "wild")
    assert set(answers.groups.tolist()) == {Group.POLICY, Group.HOLDOUT}
    assert ((answers.propensity > 0) & (answers.propensity <= 1)).all()
    ids = answers.decision_ids()
    assert len(set(ids)) == 500
    results = any_client.record_rewards([Reward(decision_id, "click", 0.0) for decision_id in ids])
    assert sum(result.resolved for result in results) == (answers.groups == Group.POLICY).sum()


def test_vectors_and_missing_values(any_client):
    assert any_client.decide("pixels", "u", {"image": [1, 2, 3, 4]}).id
    assert any_client.decide("pixels", "u", {"image": np.arange(4)}).id
    assert any_client.decide("shop", "u", {"age": None, "country": None}).id
    with pytest.raises(InvalidInput) as caught:
        any_client.decide("shop", "u", {"age": {"years": 3}})
    assert caught.value.field == "attributes.age"
    with pytest.raises(InvalidInput):
        any_client.batch_decide("shop", ["a", "b"], [{}])
    with pytest.raises(InvalidInput):
        any_client.batch_decide_columns("shop", ["a", "b"], np.zeros((3, 9)))


def test_errors_come_back_as_they_were_raised(any_client):
    with pytest.raises(NotFound) as missing:
        any_client.decide("nowhere", "u")
    assert (missing.value.reason, missing.value.field) == ("EXPERIMENT_NOT_FOUND", "experiment")
    with pytest.raises(InvalidInput) as invalid:
        any_client.decide("shop", "")
    assert invalid.value.field == "unit"
    assert "256" in invalid.value.message
    with pytest.raises(NotFound) as forged:
        any_client.record_reward("f" * 48, "click", 1)
    assert forged.value.field == "rewards[0].decision_id"


def test_a_batch_of_rewards_keeps_its_good_ones(any_client):
    answer = any_client.decide("shop", "someone")
    results = any_client.record_rewards(
        [Reward("f" * 48, "click", 1.0), Reward(answer.id, "revenue", 12.5, "order-1"), Reward(answer.id, "clack", 1.0)]
    )
    assert isinstance(results[0].error, NotFound)
    assert results[1].error is None
    assert isinstance(results[2].error, InvalidInput)
    assert results[2].error.field == "goal"


def test_exposures(any_client):
    answer = any_client.decide("shown", "someone")
    assert not any_client.record_exposure(answer.id)
    assert any_client.record_exposure(answer.id)


def test_experiments_from_file_dictionary_and_definition(any_client):
    (spec,) = [spec for spec in load_toml(SHOP) if spec.name == "shop"]
    assert any_client.get("shop").spec == spec
    assert [experiment.version for experiment in any_client.apply(SHOP)] == [1, 1, 1, 1]
    assert any_client.apply(spec)[0].spec == spec
    data = {"name": "from-dict", "control": "a", "holdout": 0.1, "variants": ["a", "b"], "policy": "uniform"}
    (applied,) = any_client.apply({**data, "goals": [{"name": "hit"}]})
    assert applied.status == "running"
    with pytest.raises(InvalidInput) as unknown:
        any_client.apply({**data, "goals": [{"name": "hit"}], "holdot": 0.2})
    assert unknown.value.field == "experiments.from-dict.holdot"


def test_list_walks_the_pages(any_client):
    names = [experiment.spec.name for experiment in any_client.list(page_size=1)]
    assert names == sorted(names)
    assert set(names) >= {"brief", "pixels", "shop", "shown"}
    assert names == [experiment.spec.name for experiment in any_client.list()]


def test_pause_resume_archive(any_client):
    name = f"phases-{type(any_client).__name__.lower()}"
    any_client.apply(
        {
            "name": name,
            "control": "a",
            "holdout": 0.1,
            "variants": ["a", "b"],
            "policy": "uniform",
            "goals": [{"name": "hit"}],
        }
    )
    assert any_client.pause(name).status == "paused"
    with pytest.raises(NotAllowedNow) as paused:
        any_client.decide(name, "u")
    assert paused.value.reason == "EXPERIMENT_PAUSED"
    assert any_client.resume(name).status == "running"
    assert any_client.archive(name).status == "archived"


def test_report(any_client):
    report = any_client.report("shop")
    assert report.experiment == "shop"
    assert report.holdout_share == 0.1
    assert [goal.goal for goal in report.goals] == ["click", "revenue"]
    assert report.goals[0].status in ("collecting", "ready")
    assert [variant.control for variant in report.variants] == [True, False, False]


def test_more_calls_at_once_than_the_server_allows_on_a_connection(server):
    async def many() -> int:
        async with AsyncClient(server.target, timeout_s=10) as client:
            answers = await asyncio.gather(*(client.decide("shop", f"u{i}") for i in range(600)))
        return len({answer.id for answer in answers})

    assert asyncio.run(many()) == 600


def test_one_client_serves_many_threads(client):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: client.decide("shop", f"u{i}"), range(200)))
    assert len({answer.id for answer in answers}) == 200


def test_a_server_that_is_not_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with Client(f"127.0.0.1:{taken.getsockname()[1]}") as client, pytest.raises(CallFailed) as caught:
            client.decide("shop", "u")
    assert caught.value.reason == "UNAVAILABLE"


def test_a_server_that_does_not_answer_ends_at_the_deadline():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with Client(f"127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.3) as client:
            started = time.monotonic()
            with pytest.raises(CallFailed) as caught:
                client.decide("shop", "u")
    assert caught.value.reason == "DEADLINE_EXCEEDED"
    assert time.monotonic() - started < 3


def test_a_call_is_repeated_until_the_server_is_back(tmp_path):
    """The server goes and comes back on its port while the client keeps asking."""
    with ServerProcess(tmp_path / "data", "--apply", str(SHOP)) as server:
        target = server.target
        with Client(target, timeout_s=10) as client:
            client.decide("shop", "before")
            server.kill()
            later = threading.Timer(0.2, lambda: restarted.append(ServerProcess(tmp_path / "data", listen=target)))
            restarted: list[ServerProcess] = []
            later.start()
            try:
                assert answered_within(client, 10)
            finally:
                later.join()
                restarted[0].stop()


def answered_within(client: Client, limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            return bool(client.decide("shop", "after").id)
        except CallFailed as error:
            assert error.reason == "UNAVAILABLE"
            time.sleep(0.05)
    return False


def test_rewards_by_unit_and_merged_identities(any_client):
    unit, later = (f"{name}-{time.time_ns()}" for name in ("unit", "later"))
    answer = any_client.decide("shop", unit, ATTRIBUTES)
    assert any_client.merge_units("shop", [(later, unit), (later, later)])[0] == MergeResult()
    sale = UnitReward(later, "click", 1.0, answer.time_us + 1)
    (result,) = any_client.import_rewards("shop", [sale])
    assert result == ImportResult(decisions=1, resolved=int(answer.group == Group.POLICY))
    again, refused = any_client.import_rewards("shop", [sale, sale._replace(value=0.5)], "first")
    assert again == ImportResult(duplicate=True)
    assert isinstance(refused.error, InvalidInput) and refused.outcome == "refused"
    with pytest.raises(InvalidInput, match="rule is one of last, first, all"):
        any_client.import_rewards("shop", [sale], "best")
    with pytest.raises(NotFound):
        any_client.merge_units("nowhere", [(later, unit)])
