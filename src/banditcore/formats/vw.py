"""Text of Vowpal Wabbit for contextual bandits: `--cb`, one line a decision, and `--cb_adf`, one line an action."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from banditcore.bandit_log import BanditLog, Rows
from banditcore.errors import InvalidInput
from banditcore.formats.checking import MOST_ARMS, given_arms, plain_number, reporter, shown, sound_rows
from banditcore.formats.hashing import DIMS, Features, given_arm_features, given_dims, hashed, hashed_by_arm
from banditcore.formats.lines import FEW, numbered, paged
from banditcore.formats.problems import Problems

NAME = "vw"
SUFFIXES = (".vw", ".dat")
_LABEL = re.compile(r"(\d{1,9})(?::([^:\s]*))?(?::([^:\s]*))?")
_NAMES = {"arms": "action", "rewards": "cost", "propensity": "probability", "contexts": "features"}
_SHARED = "shared"
_FIRST = re.compile(rf"\s*({_SHARED}\b[^|]*|({_LABEL.pattern}\s+)*('\S*\s*)?)\|")


class _Unusable(Exception):
    """(column, what is wrong with it)."""


@dataclass(slots=True)
class _Decision:
    arm: int = -1
    """From 0."""
    cost: float = np.nan
    probability: float = np.nan
    listed: frozenset[int] = frozenset()
    """The actions that could be shown; empty for all."""
    shared: Features = field(default_factory=list)
    actions: dict[int, Features] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a pass over the file needs to know."""

    path: Path
    adf: bool
    n_arms: int
    partly: bool
    """Whether not every action could always be shown."""
    dims: int
    by_arm: bool
    lenient: bool


def sniff(path: Path, start: bytes) -> bool:
    lines = start.decode(errors="replace").splitlines()
    return bool(lines) and _FIRST.match(lines[0]) is not None


def read(
    path: Path,
    *,
    lenient: bool = False,
    dims: int = DIMS,
    n_arms: int | None = None,
    arm_features: bool | None = None,
    adf: bool | None = None,
) -> BanditLog:
    """Lines of `action:cost:probability | features`, or of `--cb_adf` with a blank line between. Raises InvalidInput.

    The reward is minus the cost; actions count from 1 and keep these numbers as keys. dims: columns that features are
    hashed into. n_arms: else the largest action found. arm_features: contexts by arm; None: where actions have
    features of their own. adf: None finds out.
    """
    adf = _is_adf(path) if adf is None else adf
    survey = _survey(path, adf)
    k = given_arms(n_arms) or max(1, survey.largest)
    plan = _Plan(
        path=path,
        adf=adf,
        n_arms=k,
        partly=not survey.sizes <= {0, k},
        dims=given_dims(dims),
        by_arm=_first_given(given_arm_features(arm_features), survey.by_arm),
        lenient=lenient,
    )
    return BanditLog(
        [str(arm + 1) for arm in range(plan.n_arms)],
        partial(_pages, plan),
        source=str(path),
        features=[f"hash[{index}]" for index in range(plan.dims)],
        rows=survey.rows,
        path=str(path),
        metadata={"format": NAME},
    )


def _first_given(asked: bool | None, found: bool) -> bool:
    return found if asked is None else asked


# Decisions, as (number of the first line, their lines)


def _is_adf(path: Path) -> bool:
    """A line of its own for each action: with a shared line, or with blank lines between and lines without a label."""
    gap = bare = False
    # More lines than the longest decision may have say no more.
    for _, line in islice(numbered(path, Problems("", lenient=True)), MOST_ARMS + 2):
        if line.startswith(_SHARED):
            return True
        gap |= not line.strip()
        bare |= line.lstrip().startswith("|")
        if gap and bare:
            return True
    return False


def _blocks(path: Path, adf: bool, problems: Problems) -> Iterator[tuple[int, str]]:
    lines = numbered(path, problems)
    return _grouped(lines, problems) if adf else ((number, line) for number, line in lines if line.strip())


def _grouped(lines: Iterator[tuple[int, str]], problems: Problems) -> Iterator[tuple[int, str]]:
    block: list[str] = []
    start, whole, before = 1, True, 0
    for number, line in lines:
        # A line that cannot be read leaves a decision with a wrong number of actions; it has been told of.
        whole &= number == before + 1
        before = number
        if line.strip():
            start = start if block else number
            block.append(line)
            if len(block) > MOST_ARMS + 1:
                raise InvalidInput(f"row {start}: more than {MOST_ARMS:,} lines without a blank one", field="the line")
            continue
        if block and whole:
            yield start, "\n".join(block)
        block, whole = [], True
    if block and whole:
        yield start, "\n".join(block)


def _decisions(page: Iterable[tuple[int, str]], adf: bool, problems: Problems) -> Iterator[tuple[int, _Decision]]:
    """Those that can be read and have a label."""
    for number, text in page:
        try:
            decision = _several_lines(text.split("\n")) if adf else _one_line(text)
        except _Unusable as error:
            problems.bad(number, *error.args)
            continue
        if decision.arm < 0:
            problems.leave_out("no label")
        else:
            yield number, decision


def _one_line(line: str) -> _Decision:
    labels, features = _split(line)
    decision = _Decision(shared=features)
    for label in labels:
        if label[0] == "0":
            raise _Unusable("action", "is 0: this format counts from 1, the file seems to count from 0")
        _take(decision, int(label[0]) - 1, label)
    if len(labels) > 1:
        decision.listed = frozenset(int(label[0]) - 1 for label in labels)
    return decision


def _several_lines(lines: list[str]) -> _Decision:
    decision = _Decision()
    if lines[0].startswith(_SHARED):
        decision.shared = _features(lines.pop(0))
    if not lines:
        raise _Unusable("action", "is missing: there is a shared line and nothing else")
    for arm, line in enumerate(lines):
        labels, decision.actions[arm] = _split(line)
        for label in labels:
            # Vowpal Wabbit does not look at the action of a label either: the line is the action.
            _take(decision, arm, label)
    decision.listed = frozenset(range(len(lines)))
    return decision


Label = tuple[str, str, str]


def _take(decision: _Decision, arm: int, label: Label) -> None:
    _, cost, probability = label
    if not cost and not probability:
        return
    if decision.arm >= 0:
        raise _Unusable("action", "has a cost twice: one action was shown")
    if not probability:
        raise _Unusable("probability", "is missing: write action:cost:probability")
    decision.arm = arm
    decision.cost, decision.probability = _number("cost", cost), _number("probability", probability)


def _split(line: str) -> tuple[list[Label], Features]:
    head, bar, _ = line.partition("|")
    if not bar:
        raise _Unusable("features", "are missing: a line needs a |, the line may break off")
    words = head.split()
    if words and (words[-1].startswith("'") or (head[-1:].strip() and _LABEL.fullmatch(words[-1]) is None)):
        del words[-1]
    labels = []
    for word in words:
        if (found := _LABEL.fullmatch(word)) is None:
            raise _Unusable("action", f"must be written action:cost:probability, found {shown(word)}")
        labels.append((found[1], found[2] or "", found[3] or ""))
    return labels, _features(line)


def _features(line: str) -> Features:
    found: Features = []
    for part in line.split("|")[1:]:
        words = part.split()
        namespace, scale = " ", 1.0
        if words and not part[0].isspace():
            namespace, _, weight = words.pop(0).partition(":")
            scale = _number("features", weight) if weight else 1.0
        for word in words:
            name, colon, value = word.partition(":")
            found.append((f"{namespace}^{name}", scale * _number("features", value) if colon else scale))
    return found


def _number(column: str, text: str) -> float:
    try:
        return plain_number(text)
    except ValueError:
        raise _Unusable(column, f"is no number, found {shown(text)}") from None


# First pass: how many actions there are


@dataclass(slots=True)
class _Survey:
    rows: int = 0
    largest: int = 0
    by_arm: bool = False
    sizes: set[int] = field(default_factory=set)
    """How many actions were listed; 0 where none was."""


def _survey(path: Path, adf: bool) -> _Survey:
    survey = _Survey()
    quiet = Problems("", lenient=True)
    # The rows that are bad are told of when they are read.
    for _, decision in _decisions(_blocks(path, adf, quiet), adf, quiet):
        survey.rows += 1
        largest = max(decision.listed, default=decision.arm) + 1
        if largest <= MOST_ARMS:
            survey.largest = max(survey.largest, largest, decision.arm + 1)
        survey.sizes.add(len(decision.listed))
        survey.by_arm |= any(decision.actions.values())
    return survey


# Second pass: the rows


def _pages(plan: _Plan) -> Iterator[Rows]:
    problems = Problems(str(plan.path), plan.lenient)
    cells = plan.dims * (plan.n_arms if plan.by_arm else 1) + (plan.n_arms if plan.partly else 0)
    for page in paged(_blocks(plan.path, plan.adf, problems), cells, FEW):
        found = list(_decisions(page, plan.adf, problems))
        yield _rows(plan, [number for number, _ in found], [decision for _, decision in found], problems)


def _rows(plan: _Plan, numbers: list[int], decisions: list[_Decision], problems: Problems) -> Rows:
    return sound_rows(
        plan.n_arms,
        problems,
        reporter(problems, numbers, _NAMES, plan.n_arms, base=1),
        contexts=_contexts(plan, decisions),
        arms=[decision.arm for decision in decisions],
        rewards=[0.0 - decision.cost for decision in decisions],
        propensity=[decision.probability for decision in decisions],
        eligible=_eligible(plan, decisions) if plan.partly else None,
    )


def _contexts(plan: _Plan, decisions: list[_Decision]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    shared = [decision.shared for decision in decisions]
    if plan.by_arm:
        within = [{arm: own for arm, own in it.actions.items() if arm < plan.n_arms} for it in decisions]
        return hashed_by_arm(shared, within, plan.n_arms, plan.dims)
    return hashed(shared, plan.dims)


def _eligible(plan: _Plan, decisions: list[_Decision]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.zeros((len(decisions), plan.n_arms), dtype=np.bool_)
    for row, decision in enumerate(decisions):
        mask[row, [arm for arm in decision.listed if 0 <= arm < plan.n_arms] or slice(None)] = True
    return mask
