"""Experiments as folders: a world, a sweep over it, and what the results say."""

from banditcore_simulations.lab.running import run_sweep
from banditcore_simulations.lab.sweep import Sweep, grid
from banditcore_simulations.lab.tables import read_results

__all__ = ["Sweep", "grid", "read_results", "run_sweep"]
