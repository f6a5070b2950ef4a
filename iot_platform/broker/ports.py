"""Is a port free? Found out by binding it, before anything starts."""

from __future__ import annotations

import socket

from iot_platform.errors import PortTakenError


def check_port(host: str, port: int, setting: str) -> None:
    """Raises PortTakenError, which names the setting, when something listens on `port`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(
                f"Port {port} on {host} is taken ({error.strerror}).",
                next_step=f"Set {setting} to a free port, or stop what uses this one.",
            ) from None


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
