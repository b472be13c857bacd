"""docs/benchmarks/stores.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.stores.rates import AHEAD

STORES = ("SQLite", "PostgreSQL")
RATE, SHARE, LAG_MS, START_S, GROWTH = 20_000, 0.6, 250.0, 2.0, 1.5
WANTED = (
    "decisions in batches, one at a time",
    f"decisions in batches, {AHEAD} submitted",
    "rewards recorded and learned, one batch at a time",
    f"rewards recorded and learned, {AHEAD} batches submitted",
)
WHERE = ("the server that took it", "the other server on the same database")


def gates(found: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """(what, needed, found, whether that is enough)."""
    sqlite = found["SQLite"]
    for name in WANTED:
        rate = sqlite["rates"][name]
        yield f"SQLite, {name}", f"at least {RATE:,}/s", f"{rate:,}/s", rate >= RATE
    for side in ("store, one at a time", f"store, {AHEAD} submitted"):
        share = found["copy"][side]["of_bare"]
        yield f"PostgreSQL {side}, of a bare COPY", f"at least {SHARE}", f"{share:.2f}", share >= SHARE
    for store in STORES:
        for engine, where in zip(found[store]["lag"]["engines"], WHERE, strict=False):
            worst = engine["max_ms"]
            yield f"{store}, longest lag on {where}", f"below {LAG_MS:.0f} ms", f"{worst:.0f} ms", worst < LAG_MS
    for store in STORES:
        last = found[store]["curve"][-1]
        size, start = f"{last['size']:,} decisions", last["start_worst_s"]
        yield f"{store}, slowest start on {size}", f"below {START_S:.0f} s", f"{start:.2f} s", start < START_S
        for call, name in (("decide", "Decide"), ("reward", "RecordRewards")):
            ratio = last[call]["p99_ratio"]
            what = f"{store}, p99 of {name} on {size}, of that on {found[store]['curve'][0]['size']:,}"
            yield what, f"at most {GROWTH}", f"{ratio:.2f}", ratio <= GROWTH


def page(found: dict[str, Any]) -> str:
    return (
        "\n".join([*_head(found), *_gates(found), *_rates(found), *_copy(found), *_lag(found), *_curves(found)]) + "\n"
    )


def _head(found: dict[str, Any]) -> Iterator[str]:
    yield from ("# What the stores do", "")
    yield "Written by `make bench-stores`; do not edit. Everything is durable before it counts. The machine was shared"
    yield "with other work, so read ratios within the run before anything else."
    yield ""
    yield from (f"- {key}: {value}" for key, value in found["machine"].items())
    yield f"- append 4 KiB to a file and sync it: {found['sync_ms']} ms"
    yield f"- load before and after: {found['load'][0]} and {found['load'][1]}; the run took {found['seconds']} s"
    yield ""


def _gates(found: dict[str, Any]) -> Iterator[str]:
    yield from ("## What must hold", "", "| what | needed | found | |", "|---|--:|--:|---|")
    for what, needed, reached, holds in gates(found):
        yield f"| {what} | {needed} | {reached} | {'' if holds else '**falls short**'} |"
    yield ""
    yield "That servers on one database learn the same model, byte for byte, is tested in"
    yield "`tests/torture/test_replicas.py`."
    yield ""


def _rates(found: dict[str, Any]) -> Iterator[str]:
    yield from ("## In one process, a second", "")
    yield "One engine, 10 variants, 20 features, batches of 1,000; medians over rounds. *Learned*: the serving model"
    yield "has come to the last of them, with the learner in the background. Calls of 1 cost statements of their own; a"
    yield "server hands them over together."
    yield ""
    yield f"| | {' | '.join(STORES)} |"
    yield f"|---|{'--:|' * len(STORES)}"
    for name in found["SQLite"]["rates"]:
        yield f"| {name} | {' | '.join(format(found[store]['rates'][name], ',') for store in STORES)} |"
    yield ""


def _copy(found: dict[str, Any]) -> Iterator[str]:
    yield from ("## PostgreSQL beside a bare COPY", "")
    yield "The same rows in batches of 1,000 into a table with the same columns and primary key, one commit a batch,"
    yield "sides in turn. The bare COPY sends rows made beforehand through psycopg, or bytes that need no encoding"
    yield "either. The store also locks and advances the stream; the engine also decides. With several submitted, some"
    yield "share a commit."
    yield ""
    yield from ("| | rows/s | of the bare COPY | of the encoded one |", "|---|--:|--:|--:|")
    for name, side in found["copy"].items():
        yield f"| {name} | {side['per_s']:,} | {side['of_bare']:.2f} | {side['of_encoded']:.2f} |"
    yield ""


def _lag(found: dict[str, Any]) -> Iterator[str]:
    yield from (f"## From acknowledged to learned, at {found['lag_rate']:,} rewards/s", "")
    yield "Calls of 50 rewards to a real server, by the clock of the client that sends them; the model's position is"
    yield "asked for every few milliseconds, which is part of the lag. A server folds when it has taken rewards; of"
    yield "those that others took it hears when it looks, every 100 ms. One at a time folds a stream and saves, the"
    yield "others read on from the log."
    yield ""
    yield "| | rewards/s | median, ms | p99 | longest | longest without a new model |"
    yield "|---|--:|--:|--:|--:|--:|"
    for store in STORES:
        lag = found[store]["lag"]
        for engine, where in zip(lag["engines"], WHERE, strict=False):
            figures = (engine[key] for key in ("median_ms", "p99_ms", "max_ms", "longest_without_news_ms"))
            yield f"| {store}, {where} | {lag['rewards_per_s']:,} | {' | '.join(f'{value:.0f}' for value in figures)} |"
    yield ""


def _curves(found: dict[str, Any]) -> Iterator[str]:
    yield from ("## As the log grows", "")
    yield "One server a log, all on this machine, 3 variants, 4 features. Every decision came with a request id as"
    yield "random as a UUID, every tenth was rewarded, and the snapshot is the one a server saves. Start: from the"
    yield "start of the process to SERVING, median and slowest; cold: the system had let go of the file. Calls: unary,"
    yield "4 clients, durable, each with a request id of its own; rewards go to decisions all over the log. Rounds go"
    yield "from log to log; ratios are medians over rounds of the percentile beside that of the smallest log, whose"
    yield "twin shows the noise."
    yield ""
    for store in STORES:
        yield from _curve(store, found[store]["curve"])


def _curve(store: str, entries: list[dict[str, Any]]) -> Iterator[str]:
    columns = ("start, s", "cold", "Decide p50, ms", "p99", "ratio p50", "p99", "RecordRewards p50, ms", "p99")
    header = (f"{store}, decisions", "MB", "bytes each", *columns, "ratio p50", "p99")
    yield f"| {' | '.join(header)} |"
    yield "|--:" * len(header) + "|"
    for entry in entries:
        cold = entry["cold_start_worst_s"]
        cells = [
            f"{entry['size']:,}{' (twin)' if entry['twin'] else ''}",
            f"{entry['bytes'] / 1e6:,.0f}",
            f"{entry['bytes_per_decision']:,}",
            f"{entry['start_s']:.2f}, {entry['start_worst_s']:.2f}",
            "" if cold is None else f"{cold:.2f}",
            *_calls(entry["decide"]),
            *_calls(entry["reward"]),
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _calls(latency: dict[str, float]) -> Iterator[str]:
    for key in ("p50_ms", "p99_ms", "p50_ratio", "p99_ratio"):
        yield f"{latency[key]:.2f}"
