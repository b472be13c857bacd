"""Keyed hashes: who is held out, which number draws the variant, what seeds its vector, and the ids of decisions.

All of them are BLAKE2b with a key and a personalisation word of its own, so that none can be computed from
another. Holdout and draw depend on nothing but their arguments: they can be recomputed years later. Hashing
starts from a copy of a state that has taken in the key already, which saves one of two compressions.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from hashlib import blake2b

from banditcore.errors import NotFound

ID_BYTES = 24
MAX_STREAM = 2**20 - 1
_UUID_BYTES = 16
_COUNTER_BITS = 54
_LOW = 2**42 - 1
_HOLDOUT = b"bc-holdout"
_DRAW = b"bc-draw"
_SEED = b"bc-seed"
_BUCKET = b"bc-bucket"
_MAC = b"bc-id-mac"


def salt_key(salt: str) -> bytes:
    """BLAKE2b key of an experiment's salt: its own hash, since a key has 64 bytes at most and a salt need not."""
    return blake2b(salt.encode(), digest_size=32).digest()


def holdout_bucket(key: bytes) -> Callable[[bytes], float]:
    """Uniform number in [0, 1) of a unit, as UTF-8; the unit is held out when it is below the holdout share."""
    return _uniform(key, _HOLDOUT)


def draw_number(key: bytes) -> Callable[[bytes], float]:
    """Uniform number in [0, 1) of a decision id, which draws the variant."""
    return _uniform(key, _DRAW)


def vector_seed(key: bytes) -> Callable[[bytes], int]:
    """64-bit number of a decision id, which seeds a vector that is estimated from random numbers."""
    hashed = _keyed(key, _SEED)
    return lambda decision: int.from_bytes(hashed(decision), "big")


def unit_bucket(key: bytes) -> Callable[[bytes], int]:
    """One of 256 groups, 0..255, of a unit, as UTF-8, by which variances are clustered.

    Independent of the holdout, so both sides of a comparison spread over all groups.
    """
    hashed = _keyed(key, _BUCKET)
    return lambda unit: hashed(unit)[0]


def _uniform(key: bytes, person: bytes) -> Callable[[bytes], float]:
    """The top 53 bits of the 64-bit keyed hash as a fraction: every value is a float64 below 1."""
    start = blake2b(key=key, person=person, digest_size=8)
    number = int.from_bytes

    def uniform(message: bytes) -> float:
        state = start.copy()
        state.update(message)
        return (number(state.digest(), "big") >> 11) * 2.0**-53

    return uniform


def _keyed(key: bytes, person: bytes) -> Callable[[bytes], bytes]:
    start = blake2b(key=key, person=person, digest_size=8)

    def hashed(message: bytes) -> bytes:
        state = start.copy()
        state.update(message)
        return state.digest()

    return hashed


class DecisionIds:
    """Makes and verifies decision ids of 24 bytes: a UUIDv7 that carries the stream, then 8 bytes of MAC.

    Layout, big-endian: 48 bits Unix milliseconds, 4 version, 12 counter, 2 variant, 20 stream, 42 counter,
    64 MAC over the first 128. Ids of one process rise strictly, also when the clock goes back, and ids of
    one call follow each other without a gap. A forged id passes with a chance of 2**-64 a try.
    """

    def __init__(self, secret: bytes, *, last: bytes | None = None, start: int | None = None) -> None:
        """`last` is the largest id in the store: new ones are later, whatever the clock says.

        The counter starts at a random number of 53 bits unless `start` gives one.
        """
        self._mac = _keyed(secret, _MAC)
        self._lock = threading.Lock()
        self._millisecond = id_milliseconds(last) + 1 if last else 0
        # A random start keeps several processes apart. Once only: asking the system for randomness lets go of the
        # interpreter's lock, which under load costs more than the whole decision.
        self._counter = secrets.randbits(_COUNTER_BITS - 1) if start is None else start

    def new(self, stream: int, count: int, now_us: int) -> list[bytes]:
        """`count` ids for decisions of one call in `stream`, made at `now_us` (Unix microseconds)."""
        millisecond, counter = self._reserve(count, now_us // 1000)
        first = millisecond << 80 | 7 << 76 | (counter >> 42) << 64 | 2 << 62 | stream << 42 | counter & _LOW
        heads = [number.to_bytes(_UUID_BYTES, "big") for number in range(first, first + count)]
        mac = self._mac
        return [head + mac(head) for head in heads]

    def _reserve(self, count: int, millisecond: int) -> tuple[int, int]:
        with self._lock:
            self._millisecond = max(self._millisecond, millisecond)
            if (self._counter & _LOW) + count > _LOW:
                # The low part must not carry into the stream: go on at the next high part.
                self._counter = (self._counter | _LOW) + 1
            first = self._counter
            self._counter = first + count
            return self._millisecond, first

    def verify(self, text: str) -> bytes:
        """The id of a text this store made; NotFound, in one wording for unknown, foreign and forged ones."""
        try:
            raw = bytes.fromhex(text) if len(text) == 2 * ID_BYTES else b""
        except ValueError:
            raw = b""
        if len(raw) != ID_BYTES or not secrets.compare_digest(self._mac(raw[:_UUID_BYTES]), raw[_UUID_BYTES:]):
            raise unknown_decision(text)
        return raw

    def later(self, raw: bytes, steps: int) -> bytes:
        """The id that the same call gave `steps` decisions later."""
        head = (int.from_bytes(raw[:_UUID_BYTES], "big") + steps).to_bytes(_UUID_BYTES, "big")
        return head + self._mac(head)

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


def split_ids(packed: bytes) -> list[bytes]:
    """The ids of a packed batch."""
    return [packed[start : start + ID_BYTES] for start in range(0, len(packed), ID_BYTES)]
