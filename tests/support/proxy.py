"""A TCP proxy before a broker, which loses, holds, delays and cuts. The broker advertises the port of the proxy."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

HOST = "127.0.0.1"
PRODUCE, END_TXN = 0, 26
"""Numbers of Kafka's requests, for `Proxy.at_request`."""

_CHUNK_BYTES = 65_536
_ABORTIVE = struct.pack("ii", 1, 0)


class Link:
    """One client's connection, and ours to the broker for it."""

    def __init__(self, client: socket.socket, broker: socket.socket) -> None:
        self.client, self.broker = client, broker
        self.loses_answers = False
        """The broker hears the client, the client hears no more. What was lost cannot be mended: see `Proxy.heal`."""
        self.holds_requests = False
        """What the client sends waits here until `Proxy.heal`, also when the client is gone by then."""

    def cut_client(self) -> None:
        """The client sees a reset; what it sent before is still on its way to the broker."""
        _cut(self.client)

    def cut(self) -> None:
        _cut(self.client)
        _cut(self.broker)


Action = Callable[[Link], None]


class Proxy:
    """Passes everything until told otherwise. Use as a context manager."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server = socket.create_server((HOST, 0))
        self._links: list[Link] = []
        self._triggers: list[tuple[int, Action]] = []
        self._state = threading.Condition()
        self._held = self._refusing = False
        self._delay_seconds = 0.0
        self.port: int = self._server.getsockname()[1]

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.heal()
        _cut(self._server)
        self.reset()

    def at_request(self, api_key: int, action: Action) -> threading.Event:
        """Do `action` to the link on which the next such request comes, before it passes. The event tells of it."""
        happened = threading.Event()

        def act(link: Link) -> None:
            action(link)
            happened.set()

        with self._state:
            self._triggers.append((api_key, act))
        return happened

    def half_open(self) -> None:
        """Connections stay open, and nothing passes in either direction."""
        self._held = True

    def refuse(self) -> None:
        """Cut every connection, and every new one."""
        self._refusing = True
        self.reset()

    def delay(self, seconds: float) -> None:
        """Everything takes so much longer."""
        self._delay_seconds = seconds

    def reset(self) -> None:
        for link in list(self._links):
            link.cut()

    def heal(self) -> None:
        """Pass everything again. Links that lost something are cut: their two ends no longer agree."""
        for link in self._links:
            if link.loses_answers:
                link.cut()
            link.holds_requests = False
        with self._state:
            self._held = self._refusing = False
            self._delay_seconds = 0.0
            self._state.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection((HOST, self._target_port), 5)
                broker.settimeout(None)
            except OSError:
                _cut(client)
                continue
            link = Link(client, broker)
            self._links.append(link)
            if self._refusing:
                link.cut()
                continue
            for pump in (self._requests, self._answers):
                threading.Thread(target=pump, args=(link,), name="proxy", daemon=True).start()

    def _requests(self, link: Link) -> None:
        requests = _Requests()
        for data in _received(link.client):
            for api_key in requests.begun_in(data):
                self._trigger(api_key, link)
            self._wait(lambda: link.holds_requests)
            with suppress(OSError):
                link.broker.sendall(data)
        self._wait(lambda: link.holds_requests)
        _cut(link.broker)

    def _answers(self, link: Link) -> None:
        for data in _received(link.broker):
            self._wait(lambda: False)
            if not link.loses_answers:
                with suppress(OSError):
                    link.client.sendall(data)
        _cut(link.client)

    def _wait(self, also: Callable[[], bool]) -> None:
        if self._delay_seconds:
            time.sleep(self._delay_seconds)
        with self._state:
            self._state.wait_for(lambda: not (self._held or also()))

    def _trigger(self, api_key: int, link: Link) -> None:
        with self._state:
            due = next((one for one in self._triggers if one[0] == api_key), None)
            if due:
                self._triggers.remove(due)
        if due:
            due[1](link)


class _Requests:
    """Finds where requests begin in what a client sends: each is its size, then its number."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0

    def begun_in(self, data: bytes) -> Iterator[int]:
        self._rest += data
        while True:
            skipped = min(self._skip, len(self._rest))
            self._rest, self._skip = self._rest[skipped:], self._skip - skipped
            if len(self._rest) < 6:
                return
            size, api_key = struct.unpack_from(">ih", self._rest)
            self._skip = 4 + size
            yield api_key


def _received(end: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while data := end.recv(_CHUNK_BYTES):
            yield data


def _cut(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTIVE)
        end.shutdown(socket.SHUT_RDWR)
    end.close()
