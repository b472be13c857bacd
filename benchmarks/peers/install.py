"""Puts every library into the running venv; one that does not build is left out, and the table says why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.peers.libraries import MODULES, pins_of

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
LOGS = Path(sys.prefix) / "peers"


def install(module: str) -> None:
    tried = subprocess.run([*PIP, "install", "--quiet", *pins_of(module)], stderr=subprocess.PIPE, text=True)
    log = LOGS / f"{module}.log"
    log.unlink(missing_ok=True)
    if tried.returncode:
        log.write_text(tried.stderr)
        print(f"{module} is left out: {why_not(module)}")


def why_not(module: str) -> str:
    """The first complaint about a library that is not there: of its build where it has one, else of pip."""
    log = LOGS / f"{module}.log"
    lines = [line.strip() for line in log.read_text().splitlines()] if log.exists() else []
    told = (line for line in lines if "error:" in line.lower() and "subprocess-exited" not in line)
    return next(told, "not installed")


def main() -> None:
    LOGS.mkdir(exist_ok=True)
    for module in MODULES:
        if pins_of(module):
            install(module)
    subprocess.run([*PIP, "check"], check=True)


if __name__ == "__main__":
    main()
