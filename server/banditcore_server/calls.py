"""How many calls were answered with which code, and how long they took. Costs a call less than a microsecond."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import accumulate

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets; one more takes what is beyond."""


class Calls:
    """Counts on one thread; is read from any. What is read may be one call older in one number than in another."""

    def __init__(self) -> None:
        self._codes: Counter[tuple[str, str]] = Counter()
        self._buckets: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS_S) + 1))
        self._seconds: Counter[str] = Counter()

    def record(self, method: str, code: str, seconds: float) -> None:
        """One call of `method` that was answered with `code`, such as OK or NOT_FOUND."""
        self._codes[method, code] += 1
        self._buckets[method][bisect_left(BOUNDS_S, seconds)] += 1
        self._seconds[method] += seconds  # type: ignore[assignment]

    def codes(self) -> dict[tuple[str, str], int]:
        """(method, code) -> calls."""
        return dict(self._codes)

    def times(self) -> dict[str, tuple[list[int], float]]:
        """method -> (calls that took no longer than each bound, and all calls; seconds together)."""
        return {
            method: (list(accumulate(buckets)), float(self._seconds[method]))
            for method, buckets in dict(self._buckets).items()
        }
