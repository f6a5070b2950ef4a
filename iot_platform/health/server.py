"""The HTTP server of a stream process, on loopback. `/health` is here; metrics are to come to the same server."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_PORTS_TRIED = 200
_CLIENT_SECONDS = 5.0

Answer = tuple[HTTPStatus, str, bytes]
"""Status, content type, body."""
Routes = Mapping[str, Callable[[], Answer]]


def json_answer(document: Mapping[str, Any], *, good: bool) -> Answer:
    status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
    return status, "application/json", json.dumps(document, indent=1).encode()


class Server:
    """Serves `routes` until closed, at the first free port from `first_port` on. OSError when there is none."""

    def __init__(self, first_port: int, routes: Routes) -> None:
        self._http = _bound(first_port, _handler(routes))
        self._thread = threading.Thread(target=self._http.serve_forever, name="http", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _bound(first_port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    for port in range(first_port, min(first_port + _PORTS_TRIED, 65_536)):
        try:
            return ThreadingHTTPServer((LOOPBACK, port), handler)
        except OSError:
            continue
    raise OSError(f"no port is free from {first_port} on")


def _handler(routes: Routes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _CLIENT_SECONDS

        def do_GET(self) -> None:
            make = routes.get(self.path.partition("?")[0])
            if make is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            status, content_type, body = make()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library names it
            log.debug(format, *args)

    return Handler
