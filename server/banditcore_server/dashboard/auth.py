"""Who may ask for pages, and how browsers are told to treat them."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from banditcore_server.addresses import CannotListen

LEAST_TOKEN = 16
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """What it takes to see a page."""

    token: str = field(default="", repr=False)
    """Empty: everybody who reaches the address may."""
    cert: Path | None = None
    key: Path | None = None
    hosts: tuple[str, ...] = ()
    """Names by which a browser may ask; empty: any."""


def read_token(path: Path) -> str:
    """The token of a file, without the space around it. Raises CannotListen when it is none."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise CannotListen(f"cannot read --page-token {path}: {(error.strerror or '').lower()}") from None
    except UnicodeDecodeError:
        token = ""
    if len(token) < LEAST_TOKEN or not token.isprintable() or " " in token:
        raise CannotListen(
            f"--page-token {path} must hold one word of at least {LEAST_TOKEN} ASCII characters:"
            " make one with `openssl rand -hex 32`"
        )
    return token


def check_certificate(cert: Path, key: Path) -> None:
    """Raises CannotListen unless TLS can be served with them."""
    try:
        # A password is given, so that none is asked for on a terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        raise CannotListen(
            f"cannot use --page-cert {cert} with --page-key {key}: {getattr(error, 'strerror', None) or error};"
            " give PEM files that belong together, the key without a password"
        ) from None


def local_names(host: str) -> tuple[str, ...]:
    """Names that mean this machine, for an address only it can reach."""
    return tuple(dict.fromkeys((host, "localhost", "127.0.0.1", "::1")))


class Guard:
    """Lets requests through that may read, and puts the headers on every answer.

    The Host header is checked on loopback, since a page of another site could have its name resolve to 127.0.0.1 and so
    read ours with the browser of somebody on this machine.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        await (refusal or self._app)(scope, receive, marked)

    def _refusal(self, method: str, headers: Headers) -> Response | None:
        if self._access.hosts and _name(headers.get("host", "")) not in self._access.hosts:
            words = f"This server answers to {', '.join(self._access.hosts[:2])}, and to no other name.\n"
            return PlainTextResponse(words, 421)
        if method not in ("GET", "HEAD"):
            return PlainTextResponse("Pages can only be read.\n", 405, {"Allow": "GET, HEAD"})
        if self._access.token and not _knows(self._access.token, headers.getlist("authorization")):
            words = "Give the token as the password; any user name will do.\n"
            return PlainTextResponse(words, 401, {"WWW-Authenticate": 'Basic realm="banditcore", charset="UTF-8"'})
        return None


def _name(host: str) -> str:
    """The Host header without its port, as an address where it is one."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    name = name.removeprefix("[").removesuffix("]").lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _knows(token: str, given: Iterable[str]) -> bool:
    return any(hmac.compare_digest(_secret(header), token.encode()) for header in given)


def _secret(header: str) -> bytes:
    """What an Authorization header says the token is; empty for one that says nothing."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""
