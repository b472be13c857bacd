"""An evaluation and a replay for a terminal: whether the log can carry it first, then the answer, then all figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from banditcore.commands.output import print_table, say
from banditcore.commands.words import share
from banditcore.evaluated import Evaluation, LogHealth, Replay, ReplayReport, Status, TargetReport
from banditcore.evaluation.showing import answers
from banditcore.evaluation.showing.answers import sentence
from banditcore.evaluation.showing.digits import digits, of_estimate, span

_STATUS: dict[Status, str] = {"green": "green", "amber": "AMBER", "refused": "REFUSED"}
_FAR = 2.0
"""Standard errors of DR."""
_CARRIES: dict[Status, str] = {"green": "Yes", "amber": "With care", "refused": "No"}
_HOW = (
    "Value: what a decision of the target would have earned. Gain: that less the mean of the log{rows}; an interval"
    " without 0 is certain at {sure}. Green: can be relied on. Amber: with care, by intervals that hold at all looks."
    " Refused: the log does not tell, so no number is given. Eff. rows: how many rows speak for it; top w: share of the"
    " largest weight in all weights."
)
_HOW_REPLAY = (
    "Value: mean reward a decision while the policy learns from nothing. Spread: how far one run is from another, as a"
    " standard deviation. Interval: of what is expected over logs like this one."
)


def print_evaluation(found: Evaluation) -> None:
    """Prints what the log says of each target."""
    print_health(found.health, found.source, asked=bool(found.targets))
    print()
    if not found.targets:
        say("No target was asked about: name some by --policy, such as --policy always:VARIANT.")
        return
    _say_headline(answers.headline(found), found.health)
    print()
    print_table(
        "What a decision of each target would have earned",
        ("target", "answer", "value", "interval", "gain", "interval", "eff. rows", "top w"),
        [_target_row(target) for target in found.targets],
        caption=_HOW.format(sure=answers.level(found.alpha), rows=answers.logged(found).rows),
    )
    if text := answers.bootstrapped(found):
        say(text)
    _say_each("All targets", [_said(target, found.health) for target in found.targets])
    _print_sensitivity(found)
    for text in (_apart(found), answers.many(found), _trained(found)):
        if text:
            say(text)


def print_replay(found: Replay) -> None:
    """Prints what each learning policy would have earned."""
    print_health(found.health, found.source, asked=True)
    print()
    _say_headline(answers.replay_headline(found), found.health)
    print()
    if found.policies:
        print_table(
            f"What each policy would have earned while it learned (the log: {_logged(found)})",
            ("policy", "answer", "method", "value", "spread", "interval", "accepted", "of rows", "runs"),
            [_policy_row(policy, found.health) for policy in found.policies],
            caption=_HOW_REPLAY,
        )
    _say_each("All policies", [_said_of_policy(policy, found.health) for policy in found.policies])


def print_health(health: LogHealth, source: str, *, asked: bool) -> None:
    """Prints whether a log can carry an evaluation, and what it cannot answer: in short where it can carry what was
    `asked`."""
    if asked and health.status == "green":
        say(_sound(health, source))
        return
    say(
        f"Can this log carry it? {_CARRIES[health.status]}. {' '.join(map(sentence, health.reasons))}".strip(),
        alarm=health.status == "refused",
    )
    say(_counted(health, source))
    for reason, rows in health.left_out.items():
        say(f"left out, {rows:,} rows: {reason}", indent=2)
    for text in health.can:
        say(f"can answer: {text}", indent=2)
    for text in health.cannot:
        say(f"CANNOT answer: {text}", indent=2)
    if worst := answers.worst_arm(health):
        say(worst)


def _counted(health: LogHealth, source: str) -> str:
    whose = f" of {health.units:,} units" if health.has_units else ", no units"
    shown = digits(health.reward_error, health.mean_reward)
    mean = f", mean reward {shown(health.mean_reward)} +- {shown(health.reward_error)}" if health.rows else ""
    return f"{source}: {health.rows:,} rows{whose}{mean}."


def _sound(health: LogHealth, source: str) -> str:
    """All that a reader of figures from a sound log must know of it."""
    left = ", ".join(f"{rows:,} {reason}" for reason, rows in health.left_out.items())
    parts = [
        f"Can this log carry it? Yes. {_counted(health, source)}",
        f"Left out: {left}." if left else "",
        "" if health.has_units else "Without units, errors are too small where people return.",
        answers.worst_arm(health),
        "`banditcore evaluate LOG` alone lists what it can and cannot answer.",
    ]
    return " ".join(filter(None, parts))


def _say_headline(found: answers.Headline, health: LogHealth) -> None:
    say(found.title, alarm=found.tone == "alarm")
    # Why a log is refused stands above already.
    if found.text and health.status != "refused":
        say(found.text.strip())


def _target_row(target: TargetReport) -> tuple[str, ...]:
    value, gain, found = answers.main(target), target.gain, target.weights
    known = (target.target, _answer(target.status, answers.answer(target)))
    shown = of_estimate(value)
    first = (shown(value.value), _tight(shown.between(*span(value)))) if value else ("-", "-")
    shown = of_estimate(gain)
    second = (
        (shown(gain.value, signed=True), _tight(shown.between(*span(gain), signed=True)))
        if gain and value
        else ("-", "-")
    )
    return (*known, *first, *second, _rows(found.effective_sample), share(found.largest_share))


def _answer(status: Status, answer: answers.Answer) -> str:
    return _STATUS[status] if status == "refused" else f"{_STATUS[status]}: {answers.ANSWERS[answer]}"


def _tight(text: str) -> str:
    """An interval that is not broken into two lines."""
    return text.replace(" .. ", "..")


def _rows(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "-"


_Said = tuple[str, list[str], list[str]]
"""Whose, why it is not green, and what else to know."""


def _said(target: TargetReport, health: LogHealth) -> _Said:
    """What is not green: why, but for what was said of the log, and between which bounds it is in any case."""
    if target.status == "green":
        return target.target, [], list(map(sentence, target.notes))
    bounds = digits(math.nan, target.lower, target.upper).between(target.lower, target.upper)
    known = "Not even bounds are known." if bounds == "-" else f"Whatever the overlap, its value is in {bounds}."
    return (
        _whose(target.target, target.status),
        [*_own(target.reasons, health), known],
        list(map(sentence, target.notes)),
    )


def _said_of_policy(policy: ReplayReport, health: LogHealth) -> _Said:
    reasons = _own(policy.reasons, health)
    notes = list(map(sentence, policy.notes))
    if policy.over and not policy.reasons:
        notes.insert(0, f"{policy.over:,} rows had a ratio above M = {policy.bound:.4g}: its value is biased.")
    return _whose(policy.policy, policy.status) if reasons else policy.policy, reasons, notes


def _whose(name: str, status: Status) -> str:
    return f"{name}, {_STATUS[status]}"


def _own(reasons: Sequence[str], health: LogHealth) -> list[str]:
    return [sentence(reason) for reason in reasons if reason not in health.reasons]


def _say_each(everybody: str, said: Sequence[_Said]) -> None:
    """Under the table, of each why and what to know; first, and once, what holds for all."""
    reasons, notes = (answers.shared([each[part] for each in said]) if said else [] for part in (1, 2))
    rest = [
        (name, [text for text in why if text not in reasons] + [text for text in known if text not in notes])
        for name, why, known in said
    ]
    for name, texts in [(everybody, [*reasons, *notes]), *rest]:
        if texts:
            say(f"{name}: {' '.join(texts)}")


def _print_sensitivity(found: Evaluation) -> None:
    shown = [target for target in found.targets if answers.main(target) and len(target.estimates) > 1]
    names = dict.fromkeys(item.estimator for target in shown for item in target.estimates)
    if not shown:
        return
    print()
    print_table(
        "The same by other estimators",
        ("target", *names),
        [(target.target, *(_by(target, name) for name in names)) for target in shown],
        caption=(
            "Values only, as all but dr and snips are biased in a way that no interval shows. Where they are far apart,"
            " trust none of them."
        ),
    )


def _by(target: TargetReport, name: str) -> str:
    found = next((item for item in target.estimates if item.estimator == name), None)
    return "-" if found is None else of_estimate(answers.main(target))(found.value)


def _apart(found: Evaluation) -> str:
    """Which targets the main estimators do not agree on; empty where they do on all."""
    far = [target for target in found.targets if target.estimators_apart > _FAR]
    if not far:
        return ""
    told = answers.together([f"{target.target} ({target.estimators_apart:.1f})" for target in far])
    return f"DR and SNIPS are more than {_FAR:.0f} standard errors apart for {told}: take the wider of both intervals."


def _trained(found: Evaluation) -> str:
    if not found.trained:
        return ""
    return f"No estimate uses the first {found.trained:,} rows: the targets that say so were trained on them."


def _logged(found: Replay) -> str:
    mean = found.policies[0].logged
    return digits(found.health.reward_error, mean)(mean)


def _policy_row(policy: ReplayReport, health: LogHealth) -> tuple[str, ...]:
    known = (policy.policy, _answer(policy.status, answers.replay_answer(policy, health)))
    shown = digits((policy.high - policy.low) / 4, policy.value, policy.low, policy.high)
    refused = policy.status == "refused"
    value = ("-", "-", "-") if refused else (
        shown(policy.value), shown(policy.spread), _tight(shown.between(policy.low, policy.high))
    )  # fmt: skip
    return (*known, policy.method, *value, f"{policy.accepted:,}", f"{policy.rows:,}", f"{policy.repeats:,}")
