"""An evaluation and a replay as one page of HTML: no script, and nothing is fetched from anywhere."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from banditcore.errors import InvalidInput
from banditcore.evaluated import NAN, Evaluation, LogHealth, Replay, ReplayReport, Status, TargetReport
from banditcore.evaluation.showing import answers, figures
from banditcore.evaluation.showing.digits import digits, error_of, of_estimate, span
from banditcore.formats.replacing import replacing
from banditcore.pages.chart import MISSING, Chart, Figure, count, minus, share

if TYPE_CHECKING:
    from jinja2 import Environment

TONES = {"green": "good", "amber": "warning", "refused": "alarm"}
SIDES = {"more": "good", "less": "alarm", "open": "waiting", "refused": "waiting"}
STATUSES: dict[Status, str] = {"green": "can be relied on", "amber": "with care", "refused": "refused"}


@dataclass(frozen=True)
class Between:
    """A number with its interval."""

    value: Figure
    low: Figure
    high: Figure


def page(evaluation: Evaluation | None, replay: Replay | None) -> str:
    """One file to send to someone. Raises InvalidInput where nothing is given, or where the extra is missing.

    Draws in this process, which takes a second.
    """
    found = evaluation or replay
    if found is None:
        raise InvalidInput("there is nothing to show: give an evaluation or a replay", field="html")
    try:
        from banditcore.evaluation.showing.charts import draw
        from banditcore.pages.filling import alone, images
    except ImportError as error:
        raise InvalidInput(
            f'a page needs what draws it ({error}): pip install "banditcore[offline]"', field="html"
        ) from None
    charts = _charts(evaluation, replay)
    values = {
        "title": f"What {found.source} says",
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "source": found.source,
        "health": found.health,
        "alpha": found.alpha,
        "evaluation": evaluation,
        "replay": replay,
        "charts_of": {chart.name: chart for chart in charts},
        "histograms": [chart for chart in charts if chart.kind == "histogram"],
        "settings": _settings(evaluation, replay),
        "images": images(charts, {chart.name: draw(chart) for chart in charts}),
    }
    return _environment().get_template("evaluation.html").render(**alone(), **values)


def write_page(file: Path, evaluation: Evaluation | None, replay: Replay | None) -> None:
    """Writes the page over what is there. Raises InvalidInput as `page` does, or when the file cannot be written."""
    written = page(evaluation, replay)
    with replacing(file) as beside:
        beside.write_text(written, encoding="utf-8", errors="backslashreplace")


def _charts(evaluation: Evaluation | None, replay: Replay | None) -> list[Chart]:
    found: list[Chart | None] = []
    if evaluation:
        shown = evaluation.targets[: figures.MOST_HISTOGRAMS]
        found += [figures.values(evaluation), figures.gains(evaluation), figures.samples(evaluation)]
        found += [figures.histogram(target, index) for index, target in enumerate(shown)]
    if replay:
        found += [figures.courses(replay), figures.replays(replay)]
    first = evaluation or replay
    if first:
        found.append(figures.arms(first.health))
    return [chart for chart in found if chart]


@cache
def _environment() -> Environment:
    from banditcore.pages.filling import environment

    return environment(
        __package__,
        answers=answers,
        figures=figures,
        TONES=TONES,
        SIDES=SIDES,
        STATUSES=STATUSES,
        estimate_of=_estimate_of,
        gain_of=_gain_of,
        bounds_of=_bounds_of,
        bootstrap_of=_bootstrap_of,
        replay_of=_replay_of,
        other_of=_other_of,
        number=_number,
        rows=_rows,
        share=share,
        count=count,
        estimators=_estimators,
        facts=_facts,
        tally=lambda found: Counter(map(answers.answer, found.targets)),
    )


def _between(value: float, low: float, high: float, error: float, *, signed: bool = False) -> Between:
    shown = digits(error, value, low, high)
    return Between(*(figures.figure(item, shown, signed=signed) for item in (value, low, high)))


def _estimate_of(target: TargetReport) -> Between | None:
    found = answers.main(target)
    return None if found is None else _between(found.value, *span(found), error_of(found))


def _gain_of(target: TargetReport) -> Between | None:
    found = target.gain
    if found is None or answers.main(target) is None:
        return None
    return _between(found.value, *span(found), error_of(found), signed=True)


def _bounds_of(target: TargetReport) -> str:
    """Its bounds in words; empty where there are none."""
    shown = digits(NAN, target.lower, target.upper)
    if math.isnan(target.lower) or math.isnan(target.upper):
        return ""
    return minus(f"{shown(target.lower)} to {shown(target.upper)}")


def _bootstrap_of(target: TargetReport) -> str:
    """Its interval by the bootstrap; empty where there is none."""
    found = answers.main(target)
    if found is None or math.isnan(target.bootstrap_low):
        return ""
    shown = of_estimate(found)
    return minus(f"{shown(target.bootstrap_low)} to {shown(target.bootstrap_high)}")


def _replay_of(policy: ReplayReport) -> Between | None:
    if policy.status == "refused":
        return None
    return _between(policy.value, policy.low, policy.high, (policy.high - policy.low) / 4)


def _other_of(target: TargetReport, name: str) -> Figure:
    found = next((item for item in target.estimates if item.estimator == name), None)
    shown = of_estimate(answers.main(target))
    return figures.figure(NAN if found is None else found.value, shown)


def _number(value: float, error: float = NAN, *, signed: bool = False) -> Figure:
    return figures.figure(value, digits(error, value), signed=signed)


def _rows(value: float) -> Figure:
    return Figure(f"{value:,.0f}" if math.isfinite(value) else MISSING, value)


def _estimators(targets: Sequence[TargetReport]) -> list[str]:
    return list(dict.fromkeys(item.estimator for target in targets for item in target.estimates))


def _facts(health: LogHealth) -> list[tuple[str, Any]]:
    """What else is known of a log, as names and values."""
    error = health.reward_error
    found: list[tuple[str, Any]] = [
        ("Rows", count(health.rows)),
        ("Left out", count(sum(health.left_out.values()))),
        ("Mean reward", _number(health.mean_reward, error)),
        ("its standard error", _number(error, error)),
        ("Smallest reward", _number(health.least_reward)),
        ("Largest reward", _number(health.most_reward)),
        ("Units", count(health.units) if health.has_units else "not in the log"),
        ("Rows of the largest group of units", share(health.largest_unit, 2)),
        ("Whole vectors of probabilities", "yes" if health.has_vectors else "no"),
        ("Times", "yes" if health.has_times else "no"),
        ("Rows out of order", count(health.steps_back)),
        ("Not drawn by the policy (fallback)", share(health.fallback_share)),
        ("Rows with the commonest probability", share(health.repeated)),
        ("Rows with probability 1", share(health.certain)),
        ("Later half less first, in standard errors", _number(health.drift, 0.5, signed=True)),
    ]
    return found


def _settings(evaluation: Evaluation | None, replay: Replay | None) -> list[tuple[str, str]]:
    found = evaluation or replay
    first = [("log", found.source), ("interval", answers.level(found.alpha))] if found else []
    said = dict(evaluation.settings) if evaluation else {}
    for name, value in replay.settings.items() if replay else ():
        # The same log may be evaluated and replayed in different ways.
        said[name if said.get(name, value) == value else f"{name} (replay)"] = value
    if evaluation and evaluation.trained:
        first.append(
            ("not evaluated", f"the first {evaluation.trained:,} rows: targets that say so were trained on them")
        )
    if evaluation and evaluation.left:
        first.append(("left out", f"{evaluation.left:,} rows, which a model among the targets may have learned from"))
    return [*first, *said.items(), ("banditcore", version("banditcore"))]
