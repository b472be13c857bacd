"""The protocol of Chapelle and Li (2011), "An Empirical Evaluation of Thompson Sampling", table 1, and its figures.

Said there: "a dynamic set of 10 items. At a given time, with probability 10^-3 one of the item retires and is replaced
by a new one. The true reward probability of a given item is drawn according to a Beta(4,4) distribution. The feedback
is received only every delta time units." Regret is the mean over 100 repetitions at T = 10^6.

Left open there, and chosen here:
- Which item retires: any of the ten with the same probability, at most one a step. (Were each of them to retire with
  10^-3 of its own, ten times as many would: regret at delta 1 is 42,500 then, not 9,105.)
- The belief about an item is Beta(1,1) before its first feedback, as in the paper's section 3 and unlike the truth.
- When a policy hears of a replacement: at once. It may play the new item from that step on, under its prior, and what
  is still to come of the retired one is of no use to it. This is what long delays hang on, see `analysis`.
- When a batch is delivered: before the steps 0, delta, 2 delta, .. with all feedback of earlier steps.
- Thompson sampling draws anew at every step, also between batches, and has no floor.
- Regret is counted against the best item in the pool at that step, in expectation.
"""

from __future__ import annotations

DELTAS = (1, 3, 10, 32, 100, 316, 1000)
THOMPSON = dict(zip(DELTAS, (9_105, 9_199, 9_049, 9_451, 11_550, 21_594, 59_256), strict=True))
UCB = dict(zip(DELTAS, (24_145, 24_695, 25_662, 28_148, 37_141, 77_687, 226_220), strict=True))
HELD_TO = DELTAS[:5]
"""Where the open choices matter little."""
LENGTH = 1_000_000


def world(events: int) -> str:
    return f"replaced:events={events}"
