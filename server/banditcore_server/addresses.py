"""HOST:PORT: what an option says, who could reach it, and whether it is free. Knows no transport."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
from contextlib import suppress
from typing import NamedTuple

MOST_PORT = 65_535


class CannotListen(Exception):
    """The address cannot be used; the message is for the operator."""


class Address(NamedTuple):
    """Where to listen; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


CONSENT = "add --insecure-listen if the network is trusted"


def parse(option: str, text: str, *, example: str, everyone: bool, remedy: str = CONSENT) -> Address:
    """The address that `option` gives as HOST:PORT. Raises CannotListen, also for one that others reach.

    `everyone` is the word of consent to that, `remedy` how it is given.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > MOST_PORT:
        raise CannotListen(f"{option} {text!r} is no HOST:PORT, such as {example}")
    address = Address(host, int(port))
    if not everyone and not address.is_loopback():
        raise CannotListen(
            f"{option} {text} would serve everyone who can reach it, without encryption or "
            f"authentication: bind a loopback address, or {remedy}"
        )
    return address


def check_free(address: Address) -> None:
    """Binds the address once: what listens on it later may not say why it cannot, and may share it in silence."""
    bound(address).close()


def reserve(address: Address) -> tuple[socket.socket, Address]:
    """Keeps the address for sockets that say SO_REUSEPORT, as long as the socket is held; chooses port 0.

    The socket takes no connections, since it does not listen.
    """
    check_free(address)
    held = bound(address, socket.SO_REUSEPORT)
    return held, Address(address.host, held.getsockname()[1])


def hang_up(port: int) -> None:
    """Ends every connection that this process has taken on the port; what was sent already still arrives."""
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):
            # Others are left alone: to close a copy of a database's file would let go of its locks.
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as found:
                    if _is_connection(found, port):
                        found.shutdown(socket.SHUT_RDWR)


def _is_connection(found: socket.socket, port: int) -> bool:
    if found.family not in (socket.AF_INET, socket.AF_INET6) or found.getsockname()[1] != port:
        return False
    return not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def bound(address: Address, *options: int) -> socket.socket:
    """A socket that is bound to the address and does not listen. Raises CannotListen."""
    try:
        family, kind, protocol, _, resolved = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        try:
            # Or connections of an earlier server, which the system remembers for a minute, would be in the way.
            for option in (socket.SO_REUSEADDR, *options):
                bound.setsockopt(socket.SOL_SOCKET, option, 1)
            bound.bind(resolved)
        except BaseException:
            bound.close()
            raise
    except socket.gaierror:
        raise CannotListen(f"cannot listen on {address}: no such host") from None
    except OSError as error:
        remedy = "; stop the other program, or choose another port" if error.errno == errno.EADDRINUSE else ""
        raise CannotListen(f"cannot listen on {address}: {os.strerror(error.errno or 0).lower()}{remedy}") from None
    return bound
