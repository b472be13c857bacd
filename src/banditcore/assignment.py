"""Keyed hashes: who is held out, which number draws the variant, and the ids that decisions carry.

All three are BLAKE2b with a key and a personalisation word of its own, so that none can be computed from
another. Holdout and draw depend on nothing but their arguments: they can be recomputed years later.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from hashlib import blake2b

from banditcore.errors import NotFound

ID_BYTES = 24
MAX_STREAM = 2**20 - 1
_UUID_BYTES = 16
_COUNTER_BITS = 54
_HOLDOUT = b"bc-holdout"
_DRAW = b"bc-draw"
_MAC = b"bc-id-mac"


def salt_key(salt: str) -> bytes:
    """BLAKE2b key of an experiment's salt: its own hash, since a key has 64 bytes at most and a salt need not."""
    return blake2b(salt.encode(), digest_size=32).digest()


def holdout_bucket(key: bytes, unit: bytes) -> float:
    """Uniform number in [0, 1) of a unit; it is held out when this is below the holdout share.

    `unit` is the id in UTF-8. The 64-bit hash is divided by 2**64 and rounded towards zero to 53 bits,
    so that the result is below 1.
    """
    digest = blake2b(unit, key=key, person=_HOLDOUT, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


def draw_number(key: bytes, decision_id: bytes) -> float:
    """Uniform number in [0, 1) that draws the variant: the top 53 bits of the keyed hash of the decision id."""
    digest = blake2b(decision_id, key=key, person=_DRAW, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


class DecisionIds:
    """Makes and verifies decision ids of 24 bytes: a UUIDv7 that carries the stream, then 8 bytes of MAC.

    Layout, big-endian: 48 bits Unix milliseconds, 4 version, 12 counter, 2 variant, 20 stream, 42 counter,
    64 MAC over the first 128. Ids of one process rise strictly, also when the clock goes back, and ids of
    one call follow each other without a gap. A forged id passes with a chance of 2**-64 a try.
    """

    def __init__(self, secret: bytes, *, last: bytes | None = None) -> None:
        """`last` is the largest id in the store: new ones are later, whatever the clock says."""
        self._secret = secret
        self._lock = threading.Lock()
        self._millisecond = id_milliseconds(last) + 1 if last else 0
        self._counter = 0

    def new(self, stream: int, count: int, now_us: int) -> list[bytes]:
        """`count` ids for decisions of one call in `stream`, made at `now_us` (Unix microseconds)."""
        millisecond, first = self._reserve(count, now_us // 1000)
        return [self._id(stream, millisecond, first + index) for index in range(count)]

    def _reserve(self, count: int, millisecond: int) -> tuple[int, int]:
        with self._lock:
            if millisecond > self._millisecond:
                self._millisecond = millisecond
                # A random start keeps several processes apart; the upper half stays free for counting on.
                self._counter = secrets.randbits(_COUNTER_BITS - 1)
            first = self._counter
            self._counter += count
            return self._millisecond, first

    def _id(self, stream: int, millisecond: int, counter: int) -> bytes:
        high, low = counter >> 42, counter & (2**42 - 1)
        number = millisecond << 80 | 7 << 76 | high << 64 | 2 << 62 | stream << 42 | low
        head = number.to_bytes(_UUID_BYTES, "big")
        return head + self._mac(head)

    def _mac(self, head: bytes) -> bytes:
        return blake2b(head, key=self._secret, person=_MAC, digest_size=8).digest()

    def verify(self, text: str) -> bytes:
        """The id of a text this store made; NotFound, in one wording for unknown, foreign and forged ones."""
        try:
            raw = bytes.fromhex(text) if len(text) == 2 * ID_BYTES else b""
        except ValueError:
            raw = b""
        if len(raw) != ID_BYTES or not secrets.compare_digest(self._mac(raw[:_UUID_BYTES]), raw[_UUID_BYTES:]):
            raise unknown_decision(text)
        return raw

    def genuine(self, raw: bytes) -> bool:
        """Whether this store made the id."""
        return self._mac(raw[:_UUID_BYTES]) == raw[_UUID_BYTES:]


def unknown_decision(text: str) -> NotFound:
    """The one answer for an id that is unknown, foreign or forged."""
    return NotFound(
        f"decision_id {text[:64]!r} is not a decision of this server", field="decision_id", reason="DECISION_NOT_FOUND"
    )


def id_stream(raw: bytes) -> int:
    """Stream that the id's decision belongs to."""
    return int.from_bytes(raw[8:16], "big") >> 42 & MAX_STREAM


def id_milliseconds(raw: bytes) -> int:
    """Unix milliseconds at which the id was made; never lower than in an earlier id."""
    return int.from_bytes(raw[:6], "big")


def id_bound(milliseconds: int) -> bytes:
    """Least possible id prefix of that millisecond: ids below it were made earlier."""
    return max(milliseconds, 0).to_bytes(6, "big")


def split_ids(packed: bytes) -> Sequence[bytes]:
    """The 24-byte ids of a packed batch."""
    return [packed[start : start + ID_BYTES] for start in range(0, len(packed), ID_BYTES)]
