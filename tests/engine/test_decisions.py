"""Decisions: group, eligibility, request ids, and what is refused."""

import math
from typing import Any

import numpy as np
import pytest
from shop import policy_unit, spec, taste

from banditcore import DecisionEngine
from banditcore.errors import Conflict, InvalidInput, NotAllowedNow, NotFound
from banditcore.types import Ask, Decision, Group


def test_a_decision_says_what_it_was_drawn_from(engine: DecisionEngine) -> None:
    decision = engine.decide("shop", policy_unit(engine), taste())
    assert decision.group is Group.POLICY
    assert decision.propensity == decision.propensities[decision.arm] > 0
    assert decision.propensities.sum() == pytest.approx(1.0, abs=1e-12)
    assert decision.propensities.min() >= 0.02 / 3 - 1e-15


def test_held_out_units_always_get_control(engine: DecisionEngine) -> None:
    unit = policy_unit(engine, Group.HOLDOUT)
    for seed in range(30):
        decision = engine.decide("shop", unit, taste(seed))
        assert (decision.group, decision.variant, decision.propensity) == (Group.HOLDOUT, "plain", 1.0)


def test_the_holdout_has_its_share(engine: DecisionEngine) -> None:
    batch = engine.decide_batch("shop", [f"unit-{n}" for n in range(10_000)], np.zeros((10_000, 4)))
    share = float((batch.groups == Group.HOLDOUT).mean())
    assert abs(share - 0.2) < 4 * math.sqrt(0.2 * 0.8 / 10_000)


def test_a_batch_decides_as_single_calls_do(engine: DecisionEngine) -> None:
    units = [f"unit-{n}" for n in range(20)]
    contexts = [taste(n) for n in range(20)]
    batch = engine.decide_batch("shop", units, contexts)
    columns = engine.decide_batch("shop", units, np.array([[*context["taste"], 1.0] for context in contexts]))
    for index, (unit, context) in enumerate(zip(units, contexts, strict=True)):
        single = engine.decide("shop", unit, context)
        assert batch.groups[index] == columns.groups[index] == single.group
        assert batch.propensities[index].tobytes() == single.propensities.tobytes()
        assert columns.propensities[index].tobytes() == single.propensities.tobytes()


def test_only_eligible_variants_are_drawn(engine: DecisionEngine) -> None:
    unit = policy_unit(engine)
    for seed in range(20):
        decision = engine.decide("shop", unit, taste(seed), eligible=["plain", "gift"])
        assert decision.variant in ("plain", "gift")
        assert decision.propensities[1] == 0.0
    batch = engine.decide_batch(
        "shop", [unit] * 3, [taste(n) for n in range(3)], eligible=[[], ["plain"], ["plain", "sale"]]
    )
    assert (batch.propensities[1] == [1.0, 0.0, 0.0]).all()
    assert batch.propensities[2, 2] == 0.0


@pytest.mark.parametrize(
    ("eligible", "words"), [(["sale"], "must include the control"), (["plain", "none"], "'none' is not a variant")]
)
def test_eligible_lists_are_checked(engine: DecisionEngine, eligible: list[str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        engine.decide("shop", "ann", taste(), eligible=eligible)
    assert caught.value.field == "eligible"


def test_a_request_id_gets_its_first_answer_again(engine: DecisionEngine) -> None:
    first = engine.decide("shop", "ann", taste(), request_id="r1")
    again = engine.decide("shop", "ann", taste(), request_id="r1")
    assert again.duplicate and not first.duplicate
    assert (again.id, again.variant, again.propensity) == (first.id, first.variant, first.propensity)
    assert engine.report("shop").decisions == 1


def test_a_request_id_is_for_one_request(engine: DecisionEngine) -> None:
    engine.decide("shop", "ann", taste(), request_id="r1")
    for unit, context in (("bob", taste()), ("ann", taste(1))):
        with pytest.raises(Conflict, match="used before"):
            engine.decide("shop", unit, context, request_id="r1")
    assert engine.report("shop").decisions == 1


def test_a_batch_is_repeated_as_a_whole(engine: DecisionEngine) -> None:
    units, contexts = ["ann", "bob", "cid"], np.zeros((3, 4))
    first = engine.decide_batch("shop", units, contexts, request_id="r1")
    again = engine.decide_batch("shop", units, contexts, request_id="r1")
    assert again.duplicate
    assert (again.ids, again.arms.tolist(), again.variants) == (first.ids, first.arms.tolist(), first.variants)
    with pytest.raises(Conflict):
        engine.decide_batch("shop", units[:2], contexts[:2], request_id="r1")


@pytest.mark.parametrize(
    ("unit", "words"), [("", "1 to 256 bytes, found 0"), ("x" * 300, "found 300"), ("a\0b", "NUL"), ("\ud800", "text")]
)
def test_units_are_checked(engine: DecisionEngine, unit: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        engine.decide("shop", unit, taste())
    assert caught.value.field == "unit"
    assert engine.report("shop").decisions == 0


def test_batches_are_checked(engine: DecisionEngine) -> None:
    with pytest.raises(InvalidInput, match="found 10001"):
        engine.decide_batch("shop", ["u"] * 10_001, np.zeros((10_001, 4)))
    with pytest.raises(InvalidInput, match="found 0"):
        engine.decide_batch("shop", [], [])
    with pytest.raises(InvalidInput, match="2 units but 3 contexts"):
        engine.decide_batch("shop", ["a", "b"], np.zeros((3, 4)))
    with pytest.raises(InvalidInput, match=r"units\[1\]"):
        engine.decide_batch("shop", ["a", ""], np.zeros((2, 4)))
    with pytest.raises(InvalidInput, match=r"items\[1\]\.attributes\.taste"):
        engine.decide_batch("shop", ["a", "b"], [taste(), {"taste": [1.0]}])
    assert engine.report("shop").decisions == 0


def test_an_unknown_experiment_is_named_with_those_there_are(engine: DecisionEngine) -> None:
    with pytest.raises(NotFound, match="'shoe' does not exist; there is shop"):
        engine.decide("shoe", "ann", taste())


def test_a_retry_may_not_ask_for_other_variants(engine: DecisionEngine) -> None:
    engine.decide("shop", "ann", taste(), request_id="r1", eligible=["plain", "sale"])
    assert engine.decide("shop", "ann", taste(), request_id="r1", eligible=["plain", "sale"]).duplicate
    for eligible in ([], ["plain", "gift"]):
        with pytest.raises(Conflict):
            engine.decide("shop", "ann", taste(), request_id="r1", eligible=eligible)


def test_a_retry_gets_its_answer_whatever_happened_since(engine: DecisionEngine) -> None:
    first = engine.decide("shop", "ann", taste(), request_id="r1")
    batch = engine.decide_batch("shop", ["ann", "bob"], [taste(), taste(1)], request_id="r2")
    engine.apply(spec(context=[{"name": "taste", "type": "vector", "size": 3, "scale": 2.0}]))
    engine.pause("shop")
    assert engine.decide("shop", "ann", taste(), request_id="r1").id == first.id
    assert engine.decide_batch("shop", ["ann", "bob"], [taste(), taste(1)], request_id="r2").ids == batch.ids
    with pytest.raises(NotAllowedNow):
        engine.decide("shop", "ann", taste(), request_id="r3")
    with pytest.raises(NotAllowedNow):
        engine.decide_batch("shop", ["ann"], [taste()], request_id="r4")
    assert engine.report("shop").decisions == 3


def test_values_of_numpy_are_numbers_too(engine: DecisionEngine) -> None:
    engine.apply(spec("typed", context=[{"name": "age", "type": "numeric"}, {"name": "member", "type": "boolean"}]))
    plain = engine.decide("typed", "ann", {"age": 3.0, "member": True})
    numpy = engine.decide("typed", "ann", {"age": np.float32(3), "member": np.bool_(True)})
    assert plain.propensities.tolist() == numpy.propensities.tolist()


@pytest.mark.parametrize(
    "arguments",
    [
        (None, "ann", {}),
        ("shop", 5, {}),
        ("shop", None, {}),
        ("shop", "ann", {1: 2.0, "a": 3.0}),
        ("shop", "ann", {"taste": [1j, 0, 0]}),
    ],
)
def test_wrong_types_are_refused_in_our_words(engine: DecisionEngine, arguments: tuple[Any, ...]) -> None:
    with pytest.raises((InvalidInput, NotFound)):
        engine.decide(*arguments)


def test_a_retry_is_known_again_whoever_it_was_decided_with(engine: DecisionEngine) -> None:
    asks = [Ask("shop", "ann", taste(), (), "r1"), Ask("shop", "bob", taste(), ("plain", "sale"), "r2")]
    first = engine.submit_decisions(asks).result()
    for ask, answer in zip(asks, first, strict=True):
        assert isinstance(answer, Decision)
        again = engine.submit_decisions([ask]).result()[0]
        assert isinstance(again, Decision)
        assert again.duplicate and again.id == answer.id
