"""What results mean, in words for people who know no statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, TypeVar

from banditcore.evaluated import Estimate, Evaluation, LogHealth, Replay, ReplayReport, Status, TargetReport
from banditcore.evaluation.showing.digits import digits, of_estimate, span

Answer = Literal["more", "less", "open", "refused"]
ANSWERS: dict[Answer, str] = {
    "more": "earns more",
    "less": "earns less",
    "open": "unclear",
    "refused": "refused",
}
CARRIES: dict[Status, str] = {
    "green": "This log can carry it",
    "amber": "This log can carry it, with care",
    "refused": "This log cannot carry it",
}
_FEW = 3
_LONGEST = 48
_Told = TypeVar("_Told", TargetReport, ReplayReport)


class Headline(NamedTuple):
    """What stands first."""

    tone: Literal["good", "warning", "alarm", "waiting"]
    title: str
    text: str


class Logged(NamedTuple):
    """What the log itself earned on the rows that targets are evaluated on."""

    mean: float
    error: float
    rows: str
    """To be said behind it: which rows these are, where they are not all; begins with a comma then."""


def logged(found: Evaluation) -> Logged:
    """What values are to be held against: not the mean of the whole log where targets have learned from a part."""
    health = found.health
    gains = ((main(target), target.gain) for target in found.targets)
    mean = next((value.value - gain.value for value, gain in gains if value and gain), None)
    if not (found.trained or found.left) or mean is None:
        return Logged(health.mean_reward, health.reward_error, "")
    # Of so many fewer rows, as if they were like the others.
    fewer = max(health.rows - found.trained - found.left, 1) / max(health.rows, 1)
    return Logged(mean, health.reward_error / math.sqrt(fewer), ", on the same rows")


def main(target: TargetReport) -> Estimate | None:
    """The estimate that speaks for the target; None where nothing may be said."""
    return target.estimates[0] if target.estimates and target.status != "refused" else None


def answer(target: TargetReport) -> Answer:
    """Whether the target would have earned more than what was logged."""
    if target.status == "refused":
        return "refused"
    return "open" if target.gain is None else _side(*span(target.gain), 0.0, 0.0)


def replay_answer(policy: ReplayReport, health: LogHealth) -> Answer:
    """Whether the policy would have earned more than what was logged, whose mean is uncertain too.

    Both come from the same rows and so tend to be off the same way; their variances are added as if they did not.
    """
    if policy.status == "refused":
        return "refused"
    error = 2.0 * health.reward_error if math.isfinite(health.reward_error) else 0.0
    low, high = math.hypot(policy.value - policy.low, error), math.hypot(policy.high - policy.value, error)
    return _side(policy.value - low, policy.value + high, policy.logged, policy.logged)


def _side(low: float, high: float, least: float, most: float) -> Answer:
    return "more" if low > most else "less" if high < least else "open"


def together(parts: Sequence[str], most: int = 12) -> str:
    """ "a, b and c", of many the first."""
    if len(parts) > most:
        parts = [*parts[:most], f"{len(parts) - most} more"]
    parts = [short(part) for part in parts]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def short(name: str) -> str:
    """A name that fits into a sentence. The middle goes: parameters that differ are mostly the last."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…{name[-_LONGEST // 2 :]}"


def level(alpha: float) -> str:
    """How sure an interval is: "95%"."""
    return f"{100 * (1 - alpha):.3g}%"


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}" if text else ""


def shared(found: Sequence[Sequence[str]]) -> list[str]:
    """What all of several say, in order, to be said once; nothing where there is but one."""
    return [text for text in dict.fromkeys(found[0]) if all(text in each for each in found)] if len(found) > 1 else []


def without_shared(found: Sequence[_Told]) -> tuple[list[str], list[str], list[_Told]]:
    """(reasons, notes) of all targets or policies, and these with no more than their own."""
    reasons, notes = shared([each.reasons for each in found]), shared([each.notes for each in found])
    own = [
        replace(
            each,
            reasons=tuple(text for text in each.reasons if text not in reasons),
            notes=tuple(text for text in each.notes if text not in notes),
        )
        for each in found
    ]
    return reasons, notes, own


def bootstrapped(found: Evaluation) -> str:
    """The intervals of the bootstrap beside those of the table; empty where there is none."""
    told = []
    for target in found.targets:
        value, shown = main(target), of_estimate(main(target))
        if value and math.isfinite(target.bootstrap_low):
            told.append(f"{target.target} {shown.between(target.bootstrap_low, target.bootstrap_high)}")
    by = "unit" if found.health.has_units else "row"
    return f"Bootstrap by {by}, {level(found.alpha)}: {'; '.join(told)}." if told else ""


def _why(health: LogHealth, refused: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Why nothing is said: what is wrong with the log, else with the first that was refused."""
    if health.reasons:
        return " ".join(map(sentence, health.reasons))
    first = next(((name, reasons[0]) for name, reasons in refused if reasons), None)
    return f"{short(first[0])}: {sentence(first[1])}" if first else ""


def relative(gain: Estimate, mean: float, error: float) -> str:
    """The gain in per cent of the mean of the log; empty where that is not clear of 0."""
    if not (mean > 4.0 * error and mean > 0.0):
        return ""
    # A value below the mean of the log is a loss of at most all of it.
    return f"{gain.value / mean:+.1%}" if abs(gain.value) < 10.0 * mean else f"{1 + gain.value / mean:.3g}-fold"


def headline(found: Evaluation) -> Headline:
    """Which target would have earned more, and whether that is certain."""
    known = [target for target in found.targets if target.status != "refused"]
    if not known or found.health.status == "refused":
        why = _why(found.health, [(target.target, target.reasons) for target in found.targets])
        return Headline(
            "alarm",
            "This log cannot say what these targets would have earned." if found.targets else "Nothing was asked.",
            why,
        )
    better = _by_gain([target for target in known if answer(target) == "more"])
    if better:
        return _better(better, found)
    worse = [target.target for target in known if answer(target) == "less"]
    if len(worse) == len(known):
        less = "Every target that can be judged would have earned less than what was logged."
        return Headline("alarm", less, _left_out(found))
    if worse:
        text = f"{together(worse, _FEW)} would have earned less; of the others the log does not tell."
        return Headline("waiting", "No target is shown to earn more than what was logged.", text + _left_out(found))
    text = "Each interval of a gain holds 0: more rows would tell, or a larger difference."
    title = "The log does not tell whether any target would have earned more."
    return Headline("waiting", title, text + _left_out(found))


def _by_gain(targets: Sequence[TargetReport]) -> list[TargetReport]:
    return sorted(targets, key=lambda target: -_gain(target).value)


def _gain(target: TargetReport) -> Estimate:
    assert target.gain is not None
    return target.gain


def _better(better: Sequence[TargetReport], found: Evaluation) -> Headline:
    best = better[0]
    title = f"{short(best.target)} would have earned more than what was logged."
    if len(better) > 1:
        title = f"{len(better)} of {len(found.targets)} targets would have earned more, {short(best.target)} the most."
    parts = [_how_much(best, found)]
    rivals = [target.target for target in better[1:] if span(_gain(target))[1] >= span(_gain(best))[0]]
    if rivals:
        parts.append(f"Whether it is better than {together(rivals, _FEW)} is not shown: their intervals overlap.")
    if best.status == "amber":
        parts.append(f"To be read with care: {' '.join(map(sentence, best.reasons))}")
    sound = best.status == found.health.status == "green"
    return Headline("good" if sound else "warning", title, " ".join(parts) + _left_out(found))


def _how_much(best: TargetReport, found: Evaluation) -> str:
    gain, estimate, log = _gain(best), main(best), logged(found)
    shown, low, high = of_estimate(gain), *span(gain)
    instead = f"{of_estimate(estimate)(estimate.value)} a decision" if estimate else ""
    instead += f" instead of {digits(log.error, log.mean)(log.mean)}" if math.isfinite(log.mean) else ""
    instead += " of the log on the same rows" if found.trained or found.left else ""
    change = relative(gain, log.mean, log.error)
    more = f"{shown(gain.value)} more{f' ({change})' if change else ''}"
    sure = f"The log is sure at {level(found.alpha)}: between {shown(low)} and {shown(high)} more."
    return f"{instead}, {more}. {sure}"


def _left_out(found: Evaluation) -> str:
    refused = [target.target for target in found.targets if target.status == "refused"]
    return f" Refused, so nothing is known of them: {together(refused, _FEW)}." if refused else ""


def many(found: Evaluation) -> str:
    """What to know where several targets were tried; empty for one."""
    tried = sum(1 for target in found.targets if main(target) is not None)
    if tried < 2:
        return ""
    return (
        f"Each interval is meant for its own target, at {level(found.alpha)}. The best of {tried} looks better than it"
        " is, because it is the luckiest as well: before you rely on it, evaluate it alone on rows not used here."
    )


def replay_headline(found: Replay) -> Headline:
    """Which learning policy would have earned more."""
    known = [policy for policy in found.policies if policy.status != "refused"]
    if not known or found.health.status == "refused":
        why = _why(found.health, [(policy.policy, policy.reasons) for policy in found.policies])
        refused = "This log cannot say what a learning policy would have earned."
        return Headline("alarm", refused if found.policies else "Nothing was asked.", why)
    better = [policy for policy in known if replay_answer(policy, found.health) == "more"]
    if not better:
        return Headline("waiting", "No policy is shown to earn more than what was logged while it learns.", "")
    best = max(better, key=lambda policy: policy.value)
    shown = digits((best.high - best.low) / 4, best.value)
    mean = digits(found.health.reward_error, best.logged)(best.logged)
    text = (
        f"{shown(best.value)} a decision instead of {mean}, while learning from nothing over {best.accepted:,} rows."
        f" A single run differs from that by about {shown(best.spread)}."
    )
    rivals = [policy.policy for policy in better if policy is not best and policy.high >= best.low]
    if rivals:
        text += f" Whether it is better than {together(rivals, _FEW)} is not shown: their intervals overlap."
    if best.over:
        text += f" {best.over:,} rows had a larger ratio than the method allows, so the figure is biased."
    sound = best.status == found.health.status == "green"
    tone: Literal["good", "warning"] = "good" if sound and not best.over else "warning"
    return Headline(tone, f"While it learned, {short(best.policy)} would have earned more than what was logged.", text)


def worst_arm(health: LogHealth) -> str:
    """The variant whose propensities fit worst, in a sentence; empty where none can be told."""
    told = [arm for arm in health.arms if math.isfinite(arm.surprise)]
    if not told:
        return ""
    worst = max(told, key=lambda arm: abs(arm.surprise))
    return (
        f"The variant whose propensities fit worst is {worst.variant}: mean of 1[shown] / p {worst.inverse:.4g} where 1"
        f" is expected, {abs(worst.surprise):.2g} standard errors off, over {worst.eligible:,} rows."
    )
