"""Answers to requests: the pages, the same as JSON, and what goes wrong as either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from importlib.resources import files
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from banditcore.commands.output import plain
from banditcore.errors import BanditcoreError, InvalidInput, NotAllowedNow, NotFound, StoreUnavailable
from banditcore.findings import Report
from banditcore.pages.filling import style_sheet
from banditcore.reporting.withholding import withhold
from banditcore.types import Experiment, ExperimentHealth, Explanation, Health
from banditcore_server.dashboard import page
from banditcore_server.dashboard.auth import Access, Guard
from banditcore_server.dashboard.drawing import Drawer
from banditcore_server.dashboard.fresh import Fresh
from banditcore_server.dashboard.page import Asked, Glance, Page

log = structlog.get_logger(__name__)

T = TypeVar("T")
AT_ONCE = 2
"""Calls of the engine at a time: viewers must not take all of its threads."""
STATUS: dict[type[BanditcoreError], int] = {InvalidInput: 400, NotFound: 404, NotAllowedNow: 409, StoreUnavailable: 503}
FAILED = "This could not be shown: the server's log says why."
AWAY = "The store cannot be read now: try again; the server's log says why."


class Answers(Protocol):
    """What is asked of the engine. Every method may block."""

    def list(self) -> Sequence[Experiment]: ...
    def report(self, name: str) -> Report: ...
    def health(self) -> Health: ...
    def explain(self, decision_id: str) -> Explanation: ...


class Dashboard:
    """The pages of one engine."""

    def __init__(self, engine: Answers, drawer: Drawer) -> None:
        self._engine, self._drawer = engine, drawer
        self._fresh, self._turns = Fresh(), asyncio.Semaphore(AT_ONCE)

    def app(self, access: Access) -> ASGIApp:
        """For a server of ASGI."""
        routes = {
            "/": self.overview,
            "/experiments/{name}": self.experiment,
            "/decisions": self.ask,
            "/decisions/{id}": self.decision,
            "/api/experiments": self.overview_data,
            "/api/experiments/{name}": self.experiment_data,
            "/api/health": self.health_data,
            "/api/decisions/{id}": self.decision_data,
            "/page.css": _style,
            "/favicon.svg": _icon,
            "/favicon.ico": _icon,
        }
        listed = [Route(path, self._told(answer), methods=["GET"]) for path, answer in routes.items()]
        answering = Starlette(routes=listed, exception_handlers={404: self._nowhere})
        answering.router.redirect_slashes = False
        return Guard(answering, access)

    async def overview(self, request: Request) -> Response:
        asked = _asked(request)
        return HTMLResponse(await self._once(("overview", asked), partial(self._overview, asked)))

    async def _overview(self, asked: Asked) -> str:
        glances, health = await self._glances()
        return await self._html(page.overview(glances, health), asked)

    async def overview_data(self, request: Request) -> Response:
        async def made() -> Any:
            return {"experiments": [_glance(item) for item in (await self._glances())[0]]}

        return await self._data("overview", made)

    async def experiment(self, request: Request) -> Response:
        name, asked = request.path_params["name"], _asked(request)
        report, health = await self._report(name), await self._health_of(name)
        audience, value = _audience(request, report)
        key = ("experiment", name, audience, value, asked)
        return HTMLResponse(
            await self._once(key, lambda: self._html(page.experiment(report, health, audience, value), asked))
        )

    async def experiment_data(self, request: Request) -> Response:
        name = request.path_params["name"]
        return await self._data(("report", name), partial(self._report, name))

    async def health_data(self, request: Request) -> Response:
        return await self._data("health", self._health)

    async def ask(self, request: Request) -> Response:
        given = request.query_params.get("id", "").strip()
        if given:
            return RedirectResponse(f"/decisions/{quote(given[:64], safe='')}", 303)
        return HTMLResponse(await self._html(page.ask_for_decision(), Asked(refresh_s=0)))

    async def decision(self, request: Request) -> Response:
        given = request.path_params["id"]
        try:
            found = await self._explain(given)
        except (InvalidInput, NotFound, NotAllowedNow) as error:
            html = await self._html(page.ask_for_decision(error.message, given), Asked(refresh_s=0))
            return HTMLResponse(html, _status(error))
        return HTMLResponse(await self._html(page.decision(found), Asked(refresh_s=0)))

    async def decision_data(self, request: Request) -> Response:
        given = request.path_params["id"]
        return await self._data(("decision", given), partial(self._explain, given))

    async def _glances(self) -> tuple[list[Glance], Health]:
        experiments = await self._once("list", partial(self._call, self._engine.list))
        health = await self._health()
        by_name = {item.name: item for item in health.experiments}
        return [await self._glance_at(item, by_name.get(item.spec.name)) for item in experiments], health

    async def _glance_at(self, experiment: Experiment, health: ExperimentHealth | None) -> Glance:
        try:
            return Glance(experiment, await self._report(experiment.spec.name), health)
        except BanditcoreError as error:
            return Glance(experiment, None, health, _public(error))
        except Exception:
            # One that cannot be reported on must not hide the others.
            log.exception("a report failed", experiment=experiment.spec.name)
            return Glance(experiment, None, health, FAILED)

    async def _report(self, name: str) -> Report:
        async def made() -> Report:
            return withhold(await self._call(self._engine.report, name))

        return await self._once(("report", name), made)

    async def _health(self) -> Health:
        return await self._once("health", partial(self._call, self._engine.health))

    async def _health_of(self, name: str) -> ExperimentHealth | None:
        return next((item for item in (await self._health()).experiments if item.name == name), None)

    async def _explain(self, decision_id: str) -> Explanation:
        return await self._once(("decision", decision_id), partial(self._call, self._engine.explain, decision_id))

    async def _data(self, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Response:
        """As JSON; written on a thread, since a long report takes its time."""

        async def made() -> str:
            return await asyncio.to_thread(_written, await make())

        return _json(await self._once(("data", key), made))

    async def _once(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        return await self._fresh.get(key, make)

    async def _call(self, call: Callable[..., T], *given: Any) -> T:
        async with self._turns:
            return await asyncio.to_thread(call, *given)

    async def _html(self, made: Page, asked: Asked) -> str:
        drawn = await self._drawer.draw(made.charts)
        return await asyncio.to_thread(page.render, made, drawn, asked)

    def _told(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The same, with what goes wrong told in words."""

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except BanditcoreError as error:
                return await self._problem(request, _status(error), error.reason, _public(error), error.field)
            except Exception:
                log.exception("a page failed", path=request.url.path)
                return await self._problem(request, 500, "INTERNAL", FAILED)

        return told

    async def _nowhere(self, request: Request, error: Exception) -> Response:
        words = f"There is no page {request.url.path[:200]}: start from the list of experiments."
        return await self._problem(request, 404, "NOT_FOUND", words)

    async def _problem(self, request: Request, status: int, reason: str, message: str, field: str = "") -> Response:
        if request.url.path.startswith("/api/"):
            return _json(_written({"error": {"reason": reason, "message": message, "field": field}}), status)
        return HTMLResponse(await self._html(page.problem(status, message), Asked(refresh_s=0)), status)


def _status(error: BanditcoreError) -> int:
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def _public(error: BanditcoreError) -> str:
    """What a viewer may read: paths and words of a database are for whoever runs the server."""
    return error.message if _status(error) < 500 else AWAY


def _asked(request: Request) -> Asked:
    """How often to ask again. Only known parameters are kept, as they are part of what is remembered."""
    kept = {name: value for name in ("audience",) if (value := request.query_params.get(name))}
    path = quote(request.url.path)
    stay, go_on = f"{path}?{urlencode(kept | {'refresh': '0'})}", f"{path}?{urlencode(kept)}".rstrip("?")
    return Asked(0 if request.query_params.get("refresh") == "0" else page.REFRESH_S, stay, go_on)


def _audience(request: Request, report: Report) -> tuple[str, str]:
    """Whose traffic to show: ?audience=NAME:VALUE. Raises NotFound for one that the report does not have."""
    given = request.query_params.get("audience", "")
    if not given:
        return "", ""
    for item in report.traffic:
        if item.audience and f"{item.audience}:{item.value}" == given:
            return item.audience, item.value
    raise NotFound(f"audience {given[:100]!r} has no traffic here: choose one of the links", field="audience")


def _glance(item: Glance) -> dict[str, Any]:
    """One experiment of the list as JSON; all the rest is in its own report."""
    report, spec = item.report, item.experiment.spec
    return {
        "name": spec.name,
        "version": item.experiment.version,
        "status": item.experiment.status,
        "primary_goal": item.primary,
        "decisions": report.decisions if report else None,
        "checks": report.checks if report else None,
        "alarms": report.alarms if report else None,
        "advice": report.advice if report else None,
        "health": item.health,
        "problem": item.problem,
    }


def _written(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)


def _json(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="application/json")


async def _style(request: Request) -> Response:
    return Response(style_sheet(), media_type="text/css")


async def _icon(request: Request) -> Response:
    icon = (files(__package__) / "favicon.svg").read_text(encoding="utf-8")
    return Response(icon, media_type="image/svg+xml")
