"""DSJSON as decision services write it: what is taken from where, and lines that are no decisions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logs import dsjson_text, event, sample_log

from banditcore.bandit_log import BanditLog, hash_units
from banditcore.errors import InvalidInput
from banditcore.formats import read_log, write_log
from banditcore.formats.dsjson import MOST_IDS


def log_of(tmp_path: Path, *events: dict[str, Any], **options: Any) -> BanditLog:
    path = tmp_path / "log.dsjson"
    path.write_text(dsjson_text(*events))
    return read_log(path, **options)


def test_an_event_of_azure_personalizer(tmp_path: Path) -> None:
    log = log_of(tmp_path, event(1, -1.5), event(2, 0.0, EventId="e2"))
    rows = log.load()
    assert log.variants == ("cat", "dog", "emu") and log.rows == 2 and log.metadata["pdrop"] == "0.0"
    assert rows.arms.tolist() == [1, 2] and rows.rewards.tolist() == [1.5, 0.0]
    assert rows.propensity.tolist() == [0.5, 0.3]
    assert rows.propensities is not None and rows.propensities.tolist() == [[0.2, 0.5, 0.3]] * 2
    assert rows.units is not None and rows.units.tolist() == hash_units(["e1", "e2"]).tolist()
    assert rows.times is not None and rows.times.tolist() == [1612325106.5] * 2
    assert rows.eligible is None and rows.contexts.shape == (2, 32) and not np.signbit(rows.rewards).any()


def test_features_are_hashed_with_their_namespace_and_sign(tmp_path: Path) -> None:
    actions = event()["c"]["_multi"]

    def context(**shared: Any) -> Any:
        return log_of(tmp_path, event(c=shared | {"_multi": actions}), dims=4096).load().contexts[0]

    none, one, two = context(), context(user={"age": 1}), context(user={"age": 2})
    assert not none.any() and abs(one).sum() == 1 and (two == 2 * one).all()
    assert (context(user={"age": 2, "city": "Oslo"}) == two + context(user={"city": "Oslo"})).all()
    for other in ({"shop": {"age": 1}}, {"user": {"age": "1"}}, {"user": {"AGE": 1}}, {"age": 1}):
        assert abs(context(**other)).sum() == 1 and (context(**other) != one).any()
    for silent in ({"user": {"age": None}}, {"user": {"x": False}}, {"user": {"_hidden": 1}}, {"_hidden": {"a": 1}}):
        assert not context(**silent).any()
    assert abs(context(user={"flag": True}, page=[1.5, 2.5], deep={"er": {"x": 1}}, text={"_text": "a b"})).sum() == 8


def test_contexts_by_arm_are_there_where_actions_say_more_than_their_names(tmp_path: Path) -> None:
    plain = event()
    rich = event(
        c={"user": {"age": 1}, "_multi": [{"_tag": tag, "j": [{"price": at}]} for at, tag in enumerate("xyz")]}
    )
    assert log_of(tmp_path, plain).load().contexts.shape == (1, 32)
    assert log_of(tmp_path, plain, arm_features=True, dims=8).load().contexts.shape == (1, 3, 8)
    assert log_of(tmp_path, rich, arm_features=False).load().contexts.shape == (1, 32)
    contexts = log_of(tmp_path, rich, dims=4096).load().contexts[0]
    # A price of 0 says nothing, one of 1 its own feature and its product with the age, one of 2 twice that.
    assert abs(contexts).sum(axis=1).tolist() == [0, 2, 4] and (contexts[2] == 2 * contexts[1]).all()


def listed(*names: str | None, shown: int = 0, **more: Any) -> dict[str, Any]:
    p = tuple(np.full(len(names), 1 / len(names)).tolist())
    made = event(0, p=(1.0,)) | {"p": list(p), "_label_probability": p[0], "_label_Action": shown + 1}
    order = [shown, *(place for place in range(len(names)) if place != shown)]
    actions = [{} if name is None else {"_tag": name} for name in names]
    return made | {"_labelIndex": shown, "a": [at + 1 for at in order], "c": {"_multi": actions}} | more


def test_arms_are_names_wherever_an_action_stands(tmp_path: Path) -> None:
    log = log_of(tmp_path, listed("dog", "cat"), listed("cat", "emu", "dog", shown=1))
    rows = log.load()
    assert log.variants == ("cat", "dog", "emu") and rows.arms.tolist() == [1, 2]
    assert rows.eligible is not None and rows.eligible.tolist() == [[True, True, False], [True] * 3]
    assert rows.propensities is not None and rows.propensities[0].tolist() == [0.5, 0.5, 0.0]
    in_places = log_of(tmp_path, listed("dog", "cat"), listed("dog", "cat", "ant"))
    assert in_places.variants == ("dog", "cat", "ant")


def test_arms_are_places_where_names_are_missing_or_too_many(tmp_path: Path) -> None:
    log = log_of(tmp_path, listed("dog", "cat"), listed("cat", None, "dog", shown=1))
    assert log.variants == ("0", "1", "2") and log.load().arms.tolist() == [0, 1]
    assert log_of(tmp_path, listed("dog", "dog")).variants == ("0", "1")
    news = [listed(f"news {at}", f"news {at + 1}") for at in range(MOST_IDS)]
    assert log_of(tmp_path, *news).variants == ("0", "1")
    assert len(log_of(tmp_path, *news[1:]).variants) == MOST_IDS
    wider = log_of(tmp_path, *news, n_arms="4")
    assert wider.variants == ("0", "1", "2", "3")
    assert wider.head().eligible is not None and wider.head().eligible[0].tolist() == [True, True, False, False]  # type: ignore[index]
    with pytest.raises(InvalidInput, match="n_arms is 1, but a decision lists 2 actions"):
        log_of(tmp_path, *news, n_arms=1)


def test_lines_that_are_no_decisions_to_learn_from_are_counted(tmp_path: Path) -> None:
    outcome = {"RewardValue": 1.0, "EventId": "e9", "EnqueuedTimeUtc": "2021-02-03T04:05:06Z"}
    events = [event(), outcome, event(_skipLearn=True), event(DeferredAction=True), event(DeferredAction=False)]
    rows = log_of(tmp_path, *events).load()
    assert len(rows) == 2 and rows.left_out == {"outcome without its decision": 1, "not activated": 2}


def test_rows_that_were_thinned_alike_weigh_the_same(tmp_path: Path) -> None:
    log = log_of(tmp_path, event(pdrop=0.5), event(pdrop=0.5))
    assert len(log.load()) == 2 and log.metadata["pdrop"] == "0.5"


def test_the_probability_alone_will_do(tmp_path: Path) -> None:
    assert log_of(tmp_path, event(p=(0.2, 0.5, 0.3)) | {"p": None}).load().propensities is None
    with pytest.raises(InvalidInput, match="p must list"):
        log_of(tmp_path, event(), event() | {"p": 1}).load()
    bare = {name: value for name, value in event().items() if name not in ("p", "a", "_labelIndex", "EventId")}
    found = log_of(tmp_path, bare).load()
    assert found.propensities is None and found.propensity.tolist() == [0.5] and found.units is None
    rounded = event() | {"p": [0.5, 0.2, 0.29]}
    with pytest.raises(InvalidInput, match="p must sum to 1"):
        log_of(tmp_path, rounded).load()
    assert log_of(tmp_path, rounded, vectors=False).load().propensity.tolist() == [0.5]


def test_another_key_can_say_who_the_unit_is(tmp_path: Path) -> None:
    other = event(c=event()["c"] | {"GUser": {"id": "u8"}})
    rows = log_of(tmp_path, event(), event(EventId="e2"), other, unit="GUser.id").load()
    assert rows.units is not None and rows.units.tolist() == hash_units(["u7", "u7", "u8"]).tolist()
    with pytest.raises(InvalidInput, match=r"the first decision has no GUser\.name"):
        log_of(tmp_path, event(), unit="GUser.name")


def test_what_is_written_says_the_same_to_vowpal_wabbit(tmp_path: Path) -> None:
    path = tmp_path / "log.dsjson"
    log = sample_log(200)
    assert write_log(log, path) == 200
    rows = log.load()
    assert rows.eligible is not None and rows.propensities is not None
    for row, line in enumerate(path.read_text().splitlines()):
        found = json.loads(line)
        place, tags = found["_labelIndex"], [action["_tag"] for action in found["c"]["_multi"]]
        assert tags == [f"variant {arm}" for arm in np.flatnonzero(rows.eligible[row])]
        assert tags[place] == f"variant {rows.arms[row]}" and found["_label_Action"] == found["a"][0] == place + 1
        assert sorted(found["a"]) == list(range(1, len(tags) + 1))
        vector = dict(zip(found["a"], found["p"], strict=True))
        assert [vector[at + 1] for at in range(len(tags))] == rows.propensities[row, rows.eligible[row]].tolist()
        assert found["_label_cost"] == -rows.rewards[row] and found["_label_probability"] == rows.propensity[row]
        assert found["c"]["banditcore"] == rows.contexts[row].tolist()


def test_a_time_that_no_calendar_has_is_not_written(tmp_path: Path) -> None:
    log = BanditLog.of([[1.0]], [0], [1.0], [1.0], times=[1e12])
    with pytest.raises(InvalidInput, match="the time 1e\\+12 is in no year"):
        write_log(log, tmp_path / "log.dsjson")
