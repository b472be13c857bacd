"""Two boundaries on one clock, the frozen answer, harm, and epochs that do not count yet."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banditcore.errors import InvalidInput
from banditcore.estimators.lift import OPEN_ALPHA, PLANNED_ALPHA, Moments, Stratum, harm, lift, verdict
from banditcore.estimators.lift.confidence_sequence import boundary, design_information, one_sided_e_value
from banditcore.estimators.lift.harm import HARM_ALPHA
from banditcore.findings import Lift

B_04 = 2.3263


def binary(n: int, converted: int) -> Moments:
    return Moments(n, converted, float(converted), float(converted))


def look(policy: Moments, holdout: Moments, *, target: float = 0.1, planned: float = PLANNED_ALPHA) -> Lift:
    _, _, found = lift([(policy, holdout)], "binary", target_lift=target, open_alpha=OPEN_ALPHA, planned_alpha=planned)
    assert found is not None
    return found


def error_of(policy: Moments, holdout: Moments) -> float:
    return math.sqrt(sum(group.variance / group.mean**2 / group.n for group in (policy, holdout)))


def width(found: Lift) -> float:
    return math.log1p(found.high) - math.log1p(found.low)


@pytest.mark.parametrize("scale", [0.05, 0.2, 0.9, 1.1, 5.0])
def test_before_the_horizon_both_boundaries_count_and_after_it_the_open_one(scale: float) -> None:
    policy, holdout = (
        binary(round(163_000 * scale), round(8_150 * scale)),
        binary(round(18_000 * scale), round(900 * scale)),
    )
    found, error = look(policy, holdout), error_of(policy, holdout)
    r = 1 / error**2 / design_information(0.1)
    assert found.information == pytest.approx(r) and (r < 1.0) == (scale < 1.0)
    planned, open_ended = B_04 / math.sqrt(r), boundary(r, OPEN_ALPHA)
    k = min(planned, open_ended) if r < 1.0 else open_ended
    assert width(found) == pytest.approx(2 * k * error, rel=1e-4)
    assert found.difference_high - found.difference == pytest.approx(
        k * math.sqrt(policy.variance / policy.n + holdout.variance / holdout.n), rel=1e-4
    )
    assert found.alpha == pytest.approx(0.05)


def test_early_the_open_boundary_is_the_closer_one_and_late_the_planned_one() -> None:
    """Which of the two is at work: at a twentieth of the information the open one, near all of it the planned one."""
    assert boundary(0.05, OPEN_ALPHA) < B_04 / math.sqrt(0.05)
    assert boundary(0.9, OPEN_ALPHA) > B_04 / math.sqrt(0.9)


def test_there_is_no_answer_before_the_horizon_unless_the_interval_excludes_0() -> None:
    nothing = look(binary(90_000, 4_500), binary(10_000, 500))
    assert nothing.information < 1.0 and nothing.low < 0.0 < nothing.high
    assert verdict(nothing, "increase", 7, PLANNED_ALPHA) is None
    clear = look(binary(90_000, 6_300), binary(10_000, 500))
    assert clear.information < 1.0 and clear.low > 0.0
    answer = verdict(clear, "increase", 7, PLANNED_ALPHA)
    assert answer is not None
    assert (answer.outcome, answer.time_us) == ("better", 7)
    assert (answer.estimate, answer.low, answer.high) == (clear.estimate, clear.low, clear.high)


@pytest.mark.parametrize(
    ("converted", "increase", "decrease"),
    [(10_600, "better", "worse"), (10_000, "undecided", "undecided"), (9_400, "worse", "better")],
)
def test_at_the_horizon_the_planned_boundary_answers_where_the_open_one_does_not(
    converted: int, increase: str, decrease: str
) -> None:
    policy, holdout = binary(200_000, converted), binary(40_000, 2_000)
    found, error = look(policy, holdout), error_of(policy, holdout)
    assert found.information > 1.0 and found.low < 0.0 < found.high
    for direction, outcome in (("increase", increase), ("decrease", decrease)):
        answer = verdict(found, direction, 1, PLANNED_ALPHA)
        assert answer is not None and answer.outcome == outcome
        assert math.log1p(answer.high) - math.log1p(answer.low) == pytest.approx(2 * B_04 * error, rel=1e-4)
        assert answer.estimate == found.estimate


def test_without_a_planned_boundary_the_answer_is_the_open_interval() -> None:
    found = look(binary(200_000, 10_600), binary(40_000, 2_000), planned=0.0)
    answer = verdict(found, "increase", 1, 0.0)
    assert answer is not None and answer.outcome == "undecided"
    assert (answer.low, answer.high) == (found.low, found.high)


def test_a_capped_interval_still_has_an_answer() -> None:
    """What a target of 1e300 makes of it: no interval a float could hold."""
    found = replace(look(binary(200_000, 10_600), binary(40_000, 2_000)), low=-1.0, high=1.7e308)
    answer = verdict(found, "increase", 1, PLANNED_ALPHA)
    assert answer is not None and answer.outcome == "undecided" and -1.0 <= answer.low < answer.high < math.inf


counts = st.integers(1_000, 10**6)
rates = st.floats(0.05, 0.9)


@given(counts, counts, rates, rates, st.floats(0.01, 0.5))
def test_the_answer_turns_round_with_the_groups(n: int, m: int, p: float, q: float, target: float) -> None:
    policy, holdout = binary(n, round(n * p)), binary(m, round(m * q))
    there = verdict(look(policy, holdout, target=target), "increase", 1, PLANNED_ALPHA)
    back = verdict(look(holdout, policy, target=target), "decrease", 1, PLANNED_ALPHA)
    assert (there is None) == (back is None)
    assert there is None or back is None or there.outcome == back.outcome


def test_harm_is_evidence_for_one_side() -> None:
    better: list[Stratum] = [(binary(90_000, 6_300), binary(10_000, 500))]
    assert harm(better, "binary", "increase", target_lift=0.1) < 1.0
    assert harm(better, "binary", "decrease", target_lift=0.1) > 1e3
    policy, holdout = better[0]
    error = error_of(policy, holdout)
    z, r = math.log(policy.mean / holdout.mean) / error, 1 / error**2 / design_information(0.1)
    found = harm(better, "binary", "decrease", target_lift=0.1)
    assert found == pytest.approx(one_sided_e_value(z, r, HARM_ALPHA), rel=1e-9)


def test_while_collecting_nothing_is_harm() -> None:
    few: list[Stratum] = [(binary(90_000, 6_300), binary(10_000, 24))]
    assert harm(few, "binary", "increase", target_lift=0.1) == 1.0
    assert harm([], "value", "decrease", target_lift=0.1) == 1.0


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("kind", ("sum", "increase", 0.1)),
        ("direction", ("binary", "up", 0.1)),
        ("target_lift", ("binary", "increase", 0.0)),
    ],
)
def test_harm_names_what_it_cannot_take(field: str, arguments: tuple[str, str, float]) -> None:
    kind, direction, target = arguments
    with pytest.raises(InvalidInput) as caught:
        harm([], kind, direction, target_lift=target)
    assert caught.value.field == field


LARGE = (binary(90_000, 4_500), binary(10_000, 500))
SMALL = (binary(2_900, 150), binary(100, 30))
"""A holdout that converts well by chance, and would have enough by its own count, but can expect 6."""


def ask(strata: list[Stratum], kind: str = "binary") -> tuple[str, str, Lift | None]:
    return lift(strata, kind, target_lift=0.1, open_alpha=0.05)


def test_an_epoch_too_small_for_an_estimate_is_left_out_and_said_so() -> None:
    status, note, found = ask([LARGE, SMALL, SMALL])
    assert status == "ready" and found == ask([LARGE])[2]
    assert note == "2 of 3 epochs are too small for an estimate and left out: 5.7 % of the units"
    assert ask([SMALL, LARGE])[1] == "1 of 2 epochs is too small for an estimate and left out: 2.9 % of the units"


def test_an_empty_epoch_is_not_worth_a_word() -> None:
    assert ask([LARGE, (Moments(), Moments())]) == ask([LARGE])


def test_alone_an_epoch_counts_by_what_it_has() -> None:
    assert ask([SMALL])[0] == "ready"
    status, note, _ = ask([SMALL, SMALL])
    assert status == "collecting"
    assert note == (
        "none of 2 epochs has an estimate yet; in the largest the smaller group can expect 6 converted units of the 25 "
        "needed"
    )


def test_information_adds_up_over_epochs() -> None:
    """Alike epochs: as much as in one; and one's order does not matter."""
    one, three = ask([LARGE])[2], ask([LARGE] * 3)[2]
    assert one is not None and three is not None
    assert three.information == pytest.approx(3 * one.information, rel=1e-12)
    assert three.estimate == pytest.approx(one.estimate, abs=1e-15)
    other = (binary(50_000, 3_500), binary(20_000, 1_200))
    forth, back = ask([LARGE, other])[2], ask([other, LARGE])[2]
    assert forth is not None and back is not None
    assert forth.estimate == pytest.approx(back.estimate, rel=1e-12)
    separate = ask([other])[2]
    assert separate is not None
    assert forth.information == pytest.approx(one.information + separate.information, rel=1e-3)


def test_values_need_100_in_the_epochs_that_count() -> None:
    def epoch(converted: int) -> Stratum:
        return binary(9_000, 9 * converted), binary(1_000, converted)

    assert ask([epoch(60), epoch(60)], "value")[0] == "ready"
    status, note, _ = ask([epoch(60), epoch(30), epoch(20)], "value")
    assert status == "collecting"
    assert note == (
        "the holdout group has 90 converted units of the 100 needed; "
        "1 of 3 epochs is too small for an estimate and left out: 33 % of the units"
    )
    assert ask([epoch(60)], "value")[1] == "the holdout group has 60 converted units of the 100 needed"
