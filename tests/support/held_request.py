"""A proxy before a broker that can hold one request back, and deliver it late."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

END_TXN = 26
"""Kafka's number of the request that commits or aborts."""

_LENGTH_BYTES = 4


class HoldingProxy:
    """Passes everything on, between `port` and the broker. Its threads end with their connections."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port: int = self._listener.getsockname()[1]
        self._wanted: int | None = None
        self._held: tuple[socket.socket, bytes] | None = None
        self.holds = threading.Event()
        self._start(self._accept)

    def hold_next(self, api_key: int) -> None:
        """Keep the next request of this kind, and close the client's connection under it."""
        self._wanted = api_key

    def deliver(self) -> None:
        """Now the broker gets it, over the connection on which it was sent."""
        assert self._held is not None
        upstream, request = self._held
        upstream.sendall(request)

    def close(self) -> None:
        self._listener.close()
        if self._held is not None:
            self._held[0].close()

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(("127.0.0.1", self._broker_port))
            except OSError:  # the broker does not serve yet
                client.close()
                continue
            self._start(self._requests, client, upstream)
            self._start(self._answers, upstream, client)

    def _requests(self, client: socket.socket, upstream: socket.socket) -> None:
        buffer = b""
        with suppress(OSError):
            while data := client.recv(65_536):
                buffer += data
                while (size := _request_bytes(buffer)) and len(buffer) >= size:
                    request, buffer = buffer[:size], buffer[size:]
                    if self._wanted == struct.unpack(">h", request[4:6])[0]:
                        self._hold(client, upstream, request)
                        return
                    upstream.sendall(request)
        with suppress(OSError):
            upstream.shutdown(socket.SHUT_WR)

    def _hold(self, client: socket.socket, upstream: socket.socket, request: bytes) -> None:
        self._wanted, self._held = None, (upstream, request)
        client.shutdown(socket.SHUT_RDWR)
        client.close()
        self.holds.set()

    @staticmethod
    def _answers(upstream: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := upstream.recv(65_536):
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _request_bytes(buffer: bytes) -> int:
    """The size of the request that begins the buffer; 0 while that is not known."""
    if len(buffer) < _LENGTH_BYTES + 2:
        return 0
    return _LENGTH_BYTES + int(struct.unpack(">i", buffer[:_LENGTH_BYTES])[0])
