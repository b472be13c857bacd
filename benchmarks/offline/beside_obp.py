"""`evaluate` on arrays in memory, beside Open Bandit Pipeline on the same ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from banditcore.bandit_log import BanditLog
from banditcore.evaluation import evaluate
from benchmarks.offline import obp

ROOT = Path(__file__).parents[2]
PIN = "sb-obp==0.5.10"
ROWS = 1_000_000


def installed(folder: Path) -> Path | None:
    """Python of a venv that has it, made anew where it is missing; None where that cannot be done."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PIN]
    return python if subprocess.run(pip, capture_output=True).returncode == 0 else None


def measured(folder: Path, rows: int = ROWS) -> dict[str, Any] | None:
    """ns of one core a row, of both."""
    python = installed(folder)
    if python is None:
        return None
    ran = subprocess.run(
        [str(python), "-W", "ignore", "-m", "benchmarks.offline.obp", str(rows)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return {"rows": rows, "pin": PIN, "obp": json.loads(ran.stdout.splitlines()[-1]), "banditcore": _ours(rows)}


def _ours(rows: int) -> dict[str, float]:
    made = obp.arrays(rows)
    log = BanditLog.of(
        np.ones((rows, 1)),
        made["arms"],
        made["rewards"],
        made["propensity"],
        columns={"target": made["target"], "q": made["q"]},
        n_arms=obp.ARMS,
    )
    times = []
    for _ in range(obp.REPEATS):
        start = process_time()
        found = evaluate(log, ["column:target"], model="q", estimators=["ips", "snips", "dr"])
        times.append(process_time() - start)
    values = {each.estimator: each.value for each in found.targets[0].estimates}
    return {"ns": min(times) / rows * 1e9} | values
