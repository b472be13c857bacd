"""Coins that come up heads more or less often."""

import numpy as np


def heads(rate: float, tosses: int, seed: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng([seed, tosses]).random(tosses) < rate)
