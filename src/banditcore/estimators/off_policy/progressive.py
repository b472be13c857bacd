"""Outcomes expected of a row by a model that learned from earlier rows only: cross-fitting for logs that learn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from banditcore.bandit_log import Rows
from banditcore.estimators.off_policy.arm_feature_model import ArmFeatureModel
from banditcore.estimators.off_policy.outcome_model import OutcomeModel
from banditcore.types import Floats

FIRST_ROWS = 64
"""Of a running experiment, scored before anything is learned."""
LARGEST_CHUNK = 2**20
"""Rows times arms at once: 8 MiB an array."""
Model = OutcomeModel | ArmFeatureModel


def outcome_model(n_arms: int, contexts: Floats) -> Model:
    """The model for contexts of such a shape, (n, d) or (n, K, d): a regression an arm, or one over arms' features."""
    if contexts.ndim == 3:
        return ArmFeatureModel(n_arms, contexts.shape[2])
    return OutcomeModel(n_arms, contexts.shape[1])


def predicted(model: Model, rows: Rows) -> Floats:
    """(n, K) what the model expects of each arm in each row, as it is."""
    return model.predict(rows.contexts)


def learn(model: Model, rows: Rows) -> None:
    """Folds the outcomes of n rows; fallbacks are outcomes too."""
    if len(rows):
        model.learn(rows.contexts, rows.arms, rows.rewards)


def chunks(model: Model, rows: int, first: int = FIRST_ROWS) -> Iterator[slice]:
    """Parts of a page, each to be scored, then learned: `first` rows or more, and half of what was learned by then."""
    largest, start = max(LARGEST_CHUNK // len(model.shown), 1), 0
    while start < rows:
        size = max(first, int(model.shown.sum()) // 2)
        yield slice(start, start + min(size, largest))
        start += min(size, largest)


def progressive(model: Model, pages: Iterable[Rows]) -> Iterator[tuple[Rows, Floats]]:
    """(rows, q (n, K)) chunk by chunk: q is of the model before it learned the chunk, or any later one.

    Before anything is known q is the outcome of the first row, of which there is a chunk of its own: a constant added
    to all outcomes so is added to all of q, and DR does not depend on where they are counted from. The price is a bias
    of one row in n.
    Rows that the policy did not draw are learned from and not given. What was left out comes with no chunk. The result
    is a function of the pages in order; another split into pages gives other chunks.
    """
    for page in pages:
        for part in chunks(model, len(page), 1):
            chunk = page.take(part)
            drawn = chunk if chunk.fallback is None or not chunk.fallback.any() else chunk.take(~chunk.fallback)
            if len(drawn):
                known = model.shown.any()
                yield drawn, predicted(model, drawn) if known else np.tile(drawn.rewards[:, None], len(model.shown))
            learn(model, chunk)
