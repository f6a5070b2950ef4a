"""Run the platform's own commands as processes that a test may kill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from iot_platform.settings import BUILT_IN_STREAMS, Settings


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """What a child process needs to have the same settings."""
    streams = {
        f"IOT_STREAMS__{name.upper()}__{option.upper()}": "none" if value is None else str(value)
        for name, options in settings.streams.items()
        for option, value in {
            "validators": 1,
            **options.model_dump(exclude_defaults=True, exclude={"retention"}),
        }.items()
    }
    absent = {f"IOT_STREAMS__{name.upper()}": "none" for name in BUILT_IN_STREAMS.keys() - settings.streams.keys()}
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("IOT_")},
        "IOT_INSTANCE": settings.instance,
        "IOT_STATE_DIR": str(settings.state_dir),
        "IOT_CACHE_DIR": str(settings.cache_dir),
        "IOT_KAFKA__BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        **streams,
        **absent,
        **more,
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "iot_platform.cli.main", *arguments]


@contextmanager
def running(settings: Settings, *arguments: str, log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a child process, killed by its own id at the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(command(*arguments), env=environment(settings, **more), stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def has_stopped(process: subprocess.Popen[bytes]) -> bool:
    """Whether it sleeps, by SIGSTOP."""
    return bool(psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
