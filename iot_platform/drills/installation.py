"""An installation of a drill's own: free ports, a directory that goes with it, nothing of the user's settings."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import BaseModel

from iot_platform.broker.ports import free_ports
from iot_platform.drills.drill import Tell
from iot_platform.errors import UnavailableError
from iot_platform.kafka_settings import PORT_STEP
from iot_platform.setting_names import CONFIG_VARIABLE, ENV_PREFIX
from iot_platform.settings import BUILT_IN_STREAMS, DagsterSettings, KafkaSettings, Settings
from iot_platform.supervision import operations

_COMMAND_SECONDS = 900.0
_UNDO_SECONDS = 200.0


@dataclass(frozen=True)
class Answer:
    """What a command came to: its exit code, standard output and standard error."""

    code: int
    said: str
    complained: str


class Installation:
    """Driven by the platform's own commands, as processes of their own: what is shown is what a user would see."""

    def __init__(self, settings: Settings, in_file: Collection[str] = ()) -> None:
        """Sections named in `in_file` are what the drill writes into its iot.toml, and may change on the way."""
        self.settings = settings
        self._in_file = in_file

    def run(self, *arguments: str) -> str:
        """One command to its end; what it printed. Raises UnavailableError with its last words when it fails."""
        answer = self.ask(*arguments)
        if answer.code != 0:
            words = f"{answer.said} {answer.complained}".split()[-60:]
            raise UnavailableError(
                f"`iot-platform {' '.join(arguments)}` of the drill failed: {' '.join(words)}",
                next_step=f"See {self.settings.log_dir} (`--keep` keeps it).",
            )
        return answer.said

    def ask(self, *arguments: str) -> Answer:
        """One command to its end, whatever it is.

        A Ctrl-C is ours, not the command's: it is asked to end, and waited for, so that it undoes what it began.
        """
        with subprocess.Popen(
            [sys.executable, "-m", "iot_platform.cli.main", *arguments],
            env={**_foreign_environment(), **environment_of(self.settings, self._in_file)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as child:
            try:
                said, complained = child.communicate(timeout=_COMMAND_SECONDS)
            except BaseException:
                child.send_signal(signal.SIGINT)
                child.communicate(timeout=_UNDO_SECONDS)
                raise
        return Answer(child.returncode, said, complained)

    def stop(self) -> None:
        """Stop all that runs; nothing to do when nothing does."""
        operations.down(self.settings, lambda _: None)


@contextmanager
def own_installation(
    settings: Settings, tell: Tell, *, keep: bool, in_file: Collection[str] = ()
) -> Iterator[Installation]:
    """For the length of the block; stopped and removed after it, however it ends, also by Ctrl-C or SIGTERM."""
    installation, directory = Installation(settings, in_file), settings.state_dir.parent
    try:
        with _interrupted_by_sigterm():
            yield installation
    finally:
        with _deaf():
            tell("Stopping the drill's installation …")
            installation.stop()
            if keep:
                tell(f"Its data and logs are in {directory}.")
            else:
                shutil.rmtree(directory, ignore_errors=True)


def own_directory(drill: str) -> Path:
    """A new directory for a drill, with an empty file of settings in it: the user's file is none of the drill's."""
    directory = Path(tempfile.mkdtemp(prefix=f"iot-drill-{drill}-"))
    (directory / "iot.toml").touch()
    return directory


def own_kafka(brokers: int) -> KafkaSettings:
    """Brokers of their own on free ports."""
    first = free_ports(PORT_STEP * brokers)
    return KafkaSettings(brokers=brokers, broker_port=first, controller_port=first + 1)


def own_dagster(**options: float) -> DagsterSettings:
    """A UI and a code server on free ports; `options` are further ones of DagsterSettings."""
    ui_port = free_ports(2)
    return DagsterSettings(ui_port=ui_port, code_server_port=ui_port + 1, **options)


def environment_of(settings: Settings, in_file: Collection[str] = ()) -> dict[str, str]:
    """Variables by which a process gets just these settings, whatever file of settings lies where it starts; of the
    sections `in_file` what the drill's own iot.toml says."""
    names = [name for name in Settings.model_fields if name not in in_file]
    given = {f"{ENV_PREFIX}{name.upper()}": _text(getattr(settings, name)) for name in names}
    streams = {
        **dict.fromkeys(BUILT_IN_STREAMS, "none"),
        **{name: options.model_dump(mode="json") for name, options in settings.streams.items()},
    }
    config = str(settings.state_dir.parent / "iot.toml")
    return {**given, f"{ENV_PREFIX}STREAMS": json.dumps(streams), CONFIG_VARIABLE: config}


def _text(value: Any) -> str:
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return "" if isinstance(value, Mapping) else str(value)


def _foreign_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(ENV_PREFIX)}


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handling({signal.SIGTERM: interrupt}):
        yield


@contextmanager
def _deaf() -> Iterator[None]:
    """Nobody interrupts the clearing up: what it leaves would run on."""
    with _handling({signal.SIGTERM: signal.SIG_IGN, signal.SIGINT: signal.SIG_IGN}):
        yield


@contextmanager
def _handling(handlers: Mapping[signal.Signals, Any]) -> Iterator[None]:
    """Only the main thread may handle signals; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
