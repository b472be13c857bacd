"""What tests of pages look at in a browser: contrast, drawn pixels, requests, focus."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

LEAST_CONTRAST, LEAST_OF_LARGE = 4.5, 3.0

# Contrast of every text with what is behind it, as WCAG 2 computes it. Text of charts is filled, other text coloured.
CONTRAST = """() => {
  const parse = colour => {
    const [r, g, b, a] = colour.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a === undefined ? 1 : a];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, words = walker.currentNode.data.trim();
    if (!words || !element.getClientRects().length || ['title', 'desc'].includes(element.tagName)) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const [a, b] = [light(parse(element instanceof SVGElement ? style.fill : style.color)), light(behind(element))];
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    found.push([words.slice(0, 40), (Math.max(a, b) + .05) / (Math.min(a, b) + .05), large, size]);
  }
  return found;
}"""
# How many colours a chart has on the screen, and how much of it is not background.
PIXELS = """async ([bytes]) => {
  const blob = new Blob([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], {type: 'image/png'});
  const image = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(image.width, image.height), at = canvas.getContext('2d');
  at.drawImage(image, 0, 0);
  const data = new Uint32Array(at.getImageData(0, 0, image.width, image.height).data.buffer), counts = new Map();
  for (const pixel of data) counts.set(pixel, (counts.get(pixel) || 0) + 1);
  return [counts.size, 1 - Math.max(...counts.values()) / data.length];
}"""


class Visit:
    """A page that was opened, and all that the browser did and said for it."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, url: str) -> Page:
        self.page.goto(url)
        self.page.wait_for_selector("body[data-ready=true]", timeout=20_000)
        return self.page


def focused(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(
        """(() => { const at = document.activeElement, style = getComputedStyle(at);
        return {text: at.innerText || '', id: at.id, x: at.getBoundingClientRect().x,
          outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth)}; })()"""
    )
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window. While it lasts, this thread has an event loop."""
    path = shutil.which("chromium")
    assert path, "the page is tested in a browser that is not there: apt install chromium"
    with sync_playwright() as playwright:
        # Tests may run as root, for whom Chromium has no sandbox.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
