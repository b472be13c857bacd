"""Draws charts in a process of its own: what draws holds the interpreter's lock for 30 ms a chart, and 170 MB.

One JSON line in, one out. The process runs at a lower priority than the server, keeps nothing, and ends when its
stdin does, so also when the server is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog

from banditcore.pages.chart import Chart

log = structlog.get_logger(__name__)

LIMIT_S = 20.0
"""For one chart, the first included, which takes half a second on a free machine."""
MOST_KEPT = 256
MOST_BYTES = 2**24
NICENESS = 10
Drawn = dict[str, tuple[str, ...]]
"""By name of the chart: an SVG for each of its widths, or nothing where it could not be drawn."""


class _Refused(ValueError):
    """This chart cannot be drawn; others can."""


class Drawer:
    """Draws what it has not drawn before. For one event loop."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._lock = asyncio.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process, when there is one."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Starts the process early, so that the first page does not wait for it."""
        async with self._lock:
            await self._running()

    async def draw(self, charts: Sequence[Chart]) -> Drawn:
        """Every chart in every width."""
        return {chart.name: tuple([svg for line in lines(chart) if (svg := await self._one(line))]) for chart in charts}

    async def _one(self, line: str) -> str:
        async with self._lock:
            if line not in self._kept:
                try:
                    self._kept[line] = await asyncio.wait_for(self._ask_again(line), LIMIT_S)
                except (OSError, ValueError, TimeoutError) as error:
                    # The tables beside the charts have the same numbers; the next chart starts it anew.
                    log.error("a chart was not drawn", error=repr(error))
                    if not isinstance(error, _Refused):
                        await self._end()
                    return ""
            self._kept.move_to_end(line)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[line]

    async def _ask_again(self, line: str) -> str:
        """Of a new process, when the one there was has died."""
        try:
            return await self._ask(line)
        except _Refused:
            raise
        except (OSError, ValueError):
            await self._end()
            return await self._ask(line)

    async def _ask(self, line: str) -> str:
        process = await self._running()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{line}\n".encode())
        await process.stdin.drain()
        answer = json.loads(await process.stdout.readline())
        if "error" in answer:
            raise _Refused(answer["error"])
        return str(answer["svg"])

    async def _running(self) -> asyncio.subprocess.Process:
        if self._closed:
            raise OSError("the server is stopping")
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=MOST_BYTES,
                # Ctrl-C in a terminal reaches every process of the group; this one is told by its stdin.
                process_group=0,
            )
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def close(self) -> None:
        """Ends the process, and with it what it is drawing."""
        self._closed = True
        await self._end()


def lines(chart: Chart) -> list[str]:
    """What to ask for, one line a width."""
    return [json.dumps({"kind": chart.kind, "data": chart.data, "width": width}) for width in chart.widths]


def draw_here(charts: Sequence[Chart]) -> Drawn:
    """In this process, for a command that has nothing else to do."""
    from banditcore_server.dashboard.charts import draw

    return {chart.name: tuple(draw(chart.kind, chart.data, width) for width in chart.widths) for chart in charts}


def main() -> None:
    """Answers until stdin ends."""
    with suppress(OSError):
        os.nice(NICENESS)
    from banditcore_server.dashboard.charts import draw, warm_up

    warm_up()
    for line in sys.stdin:
        print(json.dumps(_answer(draw, json.loads(line))), flush=True)


def _answer(draw: Any, asked: dict[str, Any]) -> dict[str, str]:
    try:
        return {"svg": draw(asked["kind"], asked["data"], asked["width"])}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:500]}


if __name__ == "__main__":
    main()
