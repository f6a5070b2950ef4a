"""The supervisord of one installation: its configuration, its life, and the calls to it."""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from iot_platform.errors import AlreadyRunningError, UnavailableError
from iot_platform.lifecycle import write_atomically
from iot_platform.settings import Settings
from iot_platform.supervision.plan import BROKERS_GROUP, Program

_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 104 (macOS) or 108 (Linux)
_START_SECONDS = 15.0
_POLL_SECONDS = 0.1
_RESTARTS = 10  # failed starts in a row until supervisord gives up; it waits 1, 2, 3 … s between them
_LOG_BYTES = 10_000_000
_LOG_FILES = 3
_LAST_WORDS_CHARACTERS = 4_000
_ERROR = "error: "  # as the command line prints what it leaves with
_RPC_FACTORY = "supervisor.rpcinterface:make_main_rpcinterface"


@dataclass(frozen=True)
class ProgramState:
    """`state` is supervisord's word: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN."""

    name: str
    state: str
    pid: int
    uptime_seconds: float
    group: str = ""

    @property
    def is_broker(self) -> bool:
        return self.group == BROKERS_GROUP

    @property
    def running(self) -> bool:
        return self.state == "RUNNING"


class Supervisor:
    """Speaks to the supervisord of the installation in `settings.state_dir`, and starts it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._directory = settings.state_dir / "run"
        self._pid_path = self._directory / "supervisord.pid"
        self._config_path = self._directory / "supervisord.conf"

    @property
    def log_path(self) -> Path:
        return self._settings.log_dir / "supervisord.log"

    @property
    def socket_path(self) -> Path:
        """Beside the state; a deep state directory gets a short path under the temporary one."""
        path = self._directory / "supervisor.sock"
        if len(str(path)) <= _LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(str(self._directory).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"iot-platform-{os.getuid()}" / f"{digest}.sock"

    def pid(self) -> int | None:
        """The process id of our supervisord; None when it does not run."""
        try:
            pid = int(self._pid_path.read_text())
            command = psutil.Process(pid).cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return pid if str(self._config_path) in command else None

    def start(self, programs: Sequence[Program]) -> None:
        """Start supervisord with `programs` known and none of them running.

        Raises AlreadyRunningError on a second start, UnavailableError when it does not come up.
        """
        if (pid := self.pid()) is not None:
            raise AlreadyRunningError(
                f"The platform already runs in {self._settings.state_dir} (process {pid}).",
                next_step="See `iot-platform status`, stop it with `iot-platform down`, or set IOT_STATE_DIR and the "
                "ports for a second one.",
            )
        for directory in (self._directory, self._settings.log_dir, self.socket_path.parent):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket_path.unlink(missing_ok=True)
        write_atomically(self._config_path, self._config(programs))
        with (self._settings.log_dir / "supervisord.out").open("ab") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "iot_platform.supervision.supervisord",
                    "--nodaemon",
                    "-c",
                    str(self._config_path),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C in the terminal is for us; we stop it in order
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise UnavailableError(
                    "The supervisor did not start.", next_step=f"See {self._settings.log_dir / 'supervisord.out'}."
                )
            time.sleep(_POLL_SECONDS)

    def _config(self, programs: Sequence[Program]) -> str:
        supervisord = (
            f"[supervisord]\nnodaemon=true\nsilent=true\npidfile={_escaped(self._pid_path)}\n"
            f"logfile={_escaped(self.log_path)}\nlogfile_maxbytes={_LOG_BYTES}\nlogfile_backups={_LOG_FILES}\n"
        )
        sections = [
            f"[unix_http_server]\nfile={_escaped(self.socket_path)}\nchmod=0600\n",
            supervisord,
            f"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory={_RPC_FACTORY}\n",
            *(self._program_section(program) for program in programs),
            *_group_sections(programs),
        ]
        return "\n".join(sections)

    def _program_section(self, program: Program) -> str:
        log = self._settings.log_dir / f"{program.name}.log"
        return (
            f"[program:{program.name}]\ncommand={_escaped(shlex.join(program.command))}\n"
            f"directory={_escaped(Path.cwd())}\nenvironment={_escaped(self._environment())}\n"
            f"priority={program.priority}\nautostart=false\nautorestart=true\nstartsecs=1\nstartretries={_RESTARTS}\n"
            f"stopsignal=TERM\nstopwaitsecs={program.stop_seconds}\nredirect_stderr=true\n"
            f"stdout_logfile={_escaped(log)}\nstdout_logfile_maxbytes={_LOG_BYTES}\n"
            f"stdout_logfile_backups={_LOG_FILES}\n"
        )

    def _environment(self) -> str:
        return f'IOT_STATE_DIR="{self._settings.state_dir}",PYTHONUNBUFFERED="1"'

    def answers(self) -> bool:
        try:
            with self._calls() as calls:
                calls.getState()
        except UnavailableError:
            return False
        return True

    @contextmanager
    def _calls(self) -> Iterator[Any]:
        transport = SupervisorTransport(None, None, f"unix://{self.socket_path}")
        try:
            yield xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
        except (OSError, HTTPException) as error:
            raise UnavailableError(
                "The platform does not run here.", next_step="Start it with `iot-platform up` (or `make run`)."
            ) from error
        finally:
            transport.close()

    def states(self) -> list[ProgramState]:
        """Every program's state; empty when supervisord does not run."""
        try:
            with self._calls() as calls:
                return [_state(info) for info in calls.getAllProcessInfo()]
        except UnavailableError:
            return []

    def start_program(self, name: str) -> None:
        """Start one program if it does not run; returns when it has stayed up for a second."""
        with self._calls() as calls:
            try:
                calls.startProcess(_address(calls, name), True)
            except xmlrpc.client.Fault as fault:
                if "ALREADY_STARTED" not in fault.faultString:
                    log = self._settings.log_dir / f"{name}.log"
                    why = (_last_words(log) or fault.faultString).rstrip(".")
                    raise UnavailableError(f"'{name}' did not start: {why}.", next_step=f"See {log}.") from fault

    def stop_program(self, name: str) -> None:
        """Stop one program and wait until it is gone; nothing to do when it does not run."""
        with self._calls() as calls:
            try:
                calls.stopProcess(_address(calls, name), True)
            except xmlrpc.client.Fault as fault:
                if "NOT_RUNNING" not in fault.faultString:
                    raise UnavailableError(f"'{name}' did not stop ({fault.faultString}).") from fault

    def keep_down(self, name: str) -> None:
        """Stop a program that has just crashed, and that supervisord may be about to start again."""
        deadline = time.monotonic() + _START_SECONDS
        while any(state.name == name and state.state != "STOPPED" for state in self.states()):
            if time.monotonic() > deadline:
                raise UnavailableError(f"'{name}' does not stay down after {_START_SECONDS:g} s.")
            self.stop_program(name)
            time.sleep(_POLL_SECONDS)

    def shut_down(self, timeout_seconds: float) -> bool:
        """Stop all programs in reverse order and supervisord itself; False when it did not run."""
        pid = self.pid()
        if pid is None:
            return False
        process = psutil.Process(pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout_seconds)
        except psutil.TimeoutExpired:
            raise UnavailableError(
                f"The supervisor (process {pid}) is still stopping after {timeout_seconds:g} s.",
                next_step="See `iot-platform status`; `iot-platform down` again goes on waiting.",
            ) from None
        return True


def _group_sections(programs: Sequence[Program]) -> Iterator[str]:
    for group in sorted({program.group for program in programs if program.group}):
        members = [program for program in programs if program.group == group]
        names = ",".join(program.name for program in members)
        yield f"[group:{group}]\nprograms={names}\npriority={members[0].priority}\n"


def _address(calls: Any, name: str) -> str:
    """What supervisord calls a program that may be in a group."""
    infos = calls.getAllProcessInfo()
    return next((f"{info['group']}:{info['name']}" for info in infos if info["name"] == name), name)


def _last_words(log: Path) -> str:
    """The last line of a log; a command that leaves with an error may say what to do in one line more."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace")[-_LAST_WORDS_CHARACTERS:].splitlines()
    except OSError:
        return ""
    *before, last = [line.strip() for line in lines if line.strip()] or [""]
    said = f"{before[-1]} {last}" if before and before[-1].startswith(_ERROR) else last
    return said.removeprefix(_ERROR)


def _escaped(value: Path | str) -> str:
    """supervisord expands %(name)s in every value."""
    return str(value).replace("%", "%%")


def _state(info: dict[str, Any]) -> ProgramState:
    uptime = info["now"] - info["start"] if info["statename"] == "RUNNING" else 0
    return ProgramState(info["name"], info["statename"], info["pid"], float(uptime), info["group"])
