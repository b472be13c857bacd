"""What the pages say, and that JSON says the same."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import findings
import httpx
import pytest
import structlog

from banditcore import DecisionEngine, MemoryStore
from banditcore.commands.output import plain
from banditcore.errors import StoreUnavailable
from banditcore.findings import Report
from banditcore.reporting.withholding import withhold
from banditcore_server.dashboard.page import standalone

SHOP = Path(__file__).parents[1] / "shop.toml"
ID = findings.DECISION_ID


class Found(HTMLParser):
    """Texts and values of a page by test id, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = defaultdict(list)
        self.values: dict[str, list[float]] = defaultdict(list)
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self._open: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        mark = given.get("data-testid")
        self.tags.append(tag)
        self.links += [value for name in ("href", "src", "action") if (value := given.get(name))]
        self.ids += [value] if (value := given.get("id")) else []
        if mark:
            self.texts[mark].append("")
            if given.get("value") and tag == "data":
                self.values[mark].append(float(given["value"] or ""))
        if tag not in ("meta", "link", "input"):
            self._open.append((tag, mark))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, mark in self._open:
            if mark:
                self.texts[mark][-1] += data


@pytest.fixture
def client(pages: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=pages.url, timeout=60) as client:
        yield client


def shown(client: httpx.Client, path: str, status: int = 200) -> Found:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return Found(answer.text)


def floats(value: Any) -> set[float]:
    """Every number with a fraction in JSON."""
    if isinstance(value, dict):
        return set().union(*map(floats, value.values()))
    if isinstance(value, list):
        return set().union(*map(floats, value))
    return {value} if isinstance(value, float) and value != round(value) else set()


def test_the_figures_of_the_page_are_those_of_the_json(client: httpx.Client) -> None:
    found, data = shown(client, "/experiments/shop"), client.get("/api/experiments/shop").json()
    assert data == json.loads(json.dumps(plain(withhold(findings.rich()))))
    lift = data["goals"][0]["lift"]
    ends = (found.values[name] for name in ("lift", "lift-low", "lift-high"))
    assert [value for (value,) in ends] == [lift["estimate"], lift["low"], lift["high"]]
    assert found.values["goal-lift"] == [goal["lift"]["estimate"] for goal in data["goals"]]
    assert found.values["goal-difference"] == [goal["lift"]["difference"] for goal in data["goals"]]
    assert found.values["goal-recent"] == [goal["recent"]["estimate"] for goal in data["goals"] if goal["recent"]]
    assert found.values["goal-uncapped"] == [goal["uncapped"]["estimate"] for goal in data["goals"] if goal["uncapped"]]
    assert found.values["policy-mean"] == [goal["policy"]["mean"] for goal in data["goals"]]
    assert found.values["share"] == [item["share"] for item in data["variants"]]
    assert found.values["value"] == [item["value"] for item in data["variants"] if item["value"] is not None]
    assert found.values["raw"] == [item["raw_mean"] for item in data["variants"]]
    assert found.values["e-value"] == [goal["guardrail"]["e_value"] for goal in data["goals"] if goal["guardrail"]]
    assert found.texts["lift"] == ["+12.1%"]


def test_what_the_page_says_in_words(client: httpx.Client) -> None:
    found = shown(client, "/experiments/shop")
    (headline,), (trust,), (banner,) = found.texts["headline"], found.texts["trust"], found.texts["banner"]
    assert headline == (
        "Decided on 2026-11-11: the policy pays off, with customers who got it 11.8% above those who were left out on"
        " purchase (between 2.1% and 22.4% above). As it stands now, they are 12.1% above (between 4.3% and 20.6%"
        " above)."
    )
    assert trust.startswith("The answer of 2026-11-11 was given with 71% of the planned data")
    assert "however often you look" in trust
    assert banner.index("returned is worse") < banner.index("Rewards that find their decision: warning.")
    assert found.texts["agrees"] == ["they agree"]
    assert "alarmed" in found.texts["guardrail-returned"][0]
    assert "safe to ship" in found.texts["guardrail-newsletter-left"][0]
    assert "only 71 effective decisions" in found.texts["variants"][0]
    assert found.texts["model"] == ["learned up to 2.4 s ago"]
    assert found.texts["lag"] == ["41 outcomes behind, the oldest 2.4 s old"]
    assert found.texts["recent-note"][0].startswith("The figure of the last 28 days counts every conversion in them")
    assert "resuming" not in found.texts
    assert all(check.message in found.texts[f"check-{check.name}"][0] for check in findings.CHECKS)
    charts = [name for name in found.texts if name.startswith("chart-")]
    assert charts == [
        f"chart-{name}" for name in ("lift-over-time", "figures", "goals", "audiences", "variants", "traffic")
    ]
    for name in charts:
        assert len(found.texts[name][0]) > 100, "a chart has its sentence and its numbers"


def test_a_frozen_experiment_says_what_resuming_means() -> None:
    found = Found(standalone(replace(findings.rich(), status="frozen")))
    (text,) = found.texts["resuming"]
    assert "Resuming serves the policy again; this guardrail will not freeze it a second time." in text
    assert text in found.texts["banner"][0]


def test_the_last_days_are_explained_only_where_they_are_shown() -> None:
    report = findings.rich()
    found = Found(standalone(replace(report, goals=tuple(replace(goal, recent=None) for goal in report.goals))))
    assert "recent-note" not in found.texts
    assert "every conversion" not in found.texts["chart-figures"][0]


def test_checks_come_before_any_number(client: httpx.Client) -> None:
    for name in ("shop", "broken", "fresh"):
        order = list(shown(client, f"/experiments/{name}").texts)
        assert order.index("banner") < order.index("lift")


@pytest.mark.parametrize("name", ["fresh", "broken"])
def test_no_number_of_a_lift_that_must_not_be_read(client: httpx.Client, name: str) -> None:
    """The report behind "broken" still has a verdict, other lifts and a history."""
    report = {"fresh": findings.empty(), "broken": findings.blanked()}[name]
    data = client.get(f"/api/experiments/{name}").json()
    page, overview = client.get(f"/experiments/{name}").text, client.get("/api/experiments").json()
    alone = standalone(report, findings.health())
    assert data["history"] == []
    for goal in data["goals"]:
        kept = ("lift", "verdict", "uncapped", "recent")
        assert [goal[part] for part in kept] == [None] * 4
        assert all(goal[group][mean] is None for group in ("policy", "holdout") for mean in ("mean", "raw_mean"))
        assert (goal["off_policy"] or {}).get("estimate") is None
        assert (goal["off_policy"] or {}).get("by_decision") is None
        assert all(item["lift"] is None and item["policy"]["mean"] is None for item in goal["audiences"])
    rich = findings.rich()
    lifts = [lift for goal in rich.goals for lift in (goal.lift, goal.recent, goal.uncapped, goal.verdict) if lift]
    secret = floats(plain(rich.history)) | {end for lift in lifts for end in (lift.estimate, lift.low, lift.high)}
    assert not secret & floats(data)
    assert not secret & floats([item for item in overview["experiments"] if item["name"] == name])
    for html in (page, alone):
        found = Found(html)
        assert found.texts["lift"] == [report.goals[0].status]
        assert report.goals[0].note.casefold() in found.texts["trust"][0].casefold()
        assert not found.values["goal-lift"] and not found.values["e-value"]
        assert not {"chart-lift-over-time", "chart-figures", "chart-goals", "chart-audiences"} & set(found.texts)
        assert "12.1%" not in html and "11.8%" not in html and "0.121" not in html


def test_the_list(client: httpx.Client) -> None:
    found, data = shown(client, "/"), client.get("/api/experiments").json()
    assert [item["name"] for item in data["experiments"]] == ["broken", "fresh", "hostile", "shop"]
    assert found.texts["lift"] == ["blanked", "collecting", "+12.1%", "+12.1%"]
    assert found.texts["checks"][0] == "A check failed: no lift is shown"
    assert found.texts["checks"][1] == "All checks pass"
    assert found.texts["alarms"] == ["2 alarms", "1 alarm", "1 alarm"]
    assert found.values["decisions"] == [item["decisions"] for item in data["experiments"]]
    assert {"/experiments/shop", "/decisions", "/api/experiments"} <= set(found.links)


def test_one_decision(client: httpx.Client) -> None:
    found, data = shown(client, f"/decisions/{ID}"), client.get(f"/api/decisions/{ID}").json()
    assert data == json.loads(json.dumps(plain(findings.explanation())))
    assert found.texts["variant"] == ["sale"] and found.texts["unit"] == ["customer-42"]
    assert found.values["propensity"] == [data["decision"]["propensity"]]
    assert found.values["draw"] == [data["draw"]]
    assert "the draw 0.4127 fell on it" in found.texts["why"][0]
    assert "country=DE" in found.texts["chart-contributions"][0]


def test_the_form_leads_to_the_decision(client: httpx.Client) -> None:
    assert "decision-id" in shown(client, "/decisions").texts
    answer = client.get("/decisions", params={"id": f" {ID} "})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/decisions/{ID}")
    assert (
        client.get("/decisions", params={"id": "//example.org/x"}).headers["location"].startswith("/decisions/%2F%2F")
    )
    found = shown(client, "/decisions/not-an-id", 404)
    assert "not-an-id" in found.texts["problem"][0]
    assert "decision-id" in found.texts


@pytest.mark.parametrize(
    "path", ["/nowhere", "/experiments/unknown", "/experiments/shop/", "/experiments/shop?audience=x:y"]
)
def test_what_is_not_there(client: httpx.Client, path: str) -> None:
    assert len(shown(client, path, 404).texts["problem"][0]) > 20
    answer = client.get(f"/api{path}")
    assert answer.status_code == (404 if "?" not in path else 200)


def test_json_of_what_is_not_there(client: httpx.Client) -> None:
    answer = client.get("/api/experiments/unknown")
    assert (answer.status_code, answer.json()["error"]["reason"]) == (404, "EXPERIMENT_NOT_FOUND")
    assert answer.json()["error"]["field"] == "experiment"


def test_traffic_of_an_audience(client: httpx.Client) -> None:
    everybody, german = shown(client, "/experiments/shop"), shown(client, "/experiments/shop?audience=country:DE")
    assert "Variants shown for country DE" in german.texts["chart-traffic"][0]
    assert everybody.texts["chart-traffic"] != german.texts["chart-traffic"]
    assert any("audience=country%3ADE" in link for link in everybody.links)


def test_refreshing_can_be_stopped(client: httpx.Client) -> None:
    for path, other in (
        ("/", "/?"),
        ("/experiments/shop?audience=country:FR", "/experiments/shop?audience=country%3AFR&"),
    ):
        answer = client.get(path)
        assert '<meta http-equiv="refresh" content="60">' in answer.text
        stay = f"{other}refresh=0"
        assert stay in Found(answer.text).links
        assert 'http-equiv="refresh"' not in client.get(stay).text


def test_names_with_malice_stay_names(client: httpx.Client) -> None:
    for path in ("/experiments/hostile", "/", f"/decisions/{'%3Cscript%3E'}"):
        found = Found(client.get(path).text)
        assert "script" not in found.tags
    names = shown(client, "/experiments/hostile").texts["variants"][0]
    assert '<script>alert("1")</script>&\'"' in names


@pytest.mark.parametrize("name", ["shop", "fresh", "broken", "hostile"])
def test_a_page_is_whole(client: httpx.Client, name: str) -> None:
    found = shown(client, f"/experiments/{name}")
    assert len(found.ids) == len(set(found.ids)), "an id is there once"
    assert {"title", "main", "header", "nav", "footer"} <= set(found.tags)
    assert found.tags.count("h1") == 1
    assert all(link.startswith(("/", "#", "?")) for link in found.links)


def test_a_copy_to_send_asks_for_nothing() -> None:
    html = standalone(findings.rich(), findings.health())
    found = Found(html)
    assert all(link.startswith(("#", "data:,")) for link in found.links)
    assert not {"script", "form", "iframe", "img"} & set(found.tags)
    assert "url(http" not in html and "@import" not in html
    assert found.texts["made"][0].startswith("A copy made on 20")
    assert found.values["lift"] == [0.121]
    assert len(html) < 250_000


def test_many_viewers_cost_what_one_does(serve: Callable[..., Any]) -> None:
    shelf = findings.Shelf((findings.rich(),))
    with serve(shelf) as pages, ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: httpx.get(f"{pages.url}/experiments/shop", timeout=60).text, range(40)))
    assert len(set(found)) == 1
    assert shelf.asked < 20


class Away(findings.Shelf):
    """One experiment's report cannot be had."""

    def report(self, name: str) -> Report:
        if name == "shop":
            raise StoreUnavailable("disk /var/lib/secret is full")
        if name == "broken":
            raise RuntimeError("a secret of the code")
        return super().report(name)


def test_what_goes_wrong_is_told_without_what_is_for_the_operator(serve: Callable[..., Any]) -> None:
    engine = Away((findings.blanked(), findings.empty(), findings.rich()))
    with structlog.testing.capture_logs() as logged, serve(engine) as pages:
        answers = {path: httpx.get(f"{pages.url}{path}", timeout=60) for path in ("/", "/experiments/shop")}
        answers["/api/experiments/broken"] = httpx.get(f"{pages.url}/api/experiments/broken", timeout=60)
    assert [answer.status_code for answer in answers.values()] == [200, 503, 500]
    assert {entry["event"] for entry in logged} == {"a report failed", "a page failed"}
    assert all("secret" not in answer.text for answer in answers.values())
    overview = Found(answers["/"].text)
    assert len(overview.texts["problem"]) == 2 and overview.texts["lift"] == ["collecting"]
    assert answers["/api/experiments/broken"].json()["error"]["reason"] == "INTERNAL"


def test_answers_of_a_real_engine(serve: Callable[..., Any]) -> None:
    engine = DecisionEngine(MemoryStore())
    engine.apply_toml(SHOP)
    made = engine.decide("shop", "ann", {"age": 31, "country": "DE", "member": True})
    with engine, serve(engine) as pages:
        data = httpx.get(f"{pages.url}/api/decisions/{made.id}", timeout=60).json()
        assert data == json.loads(json.dumps(plain(engine.explain(made.id))))
        found = Found(httpx.get(f"{pages.url}/decisions/{made.id}", timeout=60).text)
        assert found.texts["variant"] == [made.variant] and found.texts["recomputed"] == ["recomputed: equal"]
        health = httpx.get(f"{pages.url}/api/health", timeout=60).json()
        assert [item["name"] for item in health["experiments"]] == ["brief", "pixels", "shop", "shown"]
        assert httpx.get(f"{pages.url}/api/decisions/abc", timeout=60).status_code in (400, 404)


def test_a_report_with_hardly_anything() -> None:
    """Neither goals, variants nor checks: as of a definition that nobody has asked yet."""
    report = replace(findings.empty(), goals=(), variants=(), checks=(), epochs=())
    assert 'data-ready="true"' in standalone(report)
    nothing = replace(findings.rich(), history=findings.rich().history[:1], traffic=(), holdout_share=math.nan)
    assert "begins with the second look" in standalone(nothing)
