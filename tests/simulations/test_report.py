"""The report of an experiment: one file that fetches nothing, and a picture each."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from banditcore.errors import InvalidInput
from banditcore_simulations.lab import pictures, report
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.results import Results

RESULTS = Results(
    [{"policy": policy, "steps": [1, 2], "curve": [1.0, 2.0 + seed]} for policy in ("a & b", "c") for seed in range(2)]
)
ANALYSIS = Analysis(
    "What was <found>.",
    [Picture("regret", 'Regret, "so far".', pictures.curves(RESULTS, "curve", y_title="regret"))],
    [Table("Totals", ["policy", "mean"], [["a", 1234.5], ["c", -12.25]], "Over 2 seeds.")],
    [Check("It learns.", "0.2", "< 0.1", False), Check("It ends.", "2", "2", True)],
)
CONFIGURATION = {"seeds": 2, "versions": {"numpy": "2.1"}, "points": [{"policy": "a"}]}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    report.write(folder, "price_of_it", "What it costs.", ANALYSIS, CONFIGURATION)
    return folder


def test_says_all_that_was_found(written: Path) -> None:
    html = (written / "report.html").read_text()
    for words in ("Price of it", "What it costs.", "1 of 2 checks fails.", "What was &lt;found&gt;.", "Over 2 seeds.",
                  "1,234", "\N{MINUS SIGN}12", "versions numpy", "&#34;policy&#34;: &#34;a&#34;"):  # fmt: skip
        assert words in html
    assert re.findall(r'pill (\w+)">(\w+)<', html) == [("alarm", "fails"), ("good", "holds")]


def test_fetches_nothing_and_runs_nothing(written: Path) -> None:
    html = (written / "report.html").read_text()
    assert "default-src &#39;none&#39;" in html
    assert not re.search(r"<script|<link[^>]*href=\"(?!data:)|@import|url\((?!#)|\bsrc=", html)
    assert set(re.findall(r"https?://[^\"' <]+", html)) <= {"http://www.w3.org/2000/svg"}


def test_a_picture_has_words_for_who_does_not_see_it(written: Path) -> None:
    html = (written / "report.html").read_text()
    assert html.count('role="img"') == 2 == html.count('<desc id="regret-')
    assert "Regret, &quot;so far&quot;.</desc>" in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_the_same_analysis_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    report.write(tmp_path, "price_of_it", "What it costs.", ANALYSIS, CONFIGURATION)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["regret.png", "report.html"]
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (written / file.name).read_bytes()
    assert (tmp_path / "regret.png").read_bytes().startswith(b"\x89PNG")


def test_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    picture = ANALYSIS.pictures[0]
    for names, words in ((("x", "x"), "two pictures are called x"), (("../x",), "it names a file")):
        named = [dataclasses.replace(picture, name=name) for name in names]
        with pytest.raises(InvalidInput, match=words):
            report.write(tmp_path, "x", "", dataclasses.replace(ANALYSIS, pictures=named), {})
    with pytest.raises(InvalidInput, match="3 columns and a row of 1"):
        report.write(tmp_path, "x", "", Analysis("", tables=[Table("T", "abc", [["1"]])]), {})
    with pytest.raises(InvalidInput, match="not a directory"):
        report.write(tmp_path / "none", "x", "", ANALYSIS, {})
