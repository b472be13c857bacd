"""Any labelled table as a bandit: the features come, one arm a class, and the right one earns 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.checks import check_count
from banditcore.errors import InvalidInput
from banditcore.types import Floats
from banditcore_simulations.worlds._checks import check_choice
from banditcore_simulations.worlds.base import Event, Ints, World

SETS = ("digits", "iris", "wine", "breast_cancer")
"""Of scikit-learn, which brings them along."""


def make(rng: np.random.Generator, *, data: str = "digits", label: str = "", passes: int = 1) -> World:
    """The rows of a labelled table in `passes` random orders, one after the other; then these orders again.

    data: a name of SETS, or a file. .npz: arrays `features` (n, d) and `labels` (n,), or X and y; .csv: a header, and
    numbers but for the column named by `label` (the last one if empty). Features are scaled to mean 0 and variance 1
    (pixels of digits to 0..1), a constant 1 comes last. Classes are sorted.
    Reward: 1 for the row's class, 0 for others, without any noise. Optimal: the row's class; regret counts mistakes.
    """
    features, labels = _read(data, label)
    classes, codes = np.unique(labels, return_inverse=True)
    n = len(codes)
    order = np.concatenate([rng.permutation(n) for _ in range(check_count(passes, "passes", 1))])
    constants = {"rows": np.hstack([features, np.ones((n, 1))]), "labels": codes.astype(np.int64), "order": order}
    return World("classification", len(classes), features.shape[1] + 1, visit, constants, outcome="clicks")


def visit(world: Any, event: Event) -> None:
    row = world.order[event.step[0] % world.order.size]
    event.context[:] = world.rows[row]
    event.means[:] = 0.0
    event.means[world.labels[row]] = 1.0


def _read(data: str, label: str) -> tuple[Floats, npt.NDArray[Any]]:
    path = Path(data)
    if path.suffix == ".npz":
        features, labels = _npz(path)
    elif path.suffix == ".csv":
        features, labels = _csv(path, label)
    else:
        return _scikit_learn(data)
    if features.ndim != 2 or labels.shape != (len(features),) or not len(features):
        raise InvalidInput(
            f"{data}: features must be (n, d) and labels (n,), found {features.shape} and {labels.shape}", field="data"
        )
    if features.dtype.kind not in "fiub" or not np.isfinite(features).all():
        raise InvalidInput(f"{data}: features must be finite numbers", field="data")
    return _standard(features.astype(np.float64)), labels


def _standard(features: Floats) -> Floats:
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0))


def _scikit_learn(data: str) -> tuple[Floats, Ints]:
    name = SETS[check_choice(data, "data", SETS)]
    try:
        from sklearn import datasets
    except ImportError as error:
        raise InvalidInput(
            f"{name} needs scikit-learn ({error}): pip install 'banditcore[examples]'", field="data"
        ) from None
    features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    return (features / 16.0 if name == "digits" else _standard(features)), labels


def _npz(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            for features, labels in (("features", "labels"), ("X", "y")):
                if features in file and labels in file:
                    return file[features], file[labels]
            names = ", ".join(file)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", field="data") from None
    raise InvalidInput(f"{path} needs arrays features and labels, or X and y; it has {names or 'none'}", field="data")


def _csv(path: Path, label: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", field="data") from None
    table = [line.split(",") for line in lines if line.strip()]
    if len(table) < 2:
        raise InvalidInput(f"{path} needs a header and rows", field="data")
    header = [name.strip() for name in table[0]]
    at = check_choice(label, "label", header) if label else len(header) - 1
    for number, row in enumerate(table[1:], 2):
        if len(row) != len(header):
            raise InvalidInput(f"{path}, row {number}: {len(row)} cells, the header has {len(header)}", field="data")
    labels = [row.pop(at).strip() for row in table[1:]]
    try:
        return np.array(table[1:], dtype=np.float64), np.array(labels)
    except ValueError as error:
        raise InvalidInput(f"{path}: features must be numbers: {error}", field="data") from None
