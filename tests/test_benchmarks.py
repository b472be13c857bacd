"""The benchmarks' own promises: twins do the same work, and the check against the baseline fails when it should."""

import json

import numpy as np
import pytest

from benchmarks.kernels.cases import CASES
from benchmarks.kernels.check import BASELINE, NAMES
from benchmarks.kernels.compare import AGAIN, Times, compared, measured, table

SMALL = [name for name in CASES if "K=1000" not in name and "d=128" not in name]


@pytest.mark.parametrize("name", SMALL)
def test_a_twin_does_what_the_library_does(name):
    case = CASES[name]()
    for _ in range(max(1, 20 // case.decisions)):
        ours, twin = case.ours(), case.twin()
        if case.learned:
            ours, twin = case.learned()
        assert np.shape(ours) == np.shape(twin)
        # draws come from another stream: 0.2 is 6 standard errors of a share of 256 draws
        assert np.abs(np.subtract(ours, twin)).max() <= (0.2 if "joint" in name else 1e-7)


KEPT = {"fast": 0.1, "slow": 2.0}


def failures(found):
    return [finding.name for finding in compared(KEPT, found) if finding.failed]


def test_a_kernel_half_as_slow_again_fails_and_one_within_the_noise_does_not():
    assert failures({"fast": 0.1 * 1.5, "slow": 2.0}) == ["fast"]
    assert failures({"fast": 0.1 * 1.31, "slow": 2.0 * 1.31}) == ["fast", "slow"]
    assert failures({"fast": 0.1 * 1.29, "slow": 2.0 / 1.5}) == []
    assert "1.50x  FAILS" in table(compared(KEPT, {"fast": 0.1 * 1.5, "slow": 2.0}))


def test_nothing_drops_out_of_the_check_or_enters_it_unseen():
    assert failures({"fast": 0.1}) == ["slow"]
    assert failures({**KEPT, "new": 1.0}) == ["new"]
    for level, kept in json.loads(BASELINE.read_text()).items():
        assert set(kept["ratios"]) == set(NAMES), level
    assert set(NAMES) <= set(CASES)


def test_what_disturbs_one_side_is_measured_again():
    disturbed = iter([Times(2.0, 10.0), Times(2.0, 4.0), Times(1.0, 11.0), Times(2.0, 1.0)])
    assert measured(KEPT, KEPT, lambda name: next(disturbed)) == KEPT


def test_a_slow_kernel_stays_slow_however_often_it_is_measured():
    tries = []

    def half_as_slow_again(name):
        tries.append(name)
        return Times(KEPT[name] * (1.5 if name == "fast" else 1.0), 1.0)

    assert failures(measured(KEPT, KEPT, half_as_slow_again)) == ["fast"]
    assert tries == ["fast", "slow"] + AGAIN * ["fast"]
