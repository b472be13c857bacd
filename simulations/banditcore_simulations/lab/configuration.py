"""What a file of results is a function of: it is kept with them, and a run goes on under no other."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.evaluation.spec import parse_pairs
from banditcore_simulations.lab.journal import from_json, to_json
from banditcore_simulations.lab.sweep import Point, Sweep, played
from banditcore_simulations.worlds import make_policy, make_world, world_parameters

Configuration = Mapping[str, Any]

_PACKAGES = ("banditcore", "numpy", "scipy", "numba", "pyarrow")
_SOURCES = ("*.py", "*.pyx", "*.pxd", "*.c", "*.h")
_WITHOUT = ("lab", "experiments", "commands")
"""Folders of a package that no result depends on."""
SEED = "seed"
FILE = ".py"
"""Where a world or a policy is named by a file."""


def configuration(name: str, sweep: Sweep, folder: Path | None = None) -> Configuration:
    """As JSON has it: points, seeds, the defaults behind their names, versions and digests of the code.

    folder: of the experiment. Raises InvalidInput where a point names an unknown world, policy or parameter.
    """
    points = [_checked(point) for point in sweep.points]
    if not points:
        raise InvalidInput(f"{name} has no points", field="points")
    if isinstance(sweep.seeds, bool) or not isinstance(sweep.seeds, int) or sweep.seeds < 1:
        raise InvalidInput(f"seeds must be an integer of at least 1, found {sweep.seeds!r}", field="seeds")
    found = {
        "experiment": name,
        "measure": getattr(sweep.measure, "__qualname__", type(sweep.measure).__name__),
        "seeds": sweep.seeds,
        "points": points,
        "defaults": _defaults(points) if sweep.measure is played else {},
        "versions": {package: _version(package) for package in _PACKAGES} | {"python": platform.python_version()},
        "code": _code(folder) | _files(points),
    }
    return dict(from_json(to_json(found)))


def differing(then: Configuration, now: Configuration) -> str:
    """What is not as it was, in words; empty where all is."""
    for key in now:
        before, after = then.get(key), now[key]
        if before == after:
            continue
        if key == "points":
            return _different_points(before or [], after)
        if isinstance(after, dict) and isinstance(before, dict):
            name = next(name for name in {**after, **before} if after.get(name) != before.get(name))
            before, after = before.get(name), after.get(name)
            key = f"{key.removesuffix('s')} of {name}"
        return f"{key} was {_short(before)} and is {_short(after)}"
    return ""


def in_words(point: Point) -> str:
    """A point on one line."""
    return ", ".join(f"{name}={value}" for name, value in point.items())


def _different_points(then: Sequence[Any], now: Sequence[Any]) -> str:
    if len(then) != len(now):
        return f"there were {len(then)} points and are {len(now)}"
    number = next(i for i in range(len(now)) if then[i] != now[i] or list(then[i]) != list(now[i]))
    return f"point {number + 1} was {in_words(then[number])} and is {in_words(now[number])}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else to_json(value)
    return text if len(text) <= 60 else f"{text[:57]}.."


def _checked(point: Point) -> dict[str, Any]:
    for name, value in point.items():
        if not isinstance(name, str) or not isinstance(value, bool | int | float | str | None):
            raise InvalidInput(
                f"parameter {name!r} must have a number, text, truth value or None, found {type(value).__name__}",
                field="points",
            )
    if SEED in point:
        raise InvalidInput(f"no parameter may be called {SEED}: every point runs for seeds 0, 1, ..", field="points")
    return dict(point)


def _defaults(points: Sequence[Point]) -> dict[str, Any]:
    """Of all worlds and policies that are named, every parameter; each is made once, so that no name turns out to be
    unknown after hours."""
    worlds: dict[str, Any] = {}
    policies: dict[str, Any] = {}
    for point in {(point.get("world"), point.get("policy")): point for point in points}.values():
        world, policy = point.get("world"), point.get("policy")
        if not isinstance(world, str) or not isinstance(policy, str):
            raise InvalidInput(f"{in_words(point)}: a point needs `world` and `policy`", field="points")
        try:
            here = make_world(world, 0)
            player = make_policy(policy, here)
        except BanditcoreError as error:
            raise InvalidInput(f"{in_words(point)}: {error.message}", field=error.field) from error
        given = {} if FILE in world else parse_pairs(world, "world")[1]
        worlds[world] = _plain(world_parameters(world) | given)
        policies[policy] = _plain({"floor": player.floor, **player.parameters()})
    return {"worlds": worlds, "policies": policies}


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Without arrays, which the world makes."""
    return {
        key: value for key, value in parameters.items() if isinstance(value, bool | int | float | str | list | None)
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _code(folder: Path | None) -> dict[str, str]:
    """Digests of sources that results can depend on: of the experiment, of what decides, and of what simulates."""
    found = {} if folder is None else {"experiment": _hashed(_sources(folder), folder)}
    for package in ("banditcore", "banditcore_simulations"):
        if (home := _home(package)) is not None:
            here = [path for path in _sources(home) if path.relative_to(home).parts[0] not in _WITHOUT]
            found[package] = _hashed(here, home)
    return found


def _files(points: Sequence[Point]) -> dict[str, str]:
    """Digests of worlds and policies that are files of somebody's own."""
    texts = (str(point.get(key)) for point in points for key in ("world", "policy"))
    files = {Path(text.partition(FILE)[0] + FILE) for text in texts if FILE in text}
    return {str(file): _hashed([file], file.parent) for file in sorted(files) if file.is_file()}


def _home(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _sources(folder: Path) -> list[Path]:
    return sorted({path for pattern in _SOURCES for path in folder.rglob(pattern)})


def _hashed(files: Sequence[Path], home: Path) -> str:
    hashed = hashlib.blake2b(digest_size=8)
    for path in files:
        content = path.read_bytes()
        hashed.update(f"{path.relative_to(home).as_posix()} {len(content)}\n".encode() + content)
    return hashed.hexdigest()
