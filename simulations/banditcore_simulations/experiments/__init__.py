"""Each folder here is an experiment of `banditcore simulate`; see `lab/experiments.py`."""
