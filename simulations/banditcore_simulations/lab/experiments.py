"""Experiments by name or folder: `sweep.py` says what runs, `analysis.py` what the results say.

`sweep.py` has SWEEP, the full size, and SMALL, the same in seconds; its docstring's first line is the description.
`analysis.py` has `analyse(results) -> Analysis`. Whatever else they share, such as a `world.py`, stands beside them
and is imported by `from . import world`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.evaluation.spec import unknown
from banditcore_simulations.lab.analysis import Analysis
from banditcore_simulations.lab.results import Results
from banditcore_simulations.lab.sweep import Point, Record, Sweep

EXTRA = ("altair", "numba", "pyarrow")
"""What experiments need that does not come with the engine alone."""
HOME = Path(__file__).parent.parent / "experiments"


@dataclass(frozen=True)
class Experiment:
    """A folder with a sweep and its analysis."""

    name: str
    reference: str
    """By which other processes find it: the name of one that is shipped, the path of any other."""
    folder: Path

    @property
    def description(self) -> str:
        """The first line of the sweep's docstring."""
        return (_module(self, "sweep").__doc__ or "").strip().partition("\n")[0]

    def sweep(self, *, small: bool = False) -> Sweep:
        """Raises InvalidInput where `sweep.py` has none."""
        found = _attribute(self, "sweep", _which(small), "Sweep(points, measure, seeds)")
        if not isinstance(found, Sweep):
            raise InvalidInput(f"{self.folder / 'sweep.py'}: {_which(small)} must be a Sweep", field="experiment")
        return found

    def check(self) -> None:
        """Before the work, which may take long: raises InvalidInput where the analysis is missing or broken."""
        self._analyse()

    def analyse(self, results: Results) -> Analysis:
        """Raises InvalidInput that names the line where the analysis fails."""
        analyse = self._analyse()
        try:
            found = analyse(results)
        except Exception as error:
            raise InvalidInput(f"the analysis of {self.name} fails: {in_words(error)}", field="experiment") from error
        if not isinstance(found, Analysis):
            raise InvalidInput(f"the analysis of {self.name} must give an Analysis", field="experiment")
        return found

    def _analyse(self) -> Callable[[Results], Any]:
        found: Callable[[Results], Any] = _attribute(self, "analysis", "analyse", "analyse(results) -> Analysis")
        return found


@dataclass(frozen=True)
class Measure:
    """What an experiment measures, for any process: the folder travels, not the function."""

    reference: str
    small: bool

    def __call__(self, point: Point, seed: int) -> Record:
        return find(self.reference).sweep(small=self.small).measure(point, seed)


def experiment_names() -> list[str]:
    """All that are shipped, sorted."""
    return sorted(path.parent.name for path in HOME.glob("*/sweep.py"))


@cache
def find(reference: str) -> Experiment:
    """The experiment of that name or in that folder. Raises InvalidInput with the nearest name."""
    if reference in experiment_names():
        return Experiment(reference, reference, HOME / reference)
    folder = Path(reference)
    if (folder / "sweep.py").is_file():
        folder = folder.resolve()
        return Experiment(folder.name, str(folder), folder)
    if folder.is_dir():
        raise InvalidInput(f"{reference} is no experiment: it has no sweep.py", field="experiment")
    raise unknown("experiment", reference, experiment_names())


def in_words(error: Exception) -> str:
    """What went wrong; of an error that is not ours, also where."""
    if isinstance(error, BanditcoreError):
        return error.message
    frames = extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if said else ''}{said}{where}"


def _which(small: bool) -> str:
    return "SMALL" if small else "SWEEP"


def _attribute(experiment: Experiment, part: str, name: str, what: str) -> Any:
    module = _module(experiment, part)
    if not hasattr(module, name):
        raise InvalidInput(f"{experiment.folder / part}.py needs {name}: {what}", field="experiment")
    return getattr(module, name)


def _module(experiment: Experiment, part: str) -> ModuleType:
    if not (experiment.folder / f"{part}.py").is_file():
        raise InvalidInput(f"{experiment.folder} has no {part}.py", field="experiment")
    try:
        return import_module(f"{_package(experiment)}.{part}")
    except ImportError as error:
        hint = '; pip install "banditcore[offline]"' if error.name in EXTRA else ""
        said = f"{experiment.name}/{part}.py cannot be imported: {in_words(error)}{hint}"
        raise InvalidInput(said, field="experiment") from error
    except Exception as error:
        raise InvalidInput(f"{experiment.name}/{part}.py fails: {in_words(error)}", field="experiment") from error


def _package(experiment: Experiment) -> str:
    """Of its modules. A folder from elsewhere gets a name that no other has, and its files import one another from
    `.` as those that are shipped do."""
    if experiment.folder.parent == HOME:
        return f"{HOME.parent.name}.{HOME.name}.{experiment.name}"
    digest = hashlib.blake2b(experiment.reference.encode(), digest_size=8).hexdigest()
    name = f"banditcore_experiment_{digest}"
    if name not in sys.modules:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(experiment.folder)]
        sys.modules[name] = module_from_spec(spec)
    return name
