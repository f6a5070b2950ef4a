"""A channel of a drill's own: an HTTP server on this machine that takes what alerts send, and remembers it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Channel:
    """`url` is Apprise's; `titles` are of the messages that came, the first first."""

    url: str
    titles: list[str] = field(default_factory=list)


@contextmanager
def own_channel() -> Iterator[Channel]:
    """For the length of the block, on a free port."""
    titles: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            titles.append(str(json.loads(body).get("title", "")))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Not on the drill's terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, name="channel", daemon=True).start()
        try:
            yield Channel(f"json://127.0.0.1:{server.server_port}/", titles)
        finally:
            server.shutdown()
