"""How far the share of heads is from the rate of a coin.

Variables of the environment, which are no part of what is run, tell a task to wait or to fail.
"""

import os
import time
from pathlib import Path

from banditcore.errors import InvalidInput
from banditcore_simulations.lab.sweep import Sweep, grid

from . import world


def measure(point, seed):
    if os.environ.get("COIN_STOPS") == f"{point['coin']}-{seed}":
        while not Path(os.environ["COIN_GATE"]).exists():
            time.sleep(0.01)
    if os.environ.get("COIN_FAILS") == f"{point['coin']}-{seed}":
        raise InvalidInput("the coin stands on its edge")
    heads = world.heads(point["rate"], point["tosses"], seed)
    return {
        "off": float(heads[-1]) / point["tosses"] - point["rate"],
        "heads": int(heads[-1]),
        "fair": point["rate"] == 0.5,
        "curve": heads[:: point["tosses"] // 10],
    }


POINTS = [
    point | {"coin": name, "note": None}
    for name, rate in {"fair": 0.5, "bent": 0.7}.items()
    for point in grid(rate=[rate], tosses=[100, 1_000])
]
SWEEP = Sweep(POINTS, measure, seeds=10)
SMALL = Sweep(POINTS[::2], measure, seeds=2)
