"""From named attributes of a request to the float64 vector that policies see."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from banditcore.config import (
    AttributeSpec,
    BooleanSpec,
    CategorySpec,
    ConstantSpec,
    NumericSpec,
    VectorSpec,
)
from banditcore.errors import InvalidInput
from banditcore.kernels import plain_vector
from banditcore.types import Floats, Value

MAX_MAGNITUDE = 1e9
"""Largest |encoded feature|. Squares and sums of larger ones would lose the small ones of other requests."""


class Encoder(ABC):
    """Writes one attribute into its columns."""

    names: tuple[str, ...]

    @abstractmethod
    def write(self, value: Value, out: Floats) -> None:
        """Fills `out`, the view of the own columns, which comes zeroed. Raises InvalidInput without a field."""


class _Numeric(Encoder):
    def __init__(self, spec: NumericSpec) -> None:
        self.names = (spec.name, f"{spec.name}=missing")
        self._center, self._scale = spec.center, spec.scale

    def write(self, value: Value, out: Floats) -> None:
        if value is None:
            out[1] = 1.0
            return
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise InvalidInput(f"must be a number, found {_kind(value)}")
        out[0] = (value - self._center) / self._scale


class _Category(Encoder):
    def __init__(self, spec: CategorySpec) -> None:
        self.names = tuple(f"{spec.name}={word}" for word in (*spec.values, "other", "missing"))
        self._column = {word: index for index, word in enumerate(spec.values)}
        self._other = len(spec.values)

    def write(self, value: Value, out: Floats) -> None:
        if value is None:
            out[self._other + 1] = 1.0
            return
        if not isinstance(value, str):
            raise InvalidInput(f"must be a word, found {_kind(value)}")
        out[self._column.get(value, self._other)] = 1.0


class _Boolean(Encoder):
    def __init__(self, spec: BooleanSpec) -> None:
        self.names = (spec.name, f"{spec.name}=missing")

    def write(self, value: Value, out: Floats) -> None:
        if value is None:
            out[1] = 1.0
            return
        if not isinstance(value, bool | np.bool_):
            raise InvalidInput(f"must be true or false, found {_kind(value)}")
        out[0] = float(value)


class _Vector(Encoder):
    def __init__(self, spec: VectorSpec) -> None:
        self.names = tuple(f"{spec.name}[{index}]" for index in range(spec.size))
        self._scale = spec.scale

    def write(self, value: Value, out: Floats) -> None:
        if value is None:
            raise InvalidInput(f"is required: a vector of {len(out)} numbers")
        if isinstance(value, str | bool | int | float):
            raise InvalidInput(f"must be a vector of {len(out)} numbers, found {_kind(value)}")
        if len(value) != len(out):
            raise InvalidInput(f"must have {len(out)} numbers, found {len(value)}")
        try:
            out[:] = np.asarray(value).astype(np.float64, casting="same_kind")
        except (TypeError, ValueError):
            raise InvalidInput("must hold numbers only") from None
        out /= self._scale


class _Constant(Encoder):
    def __init__(self, spec: ConstantSpec) -> None:
        self.names = (spec.name,)

    def write(self, value: Value, out: Floats) -> None:
        if value is not None:
            raise InvalidInput("is a constant of the experiment: leave it out")
        out[0] = 1.0


def _encoder(spec: AttributeSpec) -> Encoder:
    match spec:
        case NumericSpec():
            return _Numeric(spec)
        case CategorySpec():
            return _Category(spec)
        case BooleanSpec():
            return _Boolean(spec)
        case VectorSpec():
            return _Vector(spec)
        case ConstantSpec():
            return _Constant(spec)


def _kind(value: object) -> str:
    return {bool: "a boolean", int: "a number", float: "a number", str: "a word"}.get(type(value), "a vector")


class ContextSchema:
    """The encoded layout of one experiment's context: columns in the order the attributes were declared."""

    def __init__(self, specs: Sequence[AttributeSpec]) -> None:
        encoders = [(spec.name, _encoder(spec)) for spec in specs]
        self.feature_names: tuple[str, ...] = tuple(name for _, encoder in encoders for name in encoder.names)
        self.n_features = len(self.feature_names)
        self._layout: list[tuple[str, Encoder, slice]] = []
        start = 0
        for name, encoder in encoders:
            self._layout.append((name, encoder, slice(start, start + len(encoder.names))))
            start += len(encoder.names)
        self._known = {name for name, _ in encoders}

    def column(self, attribute: str) -> int:
        """The first column of an attribute."""
        return next(int(columns.start) for name, _, columns in self._layout if name == attribute)

    def encode(self, attributes: Mapping[str, Value], *, field: str = "attributes") -> Floats:
        """Encodes one request to (d,) float64.

        An attribute that is absent or None is missing, which is a signal of its own (vectors are required).
        Raises InvalidInput naming `field`.attribute on an unknown name, a wrong type or a non-finite number.
        """
        out = np.zeros(self.n_features)
        for name, encoder, columns in self._layout:
            try:
                encoder.write(attributes.get(name), out[columns])
            except (InvalidInput, OverflowError) as error:
                raise InvalidInput(f"{field}.{name} {error.args[0]}", field=f"{field}.{name}") from None
        if len(attributes) > len(self._known) or not self._known.issuperset(attributes):
            unknown = sorted(map(str, set(attributes) - self._known))[0]
            raise InvalidInput(
                f"{field}.{unknown} is not in the experiment's context: declare it or leave it out",
                field=f"{field}.{unknown}",
            )
        if not _usable(out):
            self._name_the_culprit(out, field)
        return out

    def check(self, contexts: Floats, *, field: str = "contexts") -> Floats:
        """Checks n already encoded vectors: (n, d), finite, of bounded size. Returns them C-contiguous float64."""
        try:
            contexts = np.ascontiguousarray(np.asarray(contexts).astype(np.float64, casting="same_kind", copy=False))
        except (TypeError, ValueError):
            raise InvalidInput(f"{field} must hold real numbers only", field=field) from None
        if contexts.ndim != 2 or contexts.shape[1] != self.n_features:
            raise InvalidInput(
                f"{field} must have the shape (n, {self.n_features}), found {contexts.shape}", field=field
            )
        if not _usable(contexts):
            row = int(np.flatnonzero(~(np.abs(contexts) <= MAX_MAGNITUDE).all(axis=1))[0])
            self._name_the_culprit(contexts[row], f"{field}[{row}]")
        return contexts

    def _name_the_culprit(self, row: Floats, field: str) -> None:
        column = int(np.flatnonzero(~(np.abs(row) <= MAX_MAGNITUDE))[0])
        feature = self.feature_names[column]
        attribute = next(name for name, _, columns in self._layout if columns.start <= column < columns.stop)
        raise InvalidInput(
            f"{field}.{feature} must be finite and at most {MAX_MAGNITUDE:g} after scaling, found {row[column]}",
            field=f"{field}.{attribute}",
        )


def _usable(values: Floats) -> bool:
    return plain_vector(values.reshape(-1), values.size, -MAX_MAGNITUDE, MAX_MAGNITUDE)
