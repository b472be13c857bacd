"""Who may ask, and what every answer tells a browser."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import findings
import httpx
import pytest

from banditcore_server.addresses import CannotListen
from banditcore_server.dashboard.auth import HEADERS, Access, check_certificate, local_names, read_token

TOKEN = "0123456789abcdef-token"


@pytest.mark.parametrize("path", ["/", "/experiments/shop", "/nowhere", "/page.css", "/favicon.svg", "/api/health"])
def test_every_answer_is_strict(pages: Any, path: str) -> None:
    answer = httpx.get(f"{pages.url}{path}", timeout=60)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "script-src" not in policy
    assert "server" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/api/experiments/shop", "/nowhere"])
def test_it_can_only_be_read(pages: Any, method: str, path: str) -> None:
    answer = httpx.request(method, f"{pages.url}{path}", timeout=60)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_head_has_no_body(pages: Any) -> None:
    answer = httpx.head(f"{pages.url}/experiments/shop", timeout=60)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 10_000


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:7480", 200),
        ("LOCALHOST", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:80", 421),
        ("", 421),
    ],
)
def test_a_name_that_was_made_to_mean_this_machine(pages: Any, host: str, status: int) -> None:
    answer = httpx.get(f"{pages.url}/api/health", headers={"host": host}, timeout=60)
    assert answer.status_code == status
    assert status == 200 or "evil" not in answer.text


def test_a_token_is_asked_for_as_a_password(serve: Callable[..., Any], certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    access = Access(TOKEN, cert, key)
    trusting = ssl.create_default_context(cafile=str(cert))
    with (
        serve(findings.Shelf((findings.empty(),)), access) as pages,
        httpx.Client(base_url=pages.url, verify=trusting, timeout=60) as client,
    ):
        refused = client.get("/api/health")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (
            401,
            'Basic realm="banditcore", charset="UTF-8"',
        )
        assert "experiments" not in refused.text
        for given in (("any", TOKEN), ("", TOKEN)):
            assert client.get("/api/health", auth=given).status_code == 200
        for wrong in (("any", TOKEN + "x"), ("any", ""), (TOKEN, ""), ("any", TOKEN[:-1])):
            assert client.get("/api/health", auth=wrong).status_code == 401
        headers = {f"Bearer {TOKEN}": 200, f"bearer {TOKEN}": 200, "Bearer": 401, "Basic %%%": 401, TOKEN: 401}
        for header, status in headers.items():
            assert client.get("/", headers={"authorization": header}).status_code == status, header
        assert client.get("/page.css").status_code == 401, "nothing is shown without it"
        assert client.get("/", headers={"host": "shop.example", "authorization": f"Bearer {TOKEN}"}).status_code == 200
    with serve(findings.Shelf(()), access) as pages, pytest.raises(httpx.HTTPError):
        httpx.get(pages.url.replace("https", "http"), timeout=60)


def test_the_token_does_not_show() -> None:
    assert TOKEN not in repr(Access(TOKEN))


@pytest.mark.parametrize("text", ["", "short", "two words in one long token", "ключ-ключ-ключ-ключ"])
def test_a_token_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(CannotListen, match="at least 16 ASCII characters: make one with `openssl rand -hex 32`"):
        read_token(path)


def test_a_token_without_the_space_around_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    assert read_token(path) == TOKEN


def test_files_that_are_no_certificate(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    other = tmp_path / "other.pem"
    other.write_text("nothing")
    check_certificate(*certificate)
    for cert, key in ((other, certificate[1]), (certificate[0], other), (tmp_path / "none", certificate[1])):
        with pytest.raises(CannotListen, match="give PEM files that belong together"):
            check_certificate(cert, key)


def test_names_of_this_machine() -> None:
    assert local_names("127.0.0.1") == ("127.0.0.1", "localhost", "::1")
    assert local_names("127.0.0.2")[0] == "127.0.0.2"
