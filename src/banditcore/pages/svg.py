"""SVG as it goes into a page: smaller, fonts and colours left to the style sheet, and named for a screen reader."""

from __future__ import annotations

import re
from html import escape

_NEEDLESS = re.compile(
    r' (?:font-family="sans-serif"|role="[^"]*"|aria-[a-z]+="[^"]*"|pointer-events="none"|opacity="1"'
    r'|stroke-miterlimit="10"|class="[^"]*"|xmlns:xlink="[^"]*"|version="1.1")'
)
_INVISIBLE = re.compile(r'<path [^<>]*d="(?:M0,0h0v0h0Z)?"[^<>]*/>|<path [^<>]*display="none"/>')
_PATH = re.compile(r' (?:d|transform)="[^"]*"')
_TAG = re.compile(r"<[a-zA-Z][^<>]*>")
_CLIP = re.compile(r'(id="|url\(#)(clip\d+)')


def trimmed(drawn: str) -> str:
    """Without what nobody sees; coordinates to a tenth of a pixel."""
    numbers: dict[str, int] = {}

    def renamed(found: re.Match[str]) -> str:
        # Vega counts on from chart to chart; the same chart is to be the same bytes.
        return f"{found[1]}clip{numbers.setdefault(found[2], len(numbers))}"

    drawn = _INVISIBLE.sub("", _TAG.sub(lambda tag: _CLIP.sub(renamed, _NEEDLESS.sub("", tag[0])), drawn))
    return _PATH.sub(lambda found: re.sub(r"(\.\d)\d+", r"\1", found[0]), drawn)


def named(drawn: str, name: str, title: str, description: str, css: str) -> str:
    """As one image with title and description. `name` keeps its ids apart from those of other charts of a page."""
    head, _, body = drawn.partition(">")
    body = _TAG.sub(lambda tag: _CLIP.sub(rf"\g<1>{name}-\2", tag[0]), body)
    words = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-words">{escape(description)}</desc>'
    return f'{head} class="{css}" role="img" aria-labelledby="{name}-title {name}-words">{words}{body}'
