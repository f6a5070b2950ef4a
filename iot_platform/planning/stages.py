"""The stages of a stream as child processes of a measurement, on a Kafka of its own, and what they used."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from iot_platform.broker.node import LocalBroker
from iot_platform.drills.installation import environment_of
from iot_platform.errors import UnavailableError
from iot_platform.setting_names import ENV_PREFIX
from iot_platform.settings import Settings

_END_SECONDS = 60.0
_LONGEST_SECONDS = 900.0
_LAST_WORDS = 2_000
_BYTES = {"in": re.compile(r"\bbytes_received:(\d+)"), "out": re.compile(r"\bbytes_sent:(\d+)")}
_PYTHON = (sys.executable, "-m")
CLI = "iot_platform.cli.main"
FEED = "iot_platform.planning.feed"


class Stage:
    """One child; its output goes to a file in the installation's logs."""

    def __init__(self, settings: Settings, module: str, *arguments: str) -> None:
        settings.log_dir.mkdir(parents=True, exist_ok=True)
        self._log = settings.log_dir / f"{arguments[0].strip('-')}-{time.monotonic_ns()}.log"
        self.name = arguments[0]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*_PYTHON, module, *arguments],
                env={**_foreign(), **environment_of(settings)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, timeout_seconds: float = _LONGEST_SECONDS) -> None:
        """To its end. Raises UnavailableError with its last words when it fails."""
        try:
            code = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise UnavailableError(f"{self.name} did not end within {timeout_seconds:g} s.") from None
        if code:
            raise UnavailableError(f"{self.name} ended with {code}: {self._last_words()}")

    def check(self) -> None:
        """Raises UnavailableError when it has ended by itself."""
        if self._process.poll() is not None:
            raise UnavailableError(f"{self.name} ended: {self._last_words()}")

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
                try:
                    self._process.wait(_END_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
            return

    def _last_words(self) -> str:
        return self._log.read_bytes()[-_LAST_WORDS:].decode("utf-8", "replace").strip()


@contextmanager
def running(*stages: Stage) -> Iterator[tuple[Stage, ...]]:
    """Stopped after the block, the first first."""
    with ExitStack() as stack:
        for stage in reversed(stages):
            stack.callback(stage.stop)
        yield stages


def run_alone(settings: Settings, module: str, *arguments: str) -> float:
    """CPU seconds of one stage, from its start to its end. No other child of this process may end meanwhile."""
    before = _children_cpu()
    stage = Stage(settings, module, *arguments)
    with running(stage):
        stage.wait()
    return _children_cpu() - before


def cpu_of(pid: int) -> float:
    """CPU seconds since the start of a process, in user and kernel mode."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def memory_of(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


def beat_of(settings: Settings, name: str) -> Mapping[str, Any]:
    """The last sign of life; empty before the first."""
    try:
        document: Mapping[str, Any] = json.loads((settings.heartbeat_dir / f"{name}.json").read_text())
    except FileNotFoundError:
        return {}
    return document


def network_of(broker: LocalBroker) -> tuple[float, float] | None:
    """Bytes in and out over the broker's open connections; None where `ss` is not there to tell."""
    if (ss := shutil.which("ss")) is None:
        return None
    port = broker.bootstrap_servers.rpartition(":")[2]
    said = subprocess.run([ss, "-tinH", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
    return sum(map(float, _BYTES["in"].findall(said))), sum(map(float, _BYTES["out"].findall(said)))


def size_of(path: Path) -> int:
    """Bytes of a file or of all files below a directory; 0 when it is not there."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _foreign() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(ENV_PREFIX)}
