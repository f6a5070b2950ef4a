"""Dagster's own processes, seen from outside of Dagster. Pure but for `answers`."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from iot_platform.supervision.dagster_home import DagsterProcess
from iot_platform.supervision.supervisor import ProgramState
from iot_platform.watch.alerts import signals as names
from iot_platform.watch.alerts.signals import Signal

STARTING_SECONDS = 120.0
"""Dagster's processes take a while, on a busy machine a long one."""
LOADER = "loader"
_ASK_SECONDS = 3.0
_NAMES = {
    DagsterProcess.DAEMON: names.DAEMON_DOWN,
    DagsterProcess.CODE_SERVER: names.CODE_SERVER_DOWN,
    DagsterProcess.WEBSERVER: names.WEBSERVER_DOWN,
}


@dataclass(frozen=True)
class Seen:
    """One look at them. `silent`: those that run and take no connections. `exits`: who ended often of late, and how
    often. `evaluated_at`: when Dagster's sensor last evaluated the alerts; `patience_seconds`: how long that may be."""

    states: Sequence[ProgramState]
    silent: frozenset[str]
    exits: Mapping[str, int]
    evaluated_at: datetime | None
    patience_seconds: float


def own_signals(seen: Seen, now: datetime) -> list[Signal]:
    """A signal for each of the three, of level ok where it is well."""
    found = []
    for process, name in _NAMES.items():
        state = next((state for state in seen.states if state.name == process.value), None)
        text = _trouble(seen, process, state, now)
        found.append(Signal("platform", name, process.value, "error" if text else "ok", text, now))
    return found


def loader_signals(states: Sequence[ProgramState], now: datetime) -> list[Signal]:
    """Without Dagster the loader is a program like the streams, and down like them."""
    state = next((state for state in states if state.name == LOADER), None)
    if state is None or state.running:
        return []
    text = f"{LOADER} should run and does not ({state.state.lower()}); see {LOADER}.log."
    return [Signal("stream", names.STREAM_NOT_RUNNING, LOADER, "error", text, now)]


def is_starting(states: Sequence[ProgramState]) -> bool:
    """Whether the daemon has begun a moment ago: its sensors have yet to come."""
    daemon = next((state for state in states if state.name == DagsterProcess.DAEMON.value), None)
    return daemon is not None and daemon.running and daemon.uptime_seconds < STARTING_SECONDS


def _trouble(seen: Seen, process: DagsterProcess, state: ProgramState | None, now: datetime) -> str:
    """Empty when it is well, or too young to be judged."""
    name = process.value
    if state is None or not state.running:
        return f"{name} does not run ({state.state.lower() if state else 'unknown to the supervisor'}); see {name}.log."
    if name in seen.exits:
        return f"{name} ended {seen.exits[name]} times in the last five minutes; see {name}.log."
    if state.uptime_seconds < STARTING_SECONDS:
        return ""
    if name in seen.silent:
        return f"{name} runs and takes no connections; see {name}.log."
    if process is DagsterProcess.DAEMON and (late := late_seconds(seen, now)) is not None:
        return f"{name} runs, and its sensor watch has evaluated no alerts for {late:.0f} s; see {name}.log."
    return ""


def late_seconds(seen: Seen, now: datetime) -> float | None:
    """Since the sensor's last evaluation, where that is too long; None when it is in time, or there was none yet."""
    if seen.evaluated_at is None:
        return None
    age_seconds = (now - seen.evaluated_at).total_seconds()
    return age_seconds if age_seconds > seen.patience_seconds else None


def answers(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=_ASK_SECONDS):
            return True
    except OSError:
        return False
