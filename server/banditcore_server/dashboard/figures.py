"""Charts of a page before they are drawn: what to draw, the sentence below, and the same numbers as a table."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from banditcore.findings import GoalReport, Lift, Look, OffPolicyReport, Report, VariantReport
from banditcore.pages.chart import NARROW, WIDE, Chart, Figure, Row
from banditcore.types import Explanation
from banditcore_server.dashboard import words

GLANCE = 240
"""Pixels of a chart in a list."""
MOST_POINTS, MOST_ROWS, MOST_SERIES, MOST_RANGES = 160, 30, 8, 40
DAY_MS = 86_400_000.0
Range = tuple[str, float, float, float, str]
"""Label, estimate, both ends, and class of the colour."""
BY_DECISION = (
    "For customers who come back, a lift by customer and one by decision are different figures, and only the two by"
    " decision, that over the holdout and that from the log, must agree."
)
T = TypeVar("T")


def lift_over_time(report: Report, goal: GoalReport) -> Chart | None:
    """None before the second look."""
    looks = [look for look in report.history if look.goal == goal.goal]
    if goal.lift is None or len(looks) < 2:
        return None
    shown = _thinned(looks, MOST_POINTS)
    marks, note = _horizon(looks, goal)
    first, last = _ms(looks[0].time_us), max([_ms(looks[-1].time_us), *(mark["t"] for mark in marks)])
    has_other = any(not math.isnan(look.off_policy) for look in looks)
    other = [("off-policy", "lift from the propensity log, with its interval")] if has_other else []
    return Chart(
        "lift-over-time",
        "lift",
        {
            "looks": [_look(look) for look in shown],
            "domain": _lift_domain(looks, report.target_lift),
            "span": [first, last],
            "target": report.target_lift if goal.direction == "increase" else -report.target_lift,
            "marks": marks,
        },
        f"Lift on {goal.goal} over time",
        "Each point is the lift as it stood then, with everything up to it; the band is its interval. It narrows as"
        " customers come in, and it is trustworthy at every point, so it may be read today. Wide early intervals are"
        " cut off."
        f" The dotted line is the lift you want to detect ({words.percent(report.target_lift, 0)}).{note}",
        ("Time (UTC)", "Lift", "from", "to", "Propensity log", "from", "to", "Planned data"),
        tuple(_look_row(look) for look in _thinned(looks, MOST_ROWS)),
        (("policy", "lift over the holdout, with its interval"), *other, ("zero", "no effect")),
    )


def _look(look: Look) -> dict[str, float | None]:
    parts = {"e": look.estimate, "lo": look.low, "hi": look.high}
    parts |= {"o": look.off_policy, "olo": look.off_policy_low, "ohi": look.off_policy_high}
    return {"t": _ms(look.time_us), **{key: _or_none(value) for key, value in parts.items()}}


def _look_row(look: Look) -> Row:
    relative = (look.estimate, look.low, look.high, look.off_policy, look.off_policy_low, look.off_policy_high)
    return (words.moment(look.time_us), *map(words.percent, relative), words.share(look.information, 0))


def _lift_domain(looks: Sequence[Look], target: float) -> list[float]:
    """What the later looks need, so that the first wide intervals do not flatten everything."""
    late = looks[len(looks) // 6 :]
    ends = [end for look in late for end in (look.low, look.high, look.off_policy_low, look.off_policy_high)]
    ends = [end for end in ends if math.isfinite(end)]
    estimates = [look.estimate for look in late]
    reach = 3 * max(target, *(abs(value) for value in estimates))
    low, high = max(min(ends), -reach), min(max(ends), reach)
    return _padded([low, high, 0.0, target, *estimates])


def _horizon(looks: Sequence[Look], goal: GoalReport) -> tuple[list[dict[str, Any]], str]:
    """Marks of the decision and of the planned end, and words where it is too far away to draw."""
    marks = []
    if goal.verdict is not None:
        marks.append({"t": _ms(goal.verdict.time_us), "label": "decided"})
    first, last = looks[0], looks[-1]
    reached = next((look for look in looks if look.information >= 1), None)
    if reached is not None:
        return [*marks, {"t": _ms(reached.time_us), "label": "planned end"}], ""
    gained, span = last.information - first.information, _ms(last.time_us) - _ms(first.time_us)
    if gained <= 0:
        return marks, ""
    end = _ms(last.time_us) + (1 - last.information) / gained * span
    when = f" At this pace the planned data are in on about {words.day(round(end * 1e3))}."
    if end - _ms(last.time_us) > 0.5 * span:
        return marks, when if end - _ms(last.time_us) < 3_650 * DAY_MS else ""
    return [*marks, {"t": end, "label": "planned end"}], when


def two_figures(goal: GoalReport) -> Chart | None:
    """The lift beside the two by decision, the last weeks', and the one without a cap."""
    if goal.lift is None:
        return None
    ways = "Each line is an interval, the dot its estimate; it is filled where the interval leaves 0 out."
    notes = ["“By customer” is the lift over the holdout."]
    rows = [_row("by customer", goal.lift), *_by_decision(goal.off_policy)]
    if any(label == "by decision" for label, *_ in rows):
        notes.append(BY_DECISION)
    if goal.recent:
        rows.append(_row("recently", goal.recent))
        notes.append(f"“Recently” is the last days only, and {words.RECENTLY}")
    if goal.uncapped:
        rows.append(_row("without cap", goal.uncapped))
    return _ranges("figures", f"Ways to look at {goal.goal}", " ".join([ways, *notes]), rows)


def _by_decision(found: OffPolicyReport | None) -> list[Range]:
    """The propensity log's lift, and before it the holdout's that it must agree with, where that is known."""
    if found is None or found.status == "refused":
        return []
    by_log = ("from the log", found.estimate, found.low, found.high, "off-policy")
    if math.isnan(found.by_decision):
        return [by_log]
    return [("by decision", found.by_decision, found.by_decision_low, found.by_decision_high, "policy"), by_log]


def _row(label: str, lift: Lift) -> Range:
    return label, lift.estimate, lift.low, lift.high, "policy"


def goals(report: Report) -> Chart | None:
    """All goals that may be read."""
    rows = [
        (goal.goal, goal.lift.estimate, goal.lift.low, goal.lift.high, _tone(goal))
        for goal in report.goals
        if goal.lift
    ]
    return _ranges(
        "goals",
        "Lift of every goal",
        "Right of 0 is more, left is less; whether more is good is in the table. A filled dot is an interval without 0."
        " Only the primary goal decides; the others count as found only where the table says better or worse, which"
        " allows for their number.",
        rows,
    )


def _tone(goal: GoalReport) -> str:
    return {"better": "policy", "worse": "worse", "undecided": "zero"}[goal.outcome]


def audiences(goal: GoalReport) -> Chart | None:
    """The lift within audiences."""
    rows = [
        (f"{item.audience}: {item.value}", item.lift.estimate, item.lift.low, item.lift.high,
         "policy" if item.discovered else "zero")
        for item in goal.audiences if item.lift
    ]  # fmt: skip
    return _ranges(
        "audiences",
        f"Lift on {goal.goal} by audience",
        "Audiences overlap and are many, so some differ by chance: trust one only where the table says found, which"
        " allows for their number (false discovery rate .05).",
        rows,
    )


def glance(report: Report, goal: GoalReport, domain: Sequence[float]) -> Chart | None:
    """A small range for a list of experiments, all on one scale."""
    if goal.lift is None:
        return None
    row = (goal.goal, goal.lift.estimate, goal.lift.low, goal.lift.high, _tone(goal))
    return _ranges(f"glance-{report.experiment}", f"Lift of {report.experiment}", "", [row], domain, widths=(GLANCE,))


def glance_domain(lifts: Iterable[Lift]) -> list[float]:
    """From the intervals of all experiments; one that is very wide is cut."""
    found = list(lifts)
    middle = max((abs(lift.estimate) for lift in found), default=0.1)
    ends = [max(min(end, 2 * middle + 0.1), -2 * middle - 0.1) for lift in found for end in (lift.low, lift.high)]
    return _padded([0.0, *ends])


def variants(report: Report) -> Chart | None:
    """What each variant would be worth if it were always shown."""
    rows = [
        (item.variant, item.value, item.value_low, item.value_high, "zero" if item.control else "policy")
        for item in _by_share(report.variants)[:MOST_RANGES]
        if not math.isnan(item.value)
    ]
    return _ranges(
        "variants",
        "Value of each variant if it were always shown",
        "Mean outcome a decision, estimated from the propensity log so that the policy's choices do not colour it; grey"
        " is the control. Trust a difference where the lines do not overlap.",
        rows,
        percent=False,
    )


def traffic(report: Report, audience: str, value: str) -> Chart | None:
    """Who was shown what, as shares of the policy group's decisions."""
    spans: dict[int, dict[str, int]] = defaultdict(dict)
    widths = {}
    for item in report.traffic:
        if (item.audience, item.value, item.group) == (audience, value, "POLICY"):
            spans[item.time_us][item.variant] = spans[item.time_us].get(item.variant, 0) + item.decisions
            widths[item.time_us] = item.width_s
    if not spans:
        return None
    names, series = _series(report.variants, spans)
    times = sorted(spans)
    end = times[-1] + round(widths[times[-1]] * 1e6)
    rows = [row for time in times for row in _stacked(time, names, spans[time])]
    rows += _stacked(end, names, spans[times[-1]])
    whom = f" for {audience} {value}" if audience else ""
    return Chart(
        "traffic",
        "shares",
        {"rows": rows, "names": names, "series": series, "span": [_ms(times[0]), _ms(end)]},
        f"Variants shown{whom}",
        f"Share of the policy's decisions{whom} that each variant had, {_span_words(widths[times[0]])}. The policy"
        " moves traffic to what does well; a share says what it believes, not what is true. The holdout is not in it.",
        ("From (UTC)", *names),
        tuple(
            (words.moment(time), *(words.count(_folded(spans[time], names).get(name, 0)) for name in names))
            for time in _thinned(times, MOST_ROWS)
        ),
        tuple((f"series-{index}", name) for name, index in zip(names, series, strict=True)),
    )


OTHERS = "all others"


def _series(variants: Sequence[VariantReport], spans: dict[int, dict[str, int]]) -> tuple[list[str], list[int]]:
    """Names from the bottom up and the colour of each: the control, the most shown, and one for all others."""
    total: dict[str, int] = defaultdict(int)
    for shown in spans.values():
        for name, many in shown.items():
            total[name] += many
    control = [item.variant for item in variants if item.control and item.variant in total]
    rest = sorted((name for name in total if name not in control), key=lambda name: (-total[name], name))
    named = rest[: MOST_SERIES - 2]
    others = [OTHERS] if len(rest) > len(named) else []
    series = [0] * len(control) + list(range(1, len(named) + 1)) + [MOST_SERIES - 1] * len(others)
    return [*control, *named, *others], series


def _folded(shown: dict[str, int], names: Sequence[str]) -> dict[str, int]:
    if OTHERS not in names:
        return shown
    found = {name: many for name, many in shown.items() if name in names}
    found[OTHERS] = sum(shown.values()) - sum(found.values())
    return found


def _stacked(time_us: int, names: Sequence[str], shown: dict[str, int]) -> list[dict[str, Any]]:
    shown, total, below, rows = _folded(shown, names), sum(shown.values()) or 1, 0, []
    for name in names:
        above = below + shown.get(name, 0)
        rows.append({"t": _ms(time_us), "name": name, "y0": below / total, "y1": above / total})
        below = above
    return rows


def _span_words(seconds: float) -> str:
    return {3_600: "hour by hour", 86_400: "day by day", 604_800: "week by week"}.get(
        round(seconds), f"for every {words.lasting(seconds)}"
    )


def probabilities(found: Explanation) -> Chart:
    """The vector that was drawn from."""
    rows = sorted(found.arms, key=lambda arm: -arm.propensity)[:20]
    chosen = found.decision.variant
    return Chart(
        "probabilities",
        "bars",
        {
            "rows": [
                {
                    "label": arm.variant,
                    "value": arm.propensity,
                    "tone": "policy" if arm.variant == chosen else "series-0",
                }
                for arm in rows
            ],
            "percent": True,
        },
        "Probability of each variant",
        "What the model gave each variant for this customer, and what was drawn from; the one that was shown is blue."
        " These are the numbers of the log, so they are exact.",
        ("Variant", "Eligible", "Score", "Probability"),
        tuple(
            (arm.variant, "yes" if arm.eligible else "no", words.number(arm.score), words.share(arm.propensity, 2))
            for arm in rows
        ),
    )


def contributions(found: Explanation) -> Chart | None:
    """What each feature added to the score of the variant that was shown; None for policies without such parts."""
    arm = next((arm for arm in found.arms if arm.variant == found.decision.variant), None)
    parts = sorted(arm.contributions if arm else (), key=lambda part: -abs(part.contribution))[:15]
    parts = [part for part in parts if part.contribution]
    if not parts:
        return None
    return Chart(
        "contributions",
        "bars",
        {
            "rows": [
                {
                    "label": part.feature,
                    "value": part.contribution,
                    "tone": "policy" if part.contribution > 0 else "off-policy",
                }
                for part in parts
            ],
            "percent": False,
        },
        f"What spoke for {found.decision.variant}",
        "What each feature added to its score: coefficient times value. It says how the model came to it, not what"
        " causes a customer to buy.",
        ("Feature", "Value", "Added to the score"),
        tuple((part.feature, words.number(part.value), words.number(part.contribution)) for part in parts),
    )


def _ranges(
    name: str,
    title: str,
    sentence: str,
    found: Sequence[Range],
    domain: Sequence[float] | None = None,
    *,
    percent: bool = True,
    widths: tuple[int, ...] = (WIDE, NARROW),
) -> Chart | None:
    if not found:
        return None
    found = found[:MOST_RANGES]
    zero = 0.0 if percent else None
    domain = domain or _padded([end for row in found for end in row[1:4]] + ([0.0] if percent else []))
    largest = max(abs(end) for row in found for end in row[1:4])

    def shown(value: float) -> Figure:
        return words.percent(value) if percent else words.number(value, largest)

    return Chart(
        name,
        "ranges",
        {
            "rows": [
                {"label": label, "e": _within(e, domain), "lo": _within(lo, domain), "hi": _within(hi, domain),
                 "tone": tone, "sure": not percent or lo > 0 or hi < 0}
                for label, e, lo, hi, tone in found
            ],
            "domain": list(domain),
            "zero": zero,
            "percent": percent,
            "labels": len(widths) > 1,
        },
        title,
        sentence,
        ("", "Estimate", "from", "to"),
        tuple((label, shown(e), shown(lo), shown(hi)) for label, e, lo, hi, _ in found),
        widths=widths,
    )  # fmt: skip


def _by_share(found: Sequence[VariantReport]) -> list[VariantReport]:
    return sorted(found, key=lambda item: -item.decisions)


def _padded(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.05
    return [low - room, high + room]


def _within(value: float, domain: Sequence[float]) -> float:
    return min(max(value, domain[0]), domain[1])


def _thinned(items: Sequence[T], most: int) -> list[T]:
    """Evenly spaced, with the last."""
    step = max(1, math.ceil(len(items) / most))
    return list(items[len(items) - 1 :: -step][::-1])


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _ms(time_us: int) -> float:
    return time_us / 1e3
