"""What is known later and from elsewhere, as plain data: imported rewards, and units found to be one customer."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, NamedTuple

from banditcore.errors import BanditcoreError

Rule = Literal["last", "first", "all"]
"""Which of a unit's decisions within the window earned an imported reward; "all": each of them, the full value."""
RULES: tuple[Rule, ...] = ("last", "first", "all")
ImportOutcome = Literal["imported", "duplicate", "late", "unattributed", "refused"]


class UnitReward(NamedTuple):
    """One observation of a goal for one unit, such as a sale in a shop."""

    unit: str
    goal: str
    value: float
    time_us: int
    """When it happened, in microseconds since the Unix epoch."""
    key: str = ""
    """Makes it safe to repeat, within (unit, goal); at most 249 bytes. Empty: derived, see `derive_keys`."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of one imported reward."""

    error: BanditcoreError | None = None
    """Why it was refused; nothing of it was recorded then."""
    decisions: int = 0
    """How many decisions it was recorded for, and counts for. More than one only by the rule "all"."""
    late: int = 0
    """How many it was recorded for without counting: their window and delay had passed when it arrived."""
    duplicate: bool = False
    """True when it was recorded before; nothing was changed."""
    resolved: int = 0
    """How many of the decisions the learner will learn from because of it."""

    @property
    def outcome(self) -> ImportOutcome:
        """The result in one word. "unattributed": the unit had no decision within the window."""
        if self.error is not None:
            return "refused"
        if self.duplicate:
            return "duplicate"
        return "imported" if self.decisions else "late" if self.late else "unattributed"


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What became of one merge of identities."""

    error: BanditcoreError | None = None
    """Why it was refused."""
    duplicate: bool = False
    """True when the two were known to be one customer."""


def derive_keys(rewards: Sequence[UnitReward]) -> list[UnitReward]:
    """The same, each with a key: where none is given, a hash of the rest and of how many like it came before.

    Two equal sales of one second are two, and the same rows in the same order get the same keys again. Whoever sends a
    file in several calls derives the keys for the whole of it.
    """
    seen: Counter[bytes] = Counter()
    keyed = []
    for reward in rewards:
        if not reward.key:
            content = fingerprint(reward)
            reward = reward._replace(key=derived_key(content, seen[content]))
            seen[content] += 1
        keyed.append(reward)
    return keyed


def fingerprint(reward: UnitReward) -> bytes:
    """16 bytes of unit, goal, time and value; zero has no sign here."""
    hashed = blake2b(digest_size=16, person=b"bc-import")
    for part in (reward.unit, reward.goal):
        encoded = part.encode()
        hashed.update(struct.pack("<q", len(encoded)) + encoded)
    hashed.update(struct.pack("<qd", reward.time_us, reward.value + 0.0))
    return hashed.digest()


def derived_key(content: bytes, occurrence: int) -> str:
    """The key of the row with that fingerprint which `occurrence` like it precede."""
    return blake2b(content + struct.pack("<q", occurrence), digest_size=16, person=b"bc-import-key").hexdigest()
