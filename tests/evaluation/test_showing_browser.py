"""The page of an evaluation in headless Chromium: drawn, readable, reachable by keyboard, quiet, and from one file."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import evaluations as made
import pytest
from browsing import CONTRAST, LEAST_CONTRAST, LEAST_OF_LARGE, PIXELS, Visit, chromium, focused
from playwright.sync_api import Browser

from banditcore.evaluation.showing.page import page

PAGES = ("shop", "nothing", "hostile", "long")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Address of each page."""
    folder: Path = tmp_path_factory.mktemp("pages")
    found = {}
    for name in PAGES:
        path = folder / f"{name}.html"
        path.write_text(page(made.EVALUATIONS[name], made.REPLAYS.get(name)), encoding="utf-8")
        found[name] = path.as_uri()
    return found


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    given = getattr(request.node, "callspec", None)
    params = given.params if given else {}
    width, scheme = params.get("width", 1100), params.get("scheme", "light")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(20_000)
    yield Visit(context)
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_it_is_quiet_and_asks_nobody(files: dict[str, str], visit: Visit, name: str) -> None:
    dialogs: list[str] = []
    visit.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    opened = visit.open(files[name])
    assert visit.said == [] and dialogs == []
    assert visit.asked == [files[name]]
    assert opened.locator("script").count() == 0
    shown = opened.get_by_test_id("targets").text_content() or ""
    assert all(target.target in shown for target in made.EVALUATIONS[name].targets)
    ids = Counter(opened.evaluate("[...document.querySelectorAll('[id]')].map(item => item.id)"))
    assert max(ids.values()) == 1


def test_what_is_said(files: dict[str, str], visit: Visit) -> None:
    opened = visit.open(files["shop"])
    texts = {"headline": "2 of 6 targets would have earned more", "many": "The best of 5", "banner": "can carry it"}
    for name, text in texts.items():
        assert text in opened.get_by_test_id(name).inner_text()
    assert opened.get_by_test_id("target-0").get_by_test_id("gain").inner_text() == "+0.0208"
    assert opened.get_by_test_id("target-3").get_by_test_id("gain").inner_text() == "\N{MINUS SIGN}0.0302"
    refused = opened.get_by_test_id("target-5")
    assert refused.get_by_test_id("value").count() == 0 and "within 0.031 to 0.412" in refused.inner_text()
    assert "One row carries 12.4 %" in opened.get_by_test_id("refused").inner_text()
    assert "4,000" in opened.get_by_test_id("replay-0").inner_text()
    facts = opened.get_by_test_id("settings").inner_text()
    assert "ridge, by arm" in facts and "first 10,000 rows" in facts


@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (360, "dark")])
def test_charts_are_drawn(files: dict[str, str], visit: Visit, scheme: str, width: int) -> None:
    opened = visit.open(files["shop"])
    looking = Visit(visit.page.context).page
    least = {"values": (8, 0.01), "gains": (8, 0.01), "samples": (6, 0.005), "weights-0": (3, 0.1), "arms": (8, 0.03),
             "courses": (15, 0.15), "replays": (6, 0.005)}  # fmt: skip
    for name, (colours, share) in least.items():
        drawing = opened.get_by_test_id(f"chart-{name}").locator("svg:visible")
        box = drawing.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
        bytes_ = base64.b64encode(drawing.screenshot()).decode()
        found = looking.evaluate(PIXELS, [bytes_])
        assert found[0] >= colours and found[1] >= share, (name, found)


@pytest.mark.parametrize(("name", "scheme"), [("shop", "light"), ("shop", "dark"), ("nothing", "dark")])
def test_text_can_be_read(files: dict[str, str], visit: Visit, scheme: str, name: str) -> None:
    opened = visit.open(files[name])
    opened.evaluate("document.querySelectorAll('details').forEach(item => item.open = true)")
    found = opened.evaluate(CONTRAST)
    assert len(found) > 40
    assert not [item for item in found if item[1] < (LEAST_OF_LARGE if item[2] else LEAST_CONTRAST)]
    assert min(size for *_, size in found) >= 11


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_screen(files: dict[str, str], visit: Visit, name: str) -> None:
    opened = visit.open(files[name])
    for width in (360, 800, 1100):
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_labels_of_charts_do_not_touch(files: dict[str, str], visit: Visit) -> None:
    opened = visit.open(files["shop"])
    touching = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
      const texts = [...svg.querySelectorAll('text')].filter(text => text.textContent);
      const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
      const over = (a, b, c, d, least) => Math.min(b, d) - Math.max(a, c) > least;
      const meet = (p, q) => over(p.left, p.right, q.left, q.right, 1) && over(p.top, p.bottom, q.top, q.bottom, 3);
      return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([, q]) => meet(p, q)).map(([b]) => [a, b]));
    })"""
    assert opened.evaluate(touching) == []


def test_it_works_by_keyboard_and_prints(files: dict[str, str], visit: Visit) -> None:
    opened = visit.open(files["shop"])
    opened.keyboard.press("Tab")
    assert focused(opened)["text"] == "Skip to the content"
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.id") == "main"
    opened.keyboard.press("Tab")
    assert focused(opened)["outline"] >= 2 and focused(opened)["text"] == "Numbers of this chart"
    opened.keyboard.press("Enter")
    assert opened.get_by_test_id("chart-gains").locator("table").is_visible()
    opened.emulate_media(media="print")
    assert len(opened.pdf()) > 30_000


def test_it_has_the_landmarks_and_names_that_readers_go_by(files: dict[str, str], visit: Visit) -> None:
    opened = visit.open(files["shop"])
    for role in ("banner", "main"):
        assert opened.get_by_role(role).count() == 1
    assert opened.get_by_role("heading", level=1).inner_text() == "shop-log.parquet"
    for drawing in opened.get_by_role("img").all():
        parts = (drawing.get_attribute("aria-labelledby") or "").split()
        said: list[Any] = [opened.locator(f"[id='{part}']").text_content() for part in parts]
        assert len(said) == 2 and all(said)
    unnamed = (
        "[...document.querySelectorAll('table')].filter(t => !t.caption || !t.querySelector('th[scope=col]')).length"
    )
    assert opened.evaluate(unnamed) == 0
    levels = opened.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(item => Number(item.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))
