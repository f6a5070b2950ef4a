"""A real HTTP server that takes Apprise's JSON and XML messages, refuses them, or never answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from pydantic import SecretStr

SECRET = "s3cr3t-t0ken"


@dataclass
class Receiver:
    port: int = 0
    does: Literal["take", "refuse", "hang"] = "take"
    bodies: list[str] = field(default_factory=list)
    _release: threading.Event = field(default_factory=threading.Event)

    def url(self, scheme: str = "json", more: str = "") -> SecretStr:
        return SecretStr(f"{scheme}://user:{SECRET}@127.0.0.1:{self.port}/{SECRET}?+X-Token={SECRET}{more}")

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def subjects(self) -> list[str]:
        return [message["title"] for message in self.messages]

    def answer(self, body: str) -> int:
        if self.does == "take":
            self.bodies.append(body)
            return 200
        if self.does == "hang":
            self._release.wait(60)
        return 503

    def let_go(self) -> None:
        self._release.set()


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = receiver.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())
            try:
                self.send_response(status)
                self.end_headers()
            except BrokenPipeError:  # who was kept waiting is gone
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.let_go()
        server.shutdown()
        thread.join()
        server.server_close()
