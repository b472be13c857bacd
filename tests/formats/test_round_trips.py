"""What is written in any format that can be is read back, to the last bit, whatever the log holds."""

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from logs import assert_same

from banditcore.bandit_log import BanditLog
from banditcore.formats import WRITABLE, read_log, write_log

PARQUET = [f"log.{name}" for name in WRITABLE if name == "parquet" and find_spec(f"banditcore.formats.{name}")]
NUMBERS = st.floats(-1e9, 1e9)
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
# Whole microseconds, as ours are; none before 1970 in a calendar that begins in the year 1.
TIMES = st.integers(0, 4 * 10**15).map(lambda micros: micros / 1e6)


@st.composite
def logs(draw: st.DrawFn, *, by_arm: bool = False) -> BanditLog:
    n, k, d = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    arms = draw(arrays(np.int64, n, elements=st.integers(0, k - 1)))
    eligible = draw(st.none() | arrays(np.bool_, (n, k)))
    if eligible is not None:
        eligible[np.arange(n), arms] = True
    weights = draw(arrays(np.float64, (n, k), elements=st.floats(1e-3, 1)))
    vectors = weights if eligible is None else np.where(eligible, weights, 0.0)
    vectors = vectors / vectors.sum(axis=1, keepdims=True)
    shape = (n, k, d) if by_arm else (n, d)
    contexts = draw(arrays(np.float64, shape, elements=NUMBERS))
    if by_arm and eligible is not None:
        contexts[~eligible] = 0.0
    return BanditLog.of(
        contexts,
        arms,
        draw(arrays(np.float64, n, elements=NUMBERS)) + 0.0,
        vectors[np.arange(n), arms],
        propensities=vectors if draw(st.booleans()) else None,
        eligible=eligible,
        units=draw(st.none() | st.lists(KEYS, min_size=n, max_size=n)),
        times=draw(st.none() | st.lists(TIMES, min_size=n, max_size=n)),
        fallback=draw(st.none() | arrays(np.bool_, n)),
        variants=draw(st.lists(KEYS, min_size=k, max_size=k, unique=True)),
        features=draw(st.sampled_from([(), tuple(f"feature {at}" for at in range(d))])),
    )


def check(log: BanditLog, name: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        assert write_log(log, path) == log.rows
        again = read_log(path)
        assert again.variants == log.variants and (again.features == log.features or not log.features)
        assert_same(again.load(), log.load())


@pytest.mark.parametrize("name", ["log.npz", "log.dsjson", "log.dsjson.gz", *PARQUET])
@settings(max_examples=40)
@given(log=logs())
def test_a_log_comes_back(name: str, log: BanditLog) -> None:
    check(log, name)


@pytest.mark.parametrize("name", ["log.dsjson", *PARQUET])
@settings(max_examples=40)
@given(log=logs(by_arm=True))
def test_contexts_by_arm_come_back(name: str, log: BanditLog) -> None:
    check(log, name)
