"""Serve one process's health for the time that it works."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from iot_platform.clock import Clock
from iot_platform.health.server import Answer, Server, json_answer
from iot_platform.health.watch import Answers, Watch
from iot_platform.lifecycle import Heartbeat, write_if_possible
from iot_platform.settings import Settings

log = logging.getLogger(__name__)


@contextmanager
def serving(
    settings: Settings, name: str, heartbeat: Heartbeat, clock: Clock, make_probe: Callable[[], Answers]
) -> Iterator[None]:
    """Within the block, `/health` tells of the process `name`, whose signs of life go through `heartbeat`.

    The address goes into the heartbeat, and into a file that Prometheus can read. Where no port is free, or
    `health.port` is none, the process works without: it is not there to be looked at.
    """
    if settings.health.port is None:
        yield
        return
    watch = Watch(name, settings.bootstrap_servers, heartbeat, make_probe(), clock)

    def health() -> Answer:
        document = watch.document()
        return json_answer(document, good=document["healthy"])

    try:
        server = Server(settings.health.port, {"/health": health})
    except OSError as error:
        log.warning("health is not served: %s", error)
        yield
        return
    target = settings.targets_dir / f"{name}.json"
    watch.start()
    heartbeat.announce(health_url=f"http://{server.address}/health")
    _write_target(target, server.address, name)
    try:
        yield
    finally:
        target.unlink(missing_ok=True)
        watch.close()
        server.close()


def _write_target(path: Path, address: str, name: str) -> None:
    """For Prometheus' file_sd_configs."""
    write_if_possible(path, json.dumps([{"targets": [address], "labels": {"process": name}}]))
