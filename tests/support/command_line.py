"""The command line as it runs in a process of its own, without waiting for one to start."""

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest

from banditcore.cli import main


@dataclass(frozen=True)
class Result:
    returncode: object
    stdout: str
    stderr: str

    @property
    def words(self) -> str:
        """What it said on one line, so that it does not matter where it was broken."""
        return " ".join(self.stdout.split())


def banditcore(*arguments: object) -> Result:
    """What the command says, and how it ends."""
    said, warned = StringIO(), StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(said),
        redirect_stderr(warned),
        pytest.raises(SystemExit) as end,
    ):
        patch.setattr(sys, "argv", ["banditcore", *map(str, arguments)])
        main()
    return Result(end.value.code, said.getvalue(), warned.getvalue())


def done(*arguments: object) -> Result:
    """Of a command that must succeed and warn of nothing."""
    result = banditcore(*arguments)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result


def refused(words: str, *arguments: object) -> None:
    """A command that must end with one line on stderr, nothing else said, and exit 2."""
    result = banditcore(*arguments)
    assert result.returncode == 2 and words in result.stderr, result
    assert result.stderr.startswith("banditcore: ") and result.stderr.count("\n") == 1 and result.stdout == "", result


def parsed(result: Result) -> dict[str, Any]:
    """JSON as any program reads it: no NaN."""
    found: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return found
