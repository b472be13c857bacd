"""`read_log` and `write_log`: which format a file has, which options it takes, and files that are none."""

import gzip
import os
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
from logs import assert_same, obd_text, sample_log

from banditcore.errors import InvalidInput
from banditcore.formats import FORMATS, read_log, write_log

CSV = "variant,reward,propensity,x\na,1,0.5,3\nb,0,0.5,4\n"


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [("log.csv", obd_text(), "obd"), ("men.txt", obd_text(), "obd"), ("log.csv", CSV, "csv"), ("log", CSV, "csv")],
)
def test_the_content_says_the_format(tmp_path: Path, name: str, content: str, format: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert read_log(path).metadata["format"] == format


def test_gzipped_text_is_read_as_it_is(tmp_path: Path) -> None:
    path, packed = tmp_path / "men.csv", tmp_path / "men.csv.gz"
    path.write_text(obd_text())
    packed.write_bytes(gzip.compress(obd_text().encode()))
    assert_same(read_log(packed).load(), read_log(path).load())


def test_a_gzip_file_that_breaks_off_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "men.csv.gz"
    path.write_bytes(gzip.compress(obd_text(5_000).encode())[:-2_000])
    with pytest.raises(InvalidInput, match=r"men\.csv\.gz is a damaged gzip file"):
        read_log(path).load()


def test_a_log_goes_to_other_processes_as_what_it_was_opened_with(tmp_path: Path) -> None:
    path = tmp_path / "men.csv"
    path.write_text(obd_text(100))
    log = read_log(path)
    sent = ForkingPickler.dumps(log)
    assert len(sent) < 2_000
    assert_same(ForkingPickler.loads(sent).load(), log.load())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "odb"}, "format 'odb' is unknown: did you mean obp?"),
        ({"format": "spss"}, "there are parquet, obd"),
        ({"dim": 3}, "obd has no option 'dim': did you mean dims?"),
        ({"dims": "many"}, "dims must be a whole number, found 'many'"),
        ({"dims": 0}, "dims must be an integer of at least 1"),
        ({"affinities": "yes"}, "affinities must be true or false"),
    ],
)
def test_what_is_asked_for_must_exist(tmp_path: Path, options: dict[str, object], message: str) -> None:
    path = tmp_path / "men.csv"
    path.write_text(obd_text())
    with pytest.raises(InvalidInput, match=message):
        read_log(path, **options)  # type: ignore[arg-type]


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "letter").write_text("Dear reader\n")
    (tmp_path / "folder.npz").mkdir()
    for name, message in [
        ("missing.csv", "cannot read .*missing.csv: No such file"),
        ("empty.csv", "empty.csv is empty"),
        ("letter", "cannot tell the format of .*letter: say which of parquet, "),
        ("folder.npz", "is a directory without the CSV of one campaign"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            read_log(tmp_path / name)
    for format in FORMATS[2:]:
        with pytest.raises(InvalidInput, match="is a directory"):
            read_log(tmp_path / "folder.npz", format=format)


@pytest.mark.parametrize("name", ["log.npz", "log.dsjson", "log.dsjson.gz"])
def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("before")
    log = sample_log()

    def breaks():
        yield log.head()
        raise InvalidInput("row 51 is bad")

    with pytest.raises(InvalidInput, match="row 51"):
        write_log(log.with_pages(breaks), path)
    with pytest.raises(InvalidInput, match="no decision that can be used: nothing was written"):
        write_log(log.with_pages(lambda: iter([log.head().take(slice(0, 0))])), path)
    assert path.read_text() == "before" and os.listdir(tmp_path) == [name]
    assert write_log(log, path) == 50 and os.listdir(tmp_path) == [name]
    assert np.array_equal(read_log(path).load().rewards, log.load().rewards)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"csv can be read, not written: write .*obp"):
        write_log(sample_log(), tmp_path / "log.csv")
    with pytest.raises(InvalidInput, match=r"cannot tell the format of .*log"):
        write_log(sample_log(), tmp_path / "log")
    with pytest.raises(InvalidInput, match=r"nowhere is not a directory"):
        write_log(sample_log(), tmp_path / "nowhere" / "log.npz")
