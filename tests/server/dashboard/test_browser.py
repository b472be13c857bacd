"""The page in headless Chromium: drawn, readable, reachable by keyboard, quiet, and alone on the network."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import findings
import pytest
from browsing import CONTRAST, LEAST_CONTRAST, LEAST_OF_LARGE, PIXELS, Visit, focused
from playwright.sync_api import Browser

from banditcore_server.dashboard.page import standalone

PATHS = ("/", "/experiments/shop", "/experiments/fresh", "/experiments/broken", f"/decisions/{findings.DECISION_ID}")


@pytest.fixture(params=["light", "dark"], scope="module")
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """With a screen as wide as the test's parameter `width` says, in its `scheme`."""
    given = getattr(request.node, "callspec", None)
    params = given.params if given else {}
    width, scheme = params.get("width", 1100), params.get("scheme", "light")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(20_000)
    yield Visit(context)
    context.close()


@pytest.mark.parametrize("path", PATHS)
def test_it_is_ready_quiet_and_asks_nobody_else(pages: Any, visit: Visit, path: str) -> None:
    visit.open(pages.url + path)
    assert visit.page.title().endswith("banditcore")
    assert visit.said == []
    assert visit.asked[0] == pages.url + path
    assert {url.removeprefix(pages.url) for url in visit.asked[1:]} <= {"/page.css", "/favicon.svg"}
    assert "/page.css" in "".join(visit.asked)


def test_what_is_shown_by_test_id(pages: Any, visit: Visit) -> None:
    page = visit.open(f"{pages.url}/experiments/shop")
    assert page.get_by_test_id("lift").inner_text() == "+12.1%"
    assert "pays off" in page.get_by_test_id("headline").inner_text()
    assert page.get_by_test_id("goal-returned").get_by_test_id("goal-lift").inner_text() == "+16.4%"
    assert page.get_by_test_id("advice").is_visible()
    for name in ("lift-over-time", "figures", "goals", "audiences", "variants", "traffic"):
        figure = page.get_by_test_id(f"chart-{name}")
        assert figure.get_by_role("img").count() == 1, "a screen reader meets one of the two drawings"
        assert not figure.locator("table").is_visible()
        figure.locator("summary").click()
        assert figure.locator("table").is_visible()


@pytest.mark.parametrize("width", [1100, 360])
def test_charts_are_drawn(pages: Any, visit: Visit, scheme: str, width: int) -> None:
    page = visit.open(f"{pages.url}/experiments/shop")
    shots = {
        name: page.get_by_test_id(f"chart-{name}").locator("svg:visible")
        for name in ("lift-over-time", "traffic", "goals")
    }
    least = {"lift-over-time": (40, 0.15), "traffic": (12, 0.5), "goals": (8, 0.01)}
    for name, drawing in shots.items():
        box = drawing.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
        bytes_ = base64.b64encode(drawing.screenshot()).decode()
        colours, share = Visit(visit.page.context).page.evaluate(PIXELS, [bytes_])
        assert colours >= least[name][0] and share >= least[name][1], (name, colours, share)


@pytest.mark.parametrize("path", PATHS)
def test_text_can_be_read(pages: Any, visit: Visit, scheme: str, path: str) -> None:
    page = visit.open(pages.url + path)
    page.evaluate("document.querySelectorAll('details').forEach(item => item.open = true)")
    found = page.evaluate(CONTRAST)
    assert len(found) > 20
    poor = [item for item in found if item[1] < (LEAST_OF_LARGE if item[2] else LEAST_CONTRAST)]
    assert not poor
    assert min(size for *_, size in found) >= 11


@pytest.mark.parametrize("width", [360, 800])
@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_wider_than_the_screen(pages: Any, visit: Visit, path: str, width: int) -> None:
    page = visit.open(pages.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = """width => [...document.querySelectorAll('main *:not(.scroll *, .unseen, thead *, thead)')]
      .filter(item => item.getBoundingClientRect().right > width + 1).map(item => item.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide, width) == []
    # Letters of charts as they come out on the screen.
    sizes = page.evaluate(
        """[...document.querySelectorAll('svg text')].filter(text => text.getClientRects().length)
        .map(text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"""
    )
    assert all(size >= 10 for size in sizes)


def test_dark_is_dark(pages: Any, visit: Visit, scheme: str) -> None:
    page = visit.open(f"{pages.url}/experiments/shop")
    back, line = page.evaluate(
        """[getComputedStyle(document.documentElement).backgroundColor,
        getComputedStyle(document.querySelector('.wide path[stroke="#1c63b7"]')).stroke]"""
    )
    light = sum(map(int, back[4:-1].split(","))) / 3
    assert light > 200 if scheme == "light" else light < 60
    assert line == {"light": "rgb(28, 99, 183)", "dark": "rgb(110, 170, 242)"}[scheme]


def test_it_works_by_keyboard(pages: Any, visit: Visit) -> None:
    page = visit.open(f"{pages.url}/")
    page.keyboard.press("Tab")
    assert focused(page)["text"] == "Skip to the content"
    assert focused(page)["x"] >= 0, "it comes into sight"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    seen = []
    while "Explain" not in seen and len(seen) < 30:
        page.keyboard.press("Tab")
        at = focused(page)
        assert at["outline"] >= 2, "what has the focus shows it"
        seen.append(at["text"] or at["id"])
    assert [name for name in seen if name in ("broken", "fresh", "hostile", "shop")] == [
        "broken",
        "fresh",
        "hostile",
        "shop",
    ]
    assert seen[-2:] == ["decision-id", "Explain"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.type(findings.DECISION_ID)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/decisions/{findings.DECISION_ID}")
    assert page.get_by_test_id("unit").inner_text() == "customer-42"
    page.get_by_role("link", name="shop").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/experiments/shop")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_test_id("chart-lift-over-time").locator("table").is_visible()


def test_it_has_the_landmarks_and_names_that_readers_go_by(pages: Any, visit: Visit) -> None:
    page = visit.open(f"{pages.url}/experiments/shop")
    assert page.locator("html").get_attribute("lang") == "en"
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    assert page.get_by_role("heading", level=1).inner_text() == "shop"
    for drawing in page.get_by_role("img").all():
        parts = (drawing.get_attribute("aria-labelledby") or "").split()
        words = [page.locator(f"[id='{part}']").text_content() for part in parts]
        assert len(words) == 2 and all(words)
    unnamed = (
        "[...document.querySelectorAll('table')].filter(t => !t.caption || !t.querySelector('th[scope=col]')).length"
    )
    assert page.evaluate(unnamed) == 0
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(item => Number(item.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_traffic_is_chosen_by_a_link(pages: Any, visit: Visit) -> None:
    page = visit.open(f"{pages.url}/experiments/shop")
    page.get_by_role("link", name="country: DE").click()
    page.wait_for_url("**audience=country**")
    assert page.get_by_test_id("chart-traffic").get_by_role("heading").inner_text() == "Variants shown for country DE"
    assert page.locator("[aria-current]").inner_text() == "country: DE"
    page.get_by_test_id("refresh").click()
    page.wait_for_url("**refresh=0**")
    assert page.get_by_test_id("chart-traffic").get_by_role("heading").inner_text() == "Variants shown for country DE"


def test_a_copy_opens_from_a_file_and_prints(visit: Visit, tmp_path: Any) -> None:
    path = tmp_path / "shop.html"
    path.write_text(standalone(findings.rich(), findings.health()), encoding="utf-8")
    page = visit.open(path.as_uri())
    assert visit.said == [] and visit.asked == [path.as_uri()]
    assert page.get_by_test_id("lift").inner_text() == "+12.1%"
    colour = page.get_by_test_id("lift").evaluate("item => getComputedStyle(item).color")
    assert colour == "rgb(20, 105, 63)", "its style sheet is let through by its policy"
    page.emulate_media(media="print")
    assert not page.locator("details").first.is_visible()
    assert len(page.pdf()) > 30_000


def test_names_with_malice_do_nothing(pages: Any, visit: Visit) -> None:
    dialogs: list[str] = []
    visit.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page = visit.open(f"{pages.url}/experiments/hostile")
    assert dialogs == [] and visit.said == []
    assert page.locator("script").count() == 0
    ids = Counter(page.evaluate("[...document.querySelectorAll('[id]')].map(item => item.id)"))
    assert max(ids.values()) == 1
