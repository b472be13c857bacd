"""`import rewards` and `import identities`: what is known elsewhere, from files of any size."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from banditcore.client import Client
from banditcore.commands.cells import number, time
from banditcore.commands.output import LOCAL, Json, Server, print_json
from banditcore.commands.progress import Progress, progress_bar
from banditcore.commands.sheets import BadRow, Row, Sheet, open_sheet
from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.offline import UnitReward, derived_key, fingerprint

T = TypeVar("T")
import_ = typer.Typer(no_args_is_help=True, help="Import outcomes or identities that are known elsewhere.")
File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV in UTF-8 with a header, or Parquet.")]
Name = Annotated[str, typer.Option(help="Name of the experiment.")]

PAGE = 10_000
SHOWN = 20
TIMEOUT_S = 120.0


@dataclass(slots=True)
class Summary:
    """What became of the rows of a file."""

    file: str
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[BadRow] = field(default_factory=list)
    """The first refused rows."""
    of_page: list[BadRow] = field(default_factory=list)
    zoneless: int = 0
    """Times that were taken as UTC."""

    def refuse(self, line: int, field: str, message: str) -> None:
        self.counts["refused"] += 1
        self.of_page.append(BadRow(line, field, message))

    def end_page(self) -> None:
        """Keeps the first problems by line: what the server refuses is known after what cannot be read."""
        self.problems += sorted(self.of_page, key=lambda problem: problem.line)
        del self.problems[SHOWN:], self.of_page[:]

    def finish(self, outcomes: tuple[str, ...], as_json: bool) -> None:
        """Prints it; exit 1 when a row was refused."""
        counts = {name: self.counts[name] for name in (*outcomes, "refused")}
        if as_json:
            print_json(
                {"file": self.file, "rows": self.rows, **counts, "zoneless": self.zoneless, "problems": self.problems}
            )
        else:
            self._print(counts)
        if self.counts["refused"]:
            raise typer.Exit(1)

    def _print(self, counts: dict[str, int]) -> None:
        for problem in self.problems:
            print(f"{self.file}:{problem.line}: {problem.message}", file=sys.stderr)
        if (more := self.counts["refused"] - len(self.problems)) > 0:
            print(f"{self.file}: {more} more rows were refused and are not shown", file=sys.stderr)
        listed = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        zone = f". Times without a zone, taken as UTC: {self.zoneless:,}" if self.zoneless else ""
        print(f"{self.file}: {self.rows:,} rows; {listed}{zone}")


# Rewards


@import_.command()
def rewards(
    file: File,
    experiment: Name,
    rule: Annotated[
        str, typer.Option(help="Which decisions of a unit within the window earned a reward: last, first or all.")
    ] = "last",
    goal: Annotated[str, typer.Option(help="Goal of all rows, where the file has no column `goal`.")] = "",
    server: Server = LOCAL,
    as_json: Json = False,
) -> None:
    """Import outcomes by unit, such as sales in shops; the same file again changes nothing.

    Columns: unit, goal, value, time and, optionally, key, which makes a row safe to repeat. A time is ISO 8601, UTC
    where it has no zone, or an integer of seconds, milliseconds or microseconds since 1970. With --rule all each
    decision gets the full value. Malformed rows are reported by line and the rest is imported; exit 1 when any was
    refused.
    """
    required = ("unit", "value", "time") if goal else ("unit", "goal", "value", "time")
    summary = Summary(str(file))
    with open_sheet(file, required, ("key",)) as sheet, Client(server, batch_timeout_s=TIMEOUT_S) as client:
        keys = Occurrences()

        def parse(row: Row) -> UnitReward:
            time_us, zoned = time(row.cells["time"], "time")
            value = number(row.cells["value"], "value")
            found = UnitReward(row.text("unit"), goal or row.text("goal"), value, time_us, row.text("key"))
            summary.zoneless += not zoned
            return found

        def send(found: list[tuple[int, UnitReward]]) -> None:
            keyed = keys.given([reward for _, reward in found])
            for (line, _), result in zip(found, client.import_rewards(experiment, keyed, rule), strict=True):
                if result.error is not None:
                    summary.refuse(line, result.error.field, result.error.message)
                else:
                    summary.counts[result.outcome] += 1

        _run(sheet, summary, parse, send)
    summary.finish(("imported", "duplicate", "late", "unattributed"), as_json)


class Occurrences:
    """Counts equal rows of a file, on disk when they are many, and derives keys from that."""

    def __init__(self) -> None:
        import apsw

        # A database without a name is a temporary file, which is gone with the connection.
        self._connection = apsw.Connection("")
        self._connection.pragma("cache_size", -32_000)
        self._connection.execute("CREATE TABLE seen (content BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID")

    def given(self, rewards: list[UnitReward]) -> list[UnitReward]:
        """The rewards, all with a key; see `banditcore.offline.derive_keys`."""
        self._connection.execute("BEGIN")
        keyed = [reward if reward.key else reward._replace(key=self._key(reward)) for reward in rewards]
        self._connection.execute("COMMIT")
        return keyed

    def _key(self, reward: UnitReward) -> str:
        content = fingerprint(reward)
        before = self._connection.execute(
            "INSERT INTO seen VALUES (?, 0) ON CONFLICT (content) DO UPDATE SET count = count + 1 RETURNING count",
            (content,),
        ).get
        return derived_key(content, before)


# Identities


@import_.command()
def identities(file: File, experiment: Name, server: Server = LOCAL, as_json: Json = False) -> None:
    """Import which units are one customer; the same file again changes nothing. It cannot be undone.

    Columns: unit, into. From then on, what is asked for `unit` is decided for `into`, which was seen first and keeps
    its assignment. Rows that are malformed or impossible are reported by line and the rest is imported; exit 1 when
    any was refused.
    """
    summary = Summary(str(file))
    with open_sheet(file, ("unit", "into")) as sheet, Client(server, batch_timeout_s=TIMEOUT_S) as client:

        def send(found: list[tuple[int, tuple[str, str]]]) -> None:
            results = client.merge_units(experiment, [merge for _, merge in found])
            for (line, _), result in zip(found, results, strict=True):
                if result.error is not None:
                    summary.refuse(line, result.error.field, result.error.message)
                else:
                    summary.counts["duplicate" if result.duplicate else "merged"] += 1

        _run(sheet, summary, lambda row: (row.text("unit"), row.text("into")), send)
    summary.finish(("merged", "duplicate"), as_json)


# Page by page


def _run(
    sheet: Sheet, summary: Summary, parse: Callable[[Row], T], send: Callable[[list[tuple[int, T]]], None]
) -> None:
    with progress_bar(sheet.unit) as progress:
        for page in _pages(_told(sheet, progress)):
            summary.rows += len(page)
            try:
                if sound := list(_sound(page, summary, parse)):
                    send(sound)
            except BanditcoreError as error:
                raise _stopped(error, summary) from None
            summary.end_page()
    if not summary.rows:
        raise InvalidInput(f"{summary.file} has no rows after its header", field="file")


def _told(sheet: Sheet, progress: Progress) -> Iterator[Row | BadRow]:
    for count, row in enumerate(sheet.rows):
        if count % 1_000 == 0:
            progress(sheet.done(), sheet.size)
        yield row


def _pages(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while page := list(islice(rows, PAGE)):
        yield page


def _sound(page: list[Row | BadRow], summary: Summary, parse: Callable[[Row], T]) -> Iterator[tuple[int, T]]:
    for row in page:
        if isinstance(row, BadRow):
            summary.refuse(row.line, row.field, row.message)
            continue
        try:
            yield row.line, parse(row)
        except InvalidInput as error:
            summary.refuse(row.line, error.field, error.message)


def _stopped(error: BanditcoreError, summary: Summary) -> BanditcoreError:
    """The error of a call, with how far the import came before it."""
    done = sum(summary.counts.values()) - summary.counts["refused"]
    if done:
        again = "import the file again, which counts nothing twice"
        return type(error)(f"{error.message}; {done:,} rows were taken before: {again}", reason=error.reason)
    return error
