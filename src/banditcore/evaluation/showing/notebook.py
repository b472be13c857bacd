"""Results that show themselves in a notebook: a table, a data frame, a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from banditcore import evaluated
from banditcore.errors import InvalidInput
from banditcore.evaluated import NAN, Estimate, ReplayReport, TargetReport
from banditcore.evaluation.showing import answers
from banditcore.evaluation.showing.digits import digits, of_estimate, span
from banditcore.evaluation.showing.figures import unique

if TYPE_CHECKING:
    import altair
    import pandas

TONES = {"earns more": "#14693f", "earns less": "#a61b26", "unclear": "#596273"}
WIDTH = 520


class Evaluation(evaluated.Evaluation):
    """An evaluation that shows itself. What it holds is said at `banditcore.evaluated.Evaluation`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return evaluation_html(self)

    def to_pandas(self) -> pandas.DataFrame:
        """One row a target and estimator. Raises InvalidInput where pandas is missing."""
        return evaluation_frame(self)

    def plot(self) -> altair.LayerChart:
        """Gain over the log of each target. Raises InvalidInput where altair is missing."""
        return evaluation_chart(self)

    def to_html(self, file: str | Path) -> None:
        """Writes the page to a file. Raises InvalidInput where that cannot be done."""
        from banditcore.evaluation.showing.page import write_page

        write_page(Path(file), self, None)


class Replay(evaluated.Replay):
    """A replay that shows itself. What it holds is said at `banditcore.evaluated.Replay`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return replay_html(self)

    def to_pandas(self) -> pandas.DataFrame:
        """One row a policy. Raises InvalidInput where pandas is missing."""
        return replay_frame(self)

    def plot(self) -> altair.LayerChart:
        """Mean reward so far of each policy. Raises InvalidInput where altair is missing."""
        return replay_chart(self)

    def to_html(self, file: str | Path) -> None:
        """Writes the page to a file. Raises InvalidInput where that cannot be done."""
        from banditcore.evaluation.showing.page import write_page

        write_page(Path(file), None, self)


def evaluation_html(found: evaluated.Evaluation) -> str:
    """A compact table, with why what is not green is not."""
    head = answers.headline(found)
    columns = ("target", "status", "answer", "value", "interval", "gain", "interval", "effective rows")
    rows = [_target_cells(target) for target in found.targets]
    reasons, _, own = answers.without_shared(found.targets)
    whys = [("All targets", reasons), *((target.target, target.reasons) for target in own)]
    return _html(found.health, head, columns, rows, whys, answers.bootstrapped(found))


def replay_html(found: evaluated.Replay) -> str:
    """A compact table, with why what is not green is not."""
    head = answers.replay_headline(found)
    columns = ("policy", "status", "answer", "method", "value", "spread", "interval", "accepted")
    rows = [_policy_cells(policy, found) for policy in found.policies]
    reasons, _, own = answers.without_shared(found.policies)
    whys = [("All policies", reasons), *((policy.policy, policy.reasons) for policy in own)]
    return _html(found.health, head, columns, rows, whys)


def _target_cells(target: TargetReport) -> tuple[str, ...]:
    value, gain = answers.main(target), target.gain
    cells = (target.target, target.status, answers.ANSWERS[answers.answer(target)])
    sample = target.weights.effective_sample
    return (
        *cells, *_cells(value), *_cells(gain if value else None, signed=True),
        f"{sample:,.0f}" if math.isfinite(sample) else "-",
    )  # fmt: skip


def _cells(estimate: Estimate | None, *, signed: bool = False) -> tuple[str, str]:
    if estimate is None:
        return "-", "-"
    shown = of_estimate(estimate)
    return shown(estimate.value, signed=signed), shown.between(*span(estimate), signed=signed)


def _policy_cells(policy: ReplayReport, found: evaluated.Replay) -> tuple[str, ...]:
    cells = (policy.policy, policy.status, answers.ANSWERS[answers.replay_answer(policy, found.health)], policy.method)
    accepted = f"{policy.accepted:,} of {policy.rows:,}"
    if policy.status == "refused":
        return (*cells, "-", "-", "-", accepted)
    shown = digits((policy.high - policy.low) / 4, policy.value, policy.low, policy.high)
    return (*cells, shown(policy.value), shown(policy.spread), shown.between(policy.low, policy.high), accepted)


def _html(
    health: evaluated.LogHealth,
    head: answers.Headline,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    whys: Sequence[tuple[str, Sequence[str]]],
    below: str = "",
) -> str:
    why = " ".join(map(answers.sentence, health.reasons))
    said = f"<p>{escape(f'{answers.CARRIES[health.status]}. {why}'.strip())}</p>"
    title = f"<p><strong>{escape(head.title)}</strong> {escape(head.text)}</p>"
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    rest = "".join(
        f"<li>{escape(name)}: {escape(' '.join(map(answers.sentence, reasons)))}</li>"
        for name, reasons in whys
        if reasons
    )
    listed = (f"<p>{escape(below)}</p>" if below else "") + (f"<ul>{rest}</ul>" if rest else "")
    return f"<div>{said}{title}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{listed}</div>"


def evaluation_frame(found: evaluated.Evaluation) -> pandas.DataFrame:
    """One row a target and estimator, and one without an estimator for each target that was refused."""
    rows = [_estimate_row(target, item) for target in found.targets for item in target.estimates or (None,)]
    return _pandas().DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "target", "status", "answer", "estimator", "role", "value", "standard_error", "low", "high", "anytime_low",
    "anytime_high", "parameter", "bootstrap_low", "bootstrap_high", "gain", "gain_low", "gain_high", "lower", "upper",
    "rows", "effective_sample", "largest_weight", "largest_share", "zero_share", "reasons",
]  # fmt: skip


def _estimate_row(target: TargetReport, item: Estimate | None) -> dict[str, Any]:
    known = item or Estimate("", NAN)
    # The gain and the bootstrap are those of the first estimate.
    first = item is not None and item is target.estimates[0]
    gain = target.gain if target.gain and first else Estimate("", NAN)
    return {
        "target": target.target,
        "status": target.status,
        "answer": answers.answer(target),
        "estimator": known.estimator or None,
        "role": known.role if item else None,
        **{name: getattr(known, name) for name in _COLUMNS[5:12]},
        "bootstrap_low": target.bootstrap_low if first else NAN,
        "bootstrap_high": target.bootstrap_high if first else NAN,
        "gain": gain.value,
        **dict(zip(("gain_low", "gain_high"), span(gain), strict=True)),
        "lower": target.lower,
        "upper": target.upper,
        "rows": target.weights.rows,
        "effective_sample": target.weights.effective_sample,
        "largest_weight": target.weights.largest,
        "largest_share": target.weights.largest_share,
        "zero_share": target.weights.zero_share,
        "reasons": "; ".join(target.reasons),
    }


_REPLAYED = [
    "policy", "status", "method", "value", "spread", "low", "high", "least", "most", "repeats", "shuffled", "accepted",
    "rows", "bound", "over", "logged",
]  # fmt: skip


def replay_frame(found: evaluated.Replay) -> pandas.DataFrame:
    """One row a policy."""
    rows = [
        {name: getattr(policy, name) for name in _REPLAYED}
        | {"answer": answers.replay_answer(policy, found.health), "reasons": "; ".join(policy.reasons)}
        for policy in found.policies
    ]
    return _pandas().DataFrame(rows, columns=[*_REPLAYED[:2], "answer", *_REPLAYED[2:], "reasons"])


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise InvalidInput(f"a data frame needs pandas ({error}): pip install pandas", field="pandas") from None
    return pandas


def evaluation_chart(found: evaluated.Evaluation) -> altair.LayerChart:
    """Gain over the log with its interval, best first; refused targets are not in it."""
    alt = _altair()
    names = unique([target.target for target in found.targets])
    rows = [
        {"target": name, "gain": target.gain.value, "low": span(target.gain)[0], "high": span(target.gain)[1],
         "answer": answers.ANSWERS[answers.answer(target)], "status": target.status}
        for name, target in zip(names, found.targets, strict=True)
        if target.gain and target.status != "refused"
    ]  # fmt: skip
    base = alt.Chart(alt.Data(values=_plain(rows)), width=WIDTH)
    y = alt.Y("target:N", sort=alt.EncodingSortField("gain", order="descending"), title=None)
    colour = alt.Color("answer:N", title=None, scale=alt.Scale(domain=list(TONES), range=list(TONES.values())))
    tips = ["target:N", "answer:N", "status:N", *(alt.Tooltip(f"{name}:Q") for name in ("gain", "low", "high"))]
    title = f"gain over the log{answers.logged(found).rows}"
    lines = base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", title=title), x2="high:Q", y=y)
    dots = base.mark_point(size=90, filled=True, opacity=1).encode(x="gain:Q", y=y)
    dots = dots.encode(
        shape=alt.Shape("status:N", scale=alt.Scale(domain=["green", "amber"], range=["circle", "diamond"]))
    )
    zero = alt.Chart(alt.Data(values=[{}])).mark_rule(color="#7b8597").encode(x=alt.X(datum=0))
    shown = [layer.encode(color=colour, tooltip=tips) for layer in (lines, dots)]
    chart: altair.LayerChart = alt.layer(zero, *shown)
    return chart


def replay_chart(found: evaluated.Replay) -> altair.LayerChart:
    """Mean reward so far along the way of each policy, with a band from its worst to its best run."""
    alt = _altair()
    names = unique([policy.policy for policy in found.policies])
    rows = [
        {"policy": name, "decisions": step, "reward": mean, "worst": low, "best": high}
        for name, policy in zip(names, found.policies, strict=True)
        for step, mean, low, high in zip(
            policy.course.steps, policy.course.mean, policy.course.low, policy.course.high, strict=True
        )
    ]
    base = alt.Chart(alt.Data(values=_plain(rows)), width=WIDTH).encode(
        x=alt.X("decisions:Q", title="decisions learned from"), color=alt.Color("policy:N", title=None)
    )
    scale = alt.Scale(zero=False)
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("worst:Q", scale=scale, title="mean reward so far"), y2="best:Q")
    tips = ["policy:N", "decisions:Q", "reward:Q", "worst:Q", "best:Q"]
    line = base.mark_line(strokeWidth=2.5).encode(y=alt.Y("reward:Q", scale=scale), tooltip=tips)
    logged = [{"logged": policy.logged} for policy in found.policies[:1]]
    rule = alt.Chart(alt.Data(values=_plain(logged))).mark_rule(color="#7b8597").encode(y="logged:Q")
    chart: altair.LayerChart = alt.layer(rule, band, line)
    return chart


def _plain(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What JSON knows: null for NaN."""
    return [
        {name: None if isinstance(cell, float) and not math.isfinite(cell) else cell for name, cell in row.items()}
        for row in rows
    ]


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise InvalidInput(f'a chart needs altair ({error}): pip install "banditcore[offline]"', field="plot") from None
    return altair
