"""Worlds and policies in files of one's own."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from banditcore.errors import InvalidInput
from banditcore.policies import Policy


def maker(path: str, function: str) -> Any:
    """The function of a file, which is run once, and again after it was changed. Raises InvalidInput."""
    make = getattr(_module(path, "world"), function, None)
    if not callable(make):
        raise InvalidInput(
            f"world {path} has no function {function}: write `def {function}(rng, *, ..) -> World:`", field="world"
        )
    return make


def policy_class(path: str) -> type[Policy]:
    """The policy that a file defines. Raises InvalidInput where there is none, or more than one."""
    module = _module(path, "policy")
    found = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Policy)]
    own = [one for one in found if one.__module__ == module.__name__ and "name" in vars(one)]
    if len(own) != 1:
        raise InvalidInput(
            f"policy {path} must define one Policy with a `name`, found {len(own)}: see docs/policies.md",
            field="policy",
        )
    return own[0]


def _module(path: str, kind: str) -> ModuleType:
    file = Path(path).expanduser().resolve()
    try:
        return _loaded(file, file.stat().st_mtime_ns, kind)
    except OSError as error:
        raise InvalidInput(f"{kind} {path} cannot be read: {error.strerror}", field=kind) from None


@lru_cache(maxsize=64)
def _loaded(file: Path, changed: int, kind: str) -> ModuleType:
    # Its own name for each path, so that two files of one name do not get each other's functions; the same for each
    # version, as only the module that registered a policy may register it again.
    name = f"banditcore_{kind}_{abs(hash(file)):x}_{file.stem}"
    spec = spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        line = error.lineno if isinstance(error, SyntaxError) else _line(error, file)
        where = f", line {line}" if line else ""
        said = error.msg if isinstance(error, SyntaxError) else error
        raise InvalidInput(f"{kind} {file}{where}: {type(error).__name__}: {said}", field=kind) from error
    return module


def _line(error: BaseException, file: Path) -> int | None:
    """The last line of the file that was being run."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
