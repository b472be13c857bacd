"""The examples of docs/formats.md, run as they stand on the files they show."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

from banditcore.formats import FORMATS

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


def test_every_example_gives_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text()
    files = re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)```", text, flags=re.S | re.M)
    assert [name for name, _ in files] == ["men.csv", "log.dsjson", "log.vw", "adf.vw", "visits.csv"]
    for name, content in files:
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(>>>.*?)```", text, flags=re.S))
    examples = doctest.DocTestParser().get_doctest(code, {}, "formats.md", str(PAGE), 0)
    said: list[str] = []
    with np.printoptions(legacy=False, precision=8):
        result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples, out=said.append)
    assert result.failed == 0 and result.attempted > 20, "".join(said)


def test_every_format_is_in_the_table() -> None:
    assert re.findall(r"^\| `(\w+)` \| .* \| yes \|", PAGE.read_text(), flags=re.M) == list(FORMATS)
