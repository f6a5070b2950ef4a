"""Is a port free? Found out by binding it, before anything starts."""

from __future__ import annotations

import random
import socket

from iot_platform.errors import PortTakenError

_LEAST_PORT, _LENT_PORTS = 20_000, 32_768


def check_port(host: str, port: int, setting: str, above: int = 0) -> None:
    """Raises PortTakenError, which names the setting, when something listens on `port`.

    `above`: by how much `port` is higher than what the setting says.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            wanted = f"so that the port {above} above it is free" if above else "to a free port"
            raise PortTakenError(
                f"Port {port} on {host} is taken ({error.strerror}).",
                next_step=f"Set {setting} {wanted}, or stop what uses this one.",
            ) from None


def listens(host: str, port: int, timeout_seconds: float = 1.0) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((host, port), timeout_seconds).close()
    except OSError:
        return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    return free_ports(1, host)


def free_ports(count: int, host: str = "127.0.0.1") -> int:
    """The first of `count` neighbours that were free a moment ago.

    Below those that the system gives to connections: a broker that starts again would else find its port lent.
    """
    while True:
        first = random.randrange(_LEAST_PORT, _LENT_PORTS - count)  # noqa: S311 - no secret
        if all(_is_free(host, port) for port in range(first, first + count)):
            return first


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
