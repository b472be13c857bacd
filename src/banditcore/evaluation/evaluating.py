"""`evaluate`: what other policies would have earned on a log, or why it cannot say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from banditcore.bandit_log import BanditLog
from banditcore.checks import check_count, check_number
from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy.limits import LEAST_SAMPLE
from banditcore.estimators.off_policy.suite import Suite
from banditcore.evaluated import NAN, TargetReport
from banditcore.evaluation.columns import check_column
from banditcore.evaluation.pipeline import FITTED, NONE, Work, Worked, survey, work
from banditcore.evaluation.showing.notebook import Evaluation
from banditcore.evaluation.targets import Target, WhatIf, as_target
from banditcore.parallel import run
from banditcore.policies import Policy

Asked = Target | Policy | str | WhatIf


def evaluate(
    log: BanditLog,
    targets: Sequence[Asked] | Mapping[str, Asked] = (),
    *,
    model: str = FITTED,
    train: float = 0.5,
    estimators: Sequence[str] | None = None,
    alpha: float = 0.05,
    reward_range: tuple[float, float] | None = None,
    bootstrap: int = 0,
    seed: int = 0,
    jobs: int = 1,
    dask: str | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Evaluation:
    """What each target would have earned a decision on this log, with intervals, or a refusal with its reasons.

    targets: as `parse_target` reads them, policies (frozen as they are), functions of `Rows` that give (n, K)
    probabilities, or a mapping of names to these; none looks only at the log's health.
    model: of the rewards, for DR and its kin: "fitted" on the rows before, "none", or a column of (n, K) numbers.
    train: share of the log, its first rows, that policies which learn are trained on when there is one among the
    targets; all targets are then evaluated on the rest, so that they compare. estimators: names, all by default.
    reward_range: the least and largest reward possible, for bounds; the log's own where None.
    bootstrap: repeats of a cluster bootstrap of the main estimate beside its interval, 0 for none.
    jobs, dask: see `parallel.run`; the result is the same. Raises InvalidInput that names the field.
    """
    check_number(train, "train", 0.0, 0.95)
    check_number(alpha, "alpha", 1e-6, 0.5)
    check_count(bootstrap, "bootstrap", 0)
    check_count(seed, "seed", 0)
    check_count(jobs, "jobs", 1)
    asked = _targets(targets)
    if asked and model not in (FITTED, NONE):
        check_column(log, model, vectors=True)
    for target in asked:
        target.start(log)
    learns = any(target.learns for target in asked)
    health = survey(log, lambda rows: progress(rows, log.rows or rows)) if learns or not asked else None
    cut = int(train * health.rows) if learns and health is not None else 0
    if learns and not cut:
        raise InvalidInput("train must leave a first part of the log for the policies that learn", field="train")
    suites = [Suite(estimators, alpha=alpha, reward_range=reward_range, bootstrap=bootstrap > 0) for _ in asked]
    since = max((target.since or 0 for target in asked), default=0)
    whole = Work(log, asked, suites, model, cut, since, health=True)
    tasks = _tasks(whole, apart=dask is not None or jobs > 1)
    if len(tasks) == 1 and dask is None:
        done = [work(tasks[0], lambda rows: progress(rows, log.rows or rows))]
    else:
        done = run(work, tasks, jobs=jobs, dask=dask, progress=progress)
    found = health or done[0].health
    assert found is not None
    looked, evaluated = found.report(log.variants), done[0].evaluated if done else None
    judged = looked if evaluated is None else evaluated.health.report(log.variants)
    left = 0 if evaluated is None else evaluated.left
    if left and judged.rows < LEAST_SAMPLE:
        raise _nothing_new(asked, judged.rows, looked.rows)
    reports = tuple(
        suite.report(target.label, judged, _notes(target, asked, cut, left))
        for target, suite in zip(asked, _suites(done), strict=True)
    )
    if bootstrap:
        reports = tuple(
            _bootstrapped(report, suite, bootstrap, seed, alpha)
            for report, suite in zip(reports, _suites(done), strict=True)
        )
    reports = tuple(_doubted(report, target.doubt) for report, target in zip(reports, asked, strict=True))
    settings = {"model": model, "train": f"{train:g}" if cut else "0"}
    settings |= {"bootstrap": str(bootstrap), "seed": str(seed)} if bootstrap else {}
    return Evaluation(log.source, alpha, looked, reports, cut, left, settings)


def _targets(targets: Sequence[Asked] | Mapping[str, Asked]) -> list[Target]:
    if isinstance(targets, Mapping):
        return [_named(as_target(given, label), label) for label, given in targets.items()]
    if isinstance(targets, str):
        raise InvalidInput("targets must be a list, also for one", field="targets")
    return [as_target(given) for given in targets]


def _named(target: Target, label: str) -> Target:
    target.label = label
    return target


def _tasks(whole: Work, *, apart: bool) -> list[Work]:
    """Targets one by one for processes, so that none waits for another; else all in one reading of the log."""
    if not whole.targets:
        return []
    groups = [slice(index, index + 1) for index in range(len(whole.targets))] if apart else [slice(None)]
    return [
        replace(whole, targets=whole.targets[group], suites=whole.suites[group], health=not index)
        for index, group in enumerate(groups)
    ]


def _suites(done: Sequence[Worked]) -> list[Suite]:
    return [suite for piece in done for suite in piece.suites]


def _bootstrapped(report: TargetReport, suite: Suite, repeats: int, seed: int, alpha: float) -> TargetReport:
    if report.status != "green":
        return report
    low, high = suite.bootstrap(report.estimates[0].estimator, repeats, seed, alpha)
    return replace(report, bootstrap_low=low, bootstrap_high=high)


def _doubted(report: TargetReport, doubt: str) -> TargetReport:
    """With what may have been learned from the very rows, no figure is more than a hint, and no bound holds."""
    if not doubt or report.status == "refused":
        return report
    return replace(report, status="amber", reasons=(doubt, *report.reasons), lower=NAN, upper=NAN)


def _notes(target: Target, asked: Sequence[Target], cut: int, left: int) -> tuple[str, ...]:
    own = (f"trained on the first {cut:,} rows and frozen",) if target.learns else ()
    models = ", ".join(one.label for one in asked if one.since)
    shared = (f"{left:,} rows are left out for all targets: {models} may have learned from them",) if left else ()
    return own + target.notes + shared


def _nothing_new(asked: Sequence[Target], rows: int, of: int) -> InvalidInput:
    """The error for a model that has learned from all that it would be judged on."""
    newest = max(asked, key=lambda target: target.since or 0)
    all_but = f"all but {rows:,} of the {of:,}" if rows else f"all {of:,}"
    return InvalidInput(
        f"{newest.label} may have learned from {all_but} rows that could judge it, and there it looks better than it "
        "is: keep this model and export the log again later, for it can be judged on the decisions that come after it",
        field="policy",
    )
