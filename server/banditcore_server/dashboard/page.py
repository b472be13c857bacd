"""Pages as HTML: one template each, the charts of `figures`, and one style sheet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment

from banditcore.findings import GoalReport, Report
from banditcore.pages.chart import Chart
from banditcore.pages.filling import alone, environment, images, style_sheet
from banditcore.reporting.withholding import withhold
from banditcore.types import Experiment, ExperimentHealth, Explanation, Health
from banditcore_server.dashboard import figures, words
from banditcore_server.dashboard.drawing import Drawn, draw_here

REFRESH_S = 60


@dataclass(frozen=True)
class Page:
    """What a template is filled with, before its charts are drawn."""

    template: str
    values: dict[str, Any]
    charts: tuple[Chart, ...] = field(default=())


@dataclass(frozen=True)
class Asked:
    """How a page is to be served."""

    refresh_s: int = REFRESH_S
    """Seconds after which the browser asks again; 0: never."""
    stay: str = ""
    """Address of this page without refresh, to follow."""
    go_on: str = ""
    """Address of this page with refresh."""


@dataclass(frozen=True)
class Glance:
    """One experiment in the list."""

    experiment: Experiment
    report: Report | None
    health: ExperimentHealth | None
    problem: str = ""
    """Why there is no report."""

    @property
    def primary(self) -> GoalReport | None:
        return None if self.report is None else primary(self.report)


def primary(report: Report) -> GoalReport | None:
    """The goal that decides."""
    return next((goal for goal in report.goals if goal.role == "primary"), None)


def overview(glances: Sequence[Glance], health: Health) -> Page:
    """Every experiment at a glance. Reports are withheld already."""
    goals = [(item, goal) for item in glances if (goal := item.primary) is not None and item.report is not None]
    domain = figures.glance_domain([goal.lift for _, goal in goals if goal.lift])
    charts = [figures.glance(item.report, goal, domain) for item, goal in goals if item.report is not None]
    values = {"glances": glances, "store": health.store, "title": "Experiments"}
    return Page("overview.html", values, tuple(chart for chart in charts if chart))


def experiment(report: Report, health: ExperimentHealth | None, audience: str = "", value: str = "") -> Page:
    """One experiment. The report is withheld already; the audience is one of its traffic."""
    goal = primary(report)
    of_goal = (figures.lift_over_time(report, goal), figures.two_figures(goal)) if goal else ()
    charts = (
        *of_goal,
        figures.goals(report),
        figures.audiences(goal) if goal else None,
        figures.variants(report),
        figures.traffic(report, audience, value),
    )
    return Page(
        "experiment.html",
        {
            "report": report,
            "goal": goal,
            "health": health,
            "title": report.experiment,
            "audiences": sorted({(item.audience, item.value) for item in report.traffic if item.audience}),
            "audience": (audience, value),
            "guardrails": [item for item in report.goals if item.guardrail],
            "charts_of": {chart.name: chart for chart in charts if chart},
        },
        tuple(chart for chart in charts if chart),
    )


def decision(found: Explanation) -> Page:
    """One decision, explained."""
    charts = tuple(chart for chart in (figures.probabilities(found), figures.contributions(found)) if chart)
    values = {"found": found, "decision": found.decision, "title": f"Decision for {found.decision.unit}"}
    return Page("decision.html", values | {"charts_of": {chart.name: chart for chart in charts}}, charts)


def ask_for_decision(problem: str = "", given: str = "") -> Page:
    """The form alone, with what was wrong with the id that was given."""
    return Page("ask.html", {"problem": problem, "given": given, "title": "Explain a decision"})


def problem(status: int, message: str) -> Page:
    """What went wrong, for people."""
    title = {400: "That cannot be asked", 404: "Not found"}.get(status, "Not now")
    return Page("problem.html", {"title": title, "message": message, "status": status})


def render(page: Page, drawn: Drawn, asked: Asked) -> str:
    """The page as the server sends it."""
    return _filled(page, drawn, served=True, asked=asked)


def standalone(report: Report, health: Health | None = None) -> str:
    """The page of one experiment as a single file to send to someone: no script, and nothing is fetched from anywhere.

    Draws in this process, which takes a second. What must not be read yet is left out.
    """
    mine = None if health is None else next((h for h in health.experiments if h.name == report.experiment), None)
    page = experiment(withhold(report), mine)
    how = {"asked": Asked(refresh_s=0), "made": words.moment(round(time.time() * 1e6))}
    return _filled(page, draw_here(page.charts), **how, **alone())


def warm_up() -> None:
    """Reads and compiles what the first page needs."""
    style_sheet()
    for name in _environment().list_templates():
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    return environment(__package__, words=words)


def _filled(page: Page, drawn: Drawn, **how: Any) -> str:
    template = _environment().get_template(page.template)
    return template.render(
        **{"sheet": "", "policy": "", "made": ""} | how, images=images(page.charts, drawn), **page.values
    )
