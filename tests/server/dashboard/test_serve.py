"""`banditcore serve --page`: where the page is, what is refused at the start, and that calls do not notice it."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from banditcore.client import Client
from banditcore_server.settings import Settings
from banditcore_server.testing import ServerProcess
from banditcore_server.workers import _command
from tests.server.conftest import SHOP
from tests.server.dashboard.test_charts import alive
from tests.server.test_lifecycle import start_in_vain

TOKEN = "a-token-of-some-length"


def page_of(server: ServerProcess) -> str:
    entries = [json.loads(line) for line in server.log.read_text().splitlines()]
    return str(next(entry["page"] for entry in entries if entry["event"] == "serving"))


def test_a_decision_that_was_made_over_grpc(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--page", "127.0.0.1:0", "--apply", str(SHOP)) as server:
        url = page_of(server)
        with Client(server.target) as client, httpx.Client(base_url=url, timeout=60) as browser:
            made = client.decide("shop", "ann", {"age": 31, "country": "DE"})
            found = browser.get(f"decisions/{made.id}")
            assert (found.status_code, "recomputed: equal" in found.text) == (200, True)
            data = browser.get(f"api/decisions/{made.id}").json()
            assert data["decision"]["variant"] == made.variant and data["recomputed"] is True
            health = browser.get("api/health").json()
            assert health["store"]["up"] and len(health["experiments"]) == 4
            drawing = drawing_for(server)
            # A connection that stays open must not hold up the stop.
            assert server.stop(limit_s=15) == 0
        assert "Traceback" not in server.log.read_text()
        assert not alive(drawing)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_the_page_shows_what_the_report_says(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--page", "127.0.0.1:0", "--apply", str(SHOP)) as server:
        url = page_of(server)
        with Client(server.target) as client, httpx.Client(base_url=url, timeout=60) as browser:
            for number in range(50):
                client.decide("shop", f"unit-{number}", {"age": 31, "country": "DE"})
            assert "50" in browser.get("experiments/shop").text
            data = browser.get("api/experiments/shop").json()
            found = client.report("shop")
            assert (data["decisions"], data["status"]) == (found.decisions, found.status) == (50, "running")
            assert [goal["goal"] for goal in data["goals"]] == [goal.goal for goal in found.goals]
            assert {goal["status"] for goal in data["goals"]} == {"collecting"}
            names = [item["name"] for item in browser.get("api/experiments").json()["experiments"]]
            assert names == ["brief", "pixels", "shop", "shown"]
            overview = browser.get("").text
            assert 'data-testid="problem"' not in overview and overview.count('data-testid="reason"') == 4


def drawing_for(server: ServerProcess) -> int:
    (found,) = [entry for entry in Path("/proc").glob("[0-9]*") if child_of(entry, server.process.pid)]
    return int(found.name)


def child_of(entry: Path, parent: int) -> bool:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent
    except OSError:
        return False


def test_the_drawing_process_does_not_outlive_a_killed_server(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--page", "127.0.0.1:0") as server:
        drawing = drawing_for(server)
        server.kill()
        while alive(drawing):
            time.sleep(0.01)


def test_no_page_unless_asked_for(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert page_of(server) == ""
    script = "import sys, banditcore_server.app; print({'starlette', 'uvicorn', 'jinja2', 'altair'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"


def test_others_may_come_in_with_tls_and_a_token(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    cert, key = map(str, certificate)
    options = ("--page", "0.0.0.0:0", "--page-cert", cert, "--page-key", key, "--page-token", str(token))
    with ServerProcess(tmp_path / "data", *options) as server:
        port = page_of(server).rstrip("/").rpartition(":")[2]
        assert page_of(server) == f"https://0.0.0.0:{port}/"
        trusting, url = ssl.create_default_context(cafile=cert), f"https://127.0.0.1:{port}/api/health"
        assert httpx.get(url, verify=trusting, timeout=60).status_code == 401
        assert httpx.get(url, verify=trusting, timeout=60, auth=("", TOKEN)).status_code == 200
        assert TOKEN not in server.log.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--page", "7480"), "--page '7480' is no HOST:PORT, such as 127.0.0.1:7480"),
        (("--page", "0.0.0.0:7480"), "give --page-cert FILE, --page-key FILE and --page-token FILE"),
        (("--page", "0.0.0.0:7480", "--insecure-listen"), "(--insecure-listen is for calls only)"),
        (("--page", "0.0.0.0:7480", "--page-token", "x"), "bind a loopback address, or give --page-cert"),
        (("--page", "127.0.0.1:0", "--page-cert", "x"), "--page-cert and --page-key belong together"),
        (("--page", "127.0.0.1:0", "--page-token", "/no/such"), "cannot read --page-token /no/such"),
        (("--page", "127.0.0.1:0", "--page-cert", "/a", "--page-key", "/b"), "cannot use --page-cert /a"),
        (("--page-token", "x"), "go with --page HOST:PORT"),
    ],
)
def test_what_is_refused_at_the_start(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    assert words in start_in_vain("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", *options)
    assert not (tmp_path / "data").exists()


def test_an_address_in_use(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        line = start_in_vain("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--page", address)
        assert f"cannot listen on {address}: address already in use" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "jinja2", "altair", "vl_convert"])
def test_packages_that_are_not_installed(tmp_path: Path, missing: str) -> None:
    script = (
        f"import runpy, sys; sys.modules[{missing!r}] = None;"
        " runpy.run_module('banditcore_server', run_name='__main__', alter_sys=True)"
    )
    options = ("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--page", "127.0.0.1:0")
    result = subprocess.run([sys.executable, "-c", script, *options], capture_output=True, text=True, timeout=60)
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.strip().splitlines()
    assert f"({missing} is missing): run `pip install 'banditcore[dashboard]'`" in line
    assert not (tmp_path / "data").exists()


def test_of_several_workers_the_first_serves_the_page(tmp_path: Path) -> None:
    token = tmp_path / "token"
    settings = Settings(data="postgresql:///x", listen="127.0.0.1:0", page="127.0.0.1:7480", page_token=token)
    first, second = _command(settings, 0), _command(settings, 1)
    assert "--page=127.0.0.1:7480" in first and f"--page-token={token}" in first
    assert not any(option.startswith("--page") for option in second)


def test_several_workers(tmp_path: Path, database: object) -> None:
    with ServerProcess(database.new(), "--workers", "2", "--page", "127.0.0.1:0", log=tmp_path / "log") as server:  # type: ignore[attr-defined]
        entries = [json.loads(line) for line in server.log.read_text().splitlines()]
        served = [entry["page"] for entry in entries if entry["event"] == "serving" and entry.get("page")]
        assert len(set(served)) == 1
        assert httpx.get(f"{served[0]}api/health", timeout=60).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
