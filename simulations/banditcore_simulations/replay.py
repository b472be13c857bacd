"""`replay`: policies that start from nothing and learn along a log, with the log's health, on one core or many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from banditcore import parallel
from banditcore.bandit_log import BanditLog
from banditcore.checks import check_count
from banditcore.errors import InvalidInput
from banditcore.evaluation import PolicySpec, parse_policy
from banditcore.evaluation.pipeline import survey
from banditcore.evaluation.showing.notebook import Replay
from banditcore_simulations.replayed import REPEATS, replayed


def replay(
    log: BanditLog,
    policies: Sequence[str | PolicySpec],
    *,
    method: str = "auto",
    repeats: int = REPEATS,
    seed: int = 0,
    bound: float | None = None,
    quantile: tuple[float, float] | None = None,
    shuffle: bool | None = None,
    in_memory: bool | None = None,
    alpha: float = 0.05,
    jobs: int = 1,
    dask: str | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Replay:
    """What each policy would have earned a decision, had it started from nothing where the log did.

    policies: such as "lin_ucb:alpha=0.5". The other arguments are those of `replayed`; jobs and dask share out the
    repeats (`parallel.run`), and the result is the same. progress gets repeats done, and of how many. Raises
    InvalidInput that names the argument and the remedy.
    """
    if isinstance(policies, str) or not policies:
        raise InvalidInput("policies must be a list of at least one", field="policies")
    check_count(jobs, "jobs", 1)
    specs = [parse_policy(policy) if isinstance(policy, str) else policy for policy in policies]
    health = survey(log).report(log.variants)
    reports = replayed(
        log,
        specs,
        method=method,
        repeats=repeats,
        seed=seed,
        bound=bound,
        quantile=quantile,
        shuffle=shuffle,
        in_memory=in_memory,
        alpha=alpha,
        health=health,
        run=partial(parallel.run, jobs=jobs, dask=dask, progress=progress),
    )
    return Replay(log.source, alpha, health, reports, {"method": method, "repeats": str(repeats), "seed": str(seed)})
