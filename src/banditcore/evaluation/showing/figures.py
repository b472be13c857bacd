"""Charts of an evaluation and a replay before they are drawn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from banditcore.estimators.off_policy.limits import AMBER_SAMPLE, LEAST_SAMPLE, most_errors
from banditcore.evaluated import NAN, ArmHealth, Estimate, Evaluation, LogHealth, Replay, ReplayReport, TargetReport
from banditcore.evaluation.showing.answers import ANSWERS, answer, level, logged, main, replay_answer
from banditcore.evaluation.showing.digits import Digits, digits, of_estimate, span
from banditcore.pages.chart import MISSING, Chart, Figure, Row, count, minus, share

MOST_TARGETS, MOST_HISTOGRAMS, MOST_ARMS, MOST_COURSES, MOST_BANDS, MOST_NUMBERS = 60, 12, 40, 7, 3, 25
SMALL = 250
"""Pixels of a histogram."""
TONES = {"green": "policy", "amber": "off-policy", "refused": "zero"}
_SIDES = {"more": "good", "less": "worse", "open": "zero", "refused": "zero"}
_LEGEND = (
    ("known-more", "earns more"),
    ("known-less", "earns less"),
    ("known-open", "unclear: hollow"),
    ("known-amber", "with care: diamond"),
    ("known-refused", "refused: only bounds are known"),
)


def figure(value: float, shown: Digits, *, signed: bool = False) -> Figure:
    """A number of a table."""
    return Figure(MISSING if math.isnan(value) else minus(shown(value, signed=signed)), value)


def unique(names: Sequence[str]) -> list[str]:
    """The names as they can stand on an axis, where two that are the same would be one."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def values(found: Evaluation) -> Chart | None:
    """What a decision of each target would have earned."""
    log = logged(found)
    return _intervals(
        "values",
        "What a decision of each target would have earned",
        f"The dot is the estimate; the line holds the truth in {level(found.alpha)} of such evaluations. The upright"
        f" line is what the log earned{log.rows}. A refused target has no estimate: its value may be anywhere on the"
        " dotted line, and beyond the chart where there is an arrow.",
        _best_first([_row(target, main(target)) for target in found.targets]),
        log.mean,
        f"what the log earned{log.rows}",
    )


def gains(found: Evaluation) -> Chart | None:
    """How much more than the log each target would have earned."""
    known = [target for target in found.targets if main(target) and target.gain]
    return _intervals(
        "gains",
        "How much more than the log",
        f"Right of the upright line is more than what was logged{logged(found).rows}, left is less. A filled dot is"
        f" certain at {level(found.alpha)}: its line does not touch the upright one. A hollow dot may be chance.",
        _best_first([_row(target, target.gain) for target in known]),
        0.0,
        "as much as the log",
        signed=True,
    )


def _row(target: TargetReport, estimate: Estimate | None) -> dict[str, Any]:
    low, high = span(estimate) if estimate else (target.lower, target.upper)
    return {"label": target.target, "e": estimate.value if estimate else NAN, "lo": low, "hi": high,
            "status": target.status, "shown": of_estimate(estimate) if estimate else digits(NAN, low, high),
            "answer": answer(target)}  # fmt: skip


def replays(found: Replay) -> Chart | None:
    """What each learning policy would have earned."""
    rows = _best_first([_replayed(policy, found) for policy in found.policies])
    return _intervals(
        "replays",
        "What a decision of each learning policy would have earned",
        f"The dot is the mean over the runs, the line its {level(found.alpha)} interval over logs like this one. The"
        " upright line is what the log earned. A filled dot is clear of it. What was refused is only in the table.",
        rows,
        next((policy.logged for policy in found.policies), NAN),
        "what the log earned",
    )


def _replayed(policy: ReplayReport, found: Replay) -> dict[str, Any]:
    refused = policy.status == "refused"
    low, high, value = (NAN, NAN, NAN) if refused else (policy.low, policy.high, policy.value)
    return {"label": policy.policy, "e": value, "lo": low, "hi": high, "status": policy.status,
            "shown": digits((high - low) / 4, value, low, high),
            "answer": replay_answer(policy, found.health)}  # fmt: skip


def _best_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those without an estimate last."""
    return sorted(rows, key=lambda row: (math.isnan(row["e"]), -_or_zero(row["e"])))[:MOST_TARGETS]


def _intervals(
    name: str,
    title: str,
    sentence: str,
    rows: list[dict[str, Any]],
    reference: float,
    mark: str,
    *,
    signed: bool = False,
) -> Chart | None:
    drawn = [row for row in rows if math.isfinite(row["lo"]) and math.isfinite(row["hi"])]
    if not drawn:
        return None
    domain = _domain(drawn, reference)
    labels = unique([row["label"] for row in drawn])
    data = [_placed(row, label, domain) for row, label in zip(drawn, labels, strict=True)]
    present = {row["status"] if row["status"] == "amber" else row["answer"] for row in drawn}
    legend = [item for item in _LEGEND if item[0].removeprefix("known-") in present]
    marks = [("zero", mark)] if math.isfinite(reference) else []
    return Chart(
        name,
        "intervals",
        {"rows": data, "domain": domain, "reference": _or_none(reference), "signed": signed},
        title,
        sentence,
        ("", "Answer", "Estimate", "from", "to"),
        tuple(
            (
                row["label"],
                ANSWERS[row["answer"]],
                *(figure(row[key], row["shown"], signed=signed) for key in ("e", "lo", "hi")),
            )
            for row in rows
        ),
        (*legend, *marks),
    )


def _domain(rows: Sequence[dict[str, Any]], reference: float) -> list[float]:
    """What the estimates need: bounds of the refused are so wide that they would flatten all else."""
    known = [row for row in rows if math.isfinite(row["e"])]
    ends = [end for row in known or rows for end in (row["lo"], row["hi"])]
    ends += [row["e"] for row in known] + ([reference] if math.isfinite(reference) else [])
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return [low - room, high + room]


def _placed(row: dict[str, Any], label: str, domain: Sequence[float]) -> dict[str, Any]:
    low, high = domain
    lo, hi = (min(max(row[end], low), high) for end in ("lo", "hi"))
    tone = TONES["amber"] if row["status"] == "amber" else _SIDES[row["answer"]]
    return {
        "label": label,
        "e": _or_none(row["e"]),
        "lo": lo,
        "hi": hi,
        "status": row["status"],
        "tone": tone,
        "fill": tone if row["answer"] in ("more", "less") else "surface",
        "below": row["lo"] < low,
        "above": row["hi"] > high,
    }


def samples(found: Evaluation) -> Chart | None:
    """How many rows of the log speak for each target."""
    rows = [target for target in found.targets if target.weights.effective_sample > 0][:MOST_TARGETS]
    if not rows:
        return None
    most = max(target.weights.rows for target in rows)
    labels = unique([target.target for target in rows])
    data = [
        {"label": label, "value": max(target.weights.effective_sample, 1.0), "tone": TONES[target.status]}
        for label, target in zip(labels, rows, strict=True)
    ]
    return Chart(
        "samples",
        "samples",
        {"rows": data, "most": most, "marks": [LEAST_SAMPLE, AMBER_SAMPLE]},
        "How many rows speak for each target",
        f"The log has {most:,} rows, at the right end. A target that does what the log seldom did rests on few of them,"
        f" however long the log is. Left of {LEAST_SAMPLE:.0f} a target is refused, left of {AMBER_SAMPLE:.0f} it is"
        " read with care. Each step of the axis is ten times the one before.",
        ("", "Effective rows", "of rows", "Largest weight's share", "Weight 0"),
        tuple(
            (
                target.target,
                Figure(f"{target.weights.effective_sample:,.0f}", target.weights.effective_sample),
                count(target.weights.rows),
                share(target.weights.largest_share),
                share(target.weights.zero_share),
            )
            for target in rows
        ),
        (("dash", f"{LEAST_SAMPLE:.0f} and {AMBER_SAMPLE:.0f} effective rows"),),
    )


def histogram(target: TargetReport, index: int) -> Chart | None:
    """How far the target is from what was logged, over all rows of the log that it could have played."""
    found = target.weights
    filled = [at for at, rows in enumerate(found.counts) if rows]
    if not filled or not found.rows:
        return None
    first, last = filled[0], filled[-1]
    bins = [
        (_bin(low, high), rows, rows / found.rows)
        for (low, high), rows in zip(pairwise(found.edges), found.counts, strict=True)
    ][first : last + 1]
    data = [{"label": label, "value": part} for label, _, part in bins]
    largest = digits(NAN, found.largest)
    return Chart(
        f"weights-{index}",
        "histogram",
        {"rows": data, "ticks": _ticks([label for label, *_ in bins]), "tone": TONES[target.status]},
        target.target,
        f"{found.zero_share:.1%} of the rows have weight 0: there the target would have done something else. The"
        f" largest weight is {largest(found.largest)} and carries {found.largest_share:.1%} of all.",
        ("Weight", "Rows", "Share"),
        tuple((label, count(rows), share(part, 2)) for label, rows, part in bins),
        widths=(SMALL,),
    )


def _ticks(labels: Sequence[str]) -> list[str]:
    """Every other label, 1 among them where it is there: no two of them may touch."""
    start = labels.index("1") % 2 if "1" in labels else 0
    return list(labels[start::2])


def _bin(low: float, high: float) -> str:
    if low == 0.0:
        return f"<{_power(high)}"
    return f"{_power(low)}+" if math.isinf(high) else _power(low)


def _power(value: float) -> str:
    return f"1/{1 / value:.0f}" if value < 1.0 else f"{value:.0f}"


def arms(health: LogHealth) -> Chart | None:
    """Whether the log's own probabilities are those it was drawn with, variant by variant."""
    told = [arm for arm in health.arms if math.isfinite(arm.inverse)]
    found = sorted(told, key=lambda arm: -abs(_or_zero(arm.surprise)))[:MOST_ARMS]
    if not found:
        return None
    most = most_errors(len(health.arms))
    ends = [_allowed(arm, most) for arm in found]
    points = [arm.inverse for arm in found]
    domain = [max(0.0, min([0.9, *points, *(low for low, _ in ends)])), min(max([1.1, *points]), 4.0)]
    domain[1] = min(max([domain[1], *(high for _, high in ends)]), max(domain[1], 2.0))
    room = 0.04 * (domain[1] - domain[0])
    domain = [domain[0] - room, domain[1] + room]
    data = [
        {
            "label": label,
            "e": min(max(arm.inverse, domain[0]), domain[1]),
            "lo": max(low, domain[0]),
            "hi": min(high, domain[1]),
            "tone": _arm_tone(arm, most),
            "fill": "surface" if math.isnan(arm.surprise) else _arm_tone(arm, most),
        }
        for label, arm, (low, high) in zip(unique([arm.variant for arm in found]), found, ends, strict=True)
    ]
    wrong = [("known-less", "wrong")] if any(_arm_tone(arm, most) == "worse" for arm in found) else []
    return Chart(
        "arms",
        "arms",
        {"rows": data, "domain": domain},
        "Are the probabilities in the log right?",
        "Where a variant was shown as often as its probabilities say, the mean of 1 / p is 1. The grey bar is what"
        f" chance may do to it ({most:.3g} standard errors). A red dot outside its bar means that the log's"
        " probabilities are wrong for that variant, and with them every figure that uses it. A hollow dot has too few"
        " rows to tell.",
        ("", "Mean of 1 / p", "expected", "standard errors off", "Shown", "Could be shown", "Smallest p", "Raw mean"),
        tuple(_arm_row(arm) for arm in found),
        (("known-plain", "as expected"), *wrong, ("band", "what chance may do")),
    )


def _allowed(arm: ArmHealth, most: float) -> tuple[float, float]:
    """Both ends of what chance may do, `most` standard errors; 1 alone where it is not known how far off it is."""
    surprise = abs(_or_zero(arm.surprise))
    error = abs(arm.inverse - 1.0) / surprise if surprise else 0.0
    return 1.0 - most * error, 1.0 + most * error


def _arm_tone(arm: ArmHealth, most: float) -> str:
    return "worse" if abs(_or_zero(arm.surprise)) > most else "policy"


def _arm_row(arm: ArmHealth) -> Row:
    plain = digits(NAN, 1.0)
    raw = digits(NAN, arm.mean)
    return (
        arm.variant, figure(arm.inverse, plain), "1", figure(arm.surprise, Digits(1)), count(arm.shown),
        count(arm.eligible), figure(arm.least, digits(NAN, arm.least)), figure(arm.mean, raw),
    )  # fmt: skip


def courses(found: Replay) -> Chart | None:
    """The mean reward so far of each learning policy, along its way."""
    known = [policy for policy in found.policies if policy.status != "refused" and len(policy.course.steps) > 1]
    known = sorted(known, key=lambda policy: -policy.value)[:MOST_COURSES]
    if not known:
        return None
    logged = known[0].logged
    names = unique([policy.policy for policy in known])
    rows = [row for name, policy in zip(names, known, strict=True) for row in _steps(name, policy)]
    last = max(policy.course.steps[-1] for policy in known)
    late = [row for row in rows if row["s"] > 0.05 * last] or rows
    ends = [row[key] for row in late for key in ("lo", "hi")] + ([logged] if math.isfinite(logged) else [])
    room = 0.05 * (max(ends) - min(ends)) or 0.05
    shown = digits((max(ends) - min(ends)) / 40, *ends)
    series = [1, 2, 3, 4, 5, 6, 0][: len(names)]
    banded = names if len(names) <= MOST_BANDS else names[:1]
    whose = "its band" if len(banded) == len(names) else "the band of the best"
    return Chart(
        "courses",
        "courses",
        {"rows": rows, "names": names, "series": series, "banded": banded, "last": last, "reference": _or_none(logged),
         "domain": [min(ends) - room, max(ends) + room]},
        "Reward so far, as each policy learned",
        f"Each line is the mean reward of all decisions up to there, as the mean over the runs; {whose} reaches from"
        " the worst run to the best. Across: decisions that a run learned from. A line that still rises has not learned"
        " all it could, so its value understates what it would earn later.",
        ("Decisions", *names, "worst to best of the first"),
        _course_rows(known, shown),
        (*((f"series-{index}", name) for index, name in zip(series, names, strict=True)), ("zero", "the log's mean")),
    )  # fmt: skip


def _steps(name: str, policy: ReplayReport) -> list[dict[str, Any]]:
    found = policy.course
    return [
        {"s": step, "name": name, "m": mean, "lo": low, "hi": high}
        for step, mean, low, high in zip(found.steps, found.mean, found.low, found.high, strict=True)
        if math.isfinite(mean) and math.isfinite(low) and math.isfinite(high)
    ]


def _course_rows(known: Sequence[ReplayReport], shown: Digits) -> tuple[Row, ...]:
    first = known[0].course
    stride = max(1, math.ceil(len(first.steps) / MOST_NUMBERS))
    picked = range(len(first.steps) - 1, -1, -stride)
    return tuple(
        (
            f"{first.steps[at]:,}",
            *(figure(_at(policy, first.steps[at]), shown) for policy in known),
            minus(shown.between(first.low[at], first.high[at])),
        )
        for at in reversed(picked)
    )


def _at(policy: ReplayReport, step: int) -> float:
    """Its mean after so many decisions; NaN where it did not come so far."""
    known = [mean for at, mean in zip(policy.course.steps, policy.course.mean, strict=True) if at >= step]
    return known[0] if known else NAN


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0
