"""`make demo`: a server on its embedded store, real traffic from two client processes, and what came of it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from banditcore.audit import audit
from banditcore.client import Client
from banditcore.commands.audit import sentence
from banditcore.commands.report import show
from banditcore.findings import Report
from banditcore.storage.sqlite import SqliteLog
from banditcore_server.testing import ServerProcess
from banditcore_simulations.datasets import digits

DATA = Path("demo-data")
DEFINITION = Path(__file__).parents[2] / "examples" / "digits.toml"
WORKERS = 2
PASSES = 5

_NEXT = f"""What next:
  .venv/bin/banditcore audit --data {DATA}       recompute every decision again
  .venv/bin/banditcore serve --data {DATA} --page 127.0.0.1:7438
                                                    serve what was learned, and look at http://127.0.0.1:7438/
  .venv/bin/banditcore report digits --html r.html  in another terminal: the same as a file; --json for programs
  make run                                          a server that stays, on a store of its own"""

console = Console(width=None if sys.stdout.isatty() else 120)


@dataclass
class Worker:
    """One client process and what it last said."""

    process: subprocess.Popen[str]
    counts: dict[str, int] = field(default_factory=dict)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.counts = json.loads(line)


def main() -> None:
    """Runs the demo; exit 1 when the audit or the lift do not come out."""
    # Told to stop, it stops what it has started, as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(DATA, ignore_errors=True)
    workers: list[Worker] = []
    try:
        with ServerProcess(DATA, "--apply", str(DEFINITION)) as server:
            console.print(f"The server is ready after {server.start_s:.2f} s on {server.target}.")
            seconds = _traffic(server.target, workers)
            found = _matured(server.target)
        _summary(found, seconds, workers)
    except KeyboardInterrupt:
        console.print("\nStopped; server and clients have ended.")
        sys.exit(130)
    finally:
        for worker in workers:
            worker.process.terminate()
            worker.process.wait()


def _traffic(target: str, workers: list[Worker]) -> float:
    """Starts the clients, shows their progress, and returns how long they took to send everything."""
    for number in range(WORKERS):
        command = [sys.executable, "-m", "banditcore_simulations.traffic", "--target", target, "--seed", "7"]
        command += ["--worker", str(number), "--workers", str(WORKERS), "--passes", str(PASSES)]
        workers.append(Worker(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)))
    listeners = [threading.Thread(target=worker.listen, daemon=True) for worker in workers]
    for listener in listeners:
        listener.start()
    total = PASSES * len(digits().contexts)
    started, decided = 0.0, 0
    with _progress() as progress:
        task = progress.add_task("decisions", total=total, rate="")
        while any(listener.is_alive() for listener in listeners):
            before, decided = decided, sum(worker.counts.get("decisions", 0) for worker in workers)
            if decided and not before:
                started = time.monotonic()
            if decided < total or before < total:
                finished = time.monotonic()
                rate = decided / (finished - started) if finished > started and started else 0.0
                progress.update(task, completed=decided, rate=f"{rate:,.0f}/s, {_rewards(workers):,} rewards")
            time.sleep(0.1)
    if failed := [worker for worker in workers if worker.process.wait() != 0]:
        raise SystemExit(f"{len(failed)} of the clients failed, see above")
    return finished - started


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console)


def _rewards(workers: list[Worker]) -> int:
    return sum(worker.counts.get("rewards", 0) for worker in workers)


def _matured(target: str) -> Report:
    """Waits until the last windows have closed: only then does every customer count."""
    with Client(target) as client:
        window = client.get("digits").spec.learned_goal.window_s
        with console.status(f"Waiting {window:g} s for the last attribution windows to close"):
            time.sleep(window + 1.5)
        return client.report("digits")


def _summary(found: Report, seconds: float, workers: list[Worker]) -> None:
    goal = found.goals[0]
    console.print(
        f"\nEach of the {len(digits().contexts):,} images came {PASSES} times, each time as another customer."
        f"\n{found.decisions:,} requests from {len(workers)} processes, {found.decisions / seconds:,.0f} requests/s; "
        f"{_rewards(workers):,} rewards, {sum(w.counts['duplicates'] for w in workers):,} of them sent twice "
        f"and counted once.\nPOLICY got {goal.policy.units / (goal.policy.units + goal.holdout.units):.1%} of the "
        f"units, mean reward {goal.policy.mean:.3f}; HOLDOUT {goal.holdout.mean:.3f}.\n"
    )
    show(found)
    log = SqliteLog(DATA)
    with log.read() as reader:
        result = audit(reader, log.secret)
    log.close()
    console.print(f"\nAudit {sentence(result)}.")
    proven = goal.lift is not None and goal.lift.low > 0.0
    console.print(f"The lift interval {'excludes' if proven else 'DOES NOT exclude'} 0.\n")
    console.print(_NEXT, highlight=False)
    if not (result.passed and proven):
        sys.exit(1)


if __name__ == "__main__":
    main()
