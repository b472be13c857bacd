"""Many hypotheses at once."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from banditcore.errors import InvalidInput
from banditcore.estimators.e_bh import discoveries

evidence = st.lists(st.one_of(st.floats(0.0, 1e6), st.just(math.inf)), max_size=12)


@given(evidence, st.floats(0.01, 0.5))
def test_it_is_what_the_paper_says(e_values: list[float], level: float) -> None:
    """The largest k of which at least k have e >= K / (k level): those are taken, and no others."""
    total = len(e_values)
    sizes = [k for k in range(1, total + 1) if sum(k * e >= total / level for e in e_values) >= k]
    expected = [bool(sizes) and e * max(sizes) >= total / level for e in e_values]
    assert list(discoveries(e_values, level)) == expected


@given(evidence, st.floats(0.01, 0.5), st.integers(0, 11), st.floats(0.0, 1e6))
def test_more_evidence_never_loses_a_discovery(e_values: list[float], level: float, which: int, more: float) -> None:
    before = discoveries(e_values, level)
    raised = [e + more if index == which else e for index, e in enumerate(e_values)]
    after = discoveries(raised, level)
    assert all(now or not then for then, now in zip(before, after, strict=True))


@given(evidence, st.floats(0.01, 0.5), st.randoms())
def test_the_order_does_not_matter(e_values: list[float], level: float, random) -> None:
    order = list(range(len(e_values)))
    random.shuffle(order)
    found, shuffled = discoveries(e_values, level), discoveries([e_values[i] for i in order], level)
    assert [found[i] for i in order] == list(shuffled)


def test_one_hypothesis_needs_one_over_the_level() -> None:
    assert discoveries([20.0], 0.05) == (True,)
    assert discoveries([19.99], 0.05) == (False,)


def test_two_help_each_other() -> None:
    assert discoveries([20.0, 20.0, 0.0], 0.05) == (False, False, False)
    assert discoveries([30.0, 30.0, 0.0], 0.05) == (True, True, False)
    assert discoveries([60.0, 1.0, 0.0], 0.05) == (True, False, False)


def test_false_discoveries_with_dependent_evidence() -> None:
    """20 goals that share half of their noise, 5 of them real: of what is taken 5 % may be false, on average.

    Measured far below; a z test of each goal by itself is beyond. False alarm: none, the seed is fixed and 600 runs
    of e-values this far below leave no room.
    """
    rng = np.random.default_rng(7)
    runs, goals, looks, real = 600, 20, 50, 5
    z = np.sqrt(0.5) * (rng.standard_normal((runs, 1)) + rng.standard_normal((runs, goals)))
    z[:, :real] += 4.5
    # Normal mixture of variance 1 over the drift a look: the e-value of a sum of so many looks.
    e = np.exp(0.5 * z**2 * looks / (looks + 1.0) - 0.5 * np.log1p(looks))

    def proportion(taken):
        return taken[:, real:].sum(axis=1) / np.maximum(taken.sum(axis=1), 1), taken[:, :real].mean()

    found, power = proportion(np.array([discoveries(row, 0.05) for row in e]))
    each, _ = proportion(np.abs(z) >= 1.96)
    assert found.mean() <= 0.05 and power >= 0.5
    assert each.mean() > 0.05


@pytest.mark.parametrize(
    ("e_values", "level", "field"),
    [([1.0], 0.0, "level"), ([float("nan")], 0.05, "e_values"), ([-1.0], 0.05, "e_values")],
)
def test_bad_input_names_its_field(e_values: list[float], level: float, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        discoveries(e_values, level)
    assert caught.value.field == field
