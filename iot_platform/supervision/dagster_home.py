"""Dagster's processes and its home: what they are called with, and what they find there.

Nothing here imports Dagster: its processes are started as a person would, and everything they need is in the command
line, the environment and DAGSTER_HOME.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from string import Template

from iot_platform.broker.ports import check_port
from iot_platform.errors import UsageError
from iot_platform.kafka_settings import HOST
from iot_platform.lifecycle import end_with_parent, write_atomically
from iot_platform.settings import Settings
from iot_platform.supervision.slots import Desired, all_slots, read_desired

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATES = PROJECT / "dagster_home"
WORKSPACE = PROJECT / "workspace.yaml"
DEFINITIONS_MODULE = "iot_platform.definitions"
_RUNS_BESIDE_STREAMS = 10
"""Loads, backfills and what people launch, at the same time."""


class DagsterProcess(StrEnum):
    CODE_SERVER = "code-server"
    DAEMON = "daemon"
    WEBSERVER = "webserver"


def ui_url(settings: Settings) -> str | None:
    """Where the UI is; None where Dagster is switched off."""
    return f"http://{HOST}:{settings.dagster.ui_port}" if settings.dagster.enabled else None


def check_ports(settings: Settings) -> None:
    """Raises PortTakenError naming the setting. Two code servers on one port would both start and both listen."""
    check_port(HOST, settings.dagster.ui_port, "IOT_DAGSTER__UI_PORT")
    check_port(HOST, settings.dagster.code_server_port, "IOT_DAGSTER__CODE_SERVER_PORT")


def write_home(settings: Settings) -> None:
    """DAGSTER_HOME from the templates, as the settings are now; what Dagster keeps there stays."""
    values = {
        "max_concurrent_runs": len(all_slots(settings, most_desired(settings))) + _RUNS_BESIDE_STREAMS,
        "retention_days": max(1, round(settings.dagster.retention_days)),
    }
    for template in TEMPLATES.glob("*.yaml"):
        text = Template(template.read_text(encoding="utf-8")).substitute(values)
        write_atomically(settings.dagster_home / template.name, text)


def most_desired(settings: Settings) -> Desired:
    """What is wanted once each stream that is scaled has come to its most: a full queue would hold it back."""
    desired = read_desired(settings)
    most = {name: options.validators_most for name, options in settings.streams.items() if options.validators_most}
    return replace(desired, scaled=most)


def first_hour(settings: Settings) -> datetime:
    """The hour (UTC) in which this installation first started: where its hourly partitions begin."""
    path = settings.dagster_home / "first_hour"
    try:
        return datetime.fromisoformat(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        write_atomically(path, hour.isoformat())
        return hour


def command(settings: Settings, process: DagsterProcess) -> list[str]:
    """The command line of one process, with this Python."""
    port = str(settings.dagster.code_server_port)
    module, arguments = {
        DagsterProcess.CODE_SERVER: (
            "dagster",
            ["api", "grpc", "-m", DEFINITIONS_MODULE, "-h", HOST, "-p", port, "--location-name", "iot_platform",
             "--use-python-environment-entry-point", "--lazy-load-user-code", "--log-level", "warning"],
        ),
        DagsterProcess.DAEMON: ("dagster._daemon", ["run", "-w", str(WORKSPACE)]),
        DagsterProcess.WEBSERVER: (
            "dagster_webserver",
            ["-w", str(WORKSPACE), "-h", HOST, "-p", str(settings.dagster.ui_port), "--dagster-log-level", "warning"],
        ),
    }[process]  # fmt: skip
    return [sys.executable, "-m", module, *arguments]


def environment(settings: Settings) -> dict[str, str]:
    """Ours, with what Dagster's processes and `workspace.yaml` need."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(settings.dagster_home),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "IOT_STATE_DIR": str(settings.state_dir),
        "IOT_DAGSTER__CODE_SERVER_PORT": str(settings.dagster.code_server_port),
        "PYTHONWARNINGS": "ignore",
    }


def exec_foreground(settings: Settings, process: DagsterProcess) -> None:
    """Become that process; it ends when our parent dies. Does not return."""
    if not settings.dagster.enabled:
        raise UsageError("Dagster is switched off here.", next_step="Set IOT_DAGSTER__ENABLED=true.")
    # Asked to end, a code server waits for its runs, and streams run for hours; killed, it makes them see that they are
    # orphans, and they end between two transactions.
    end_with_parent(signal.SIGKILL if process is DagsterProcess.CODE_SERVER else signal.SIGTERM)
    line = command(settings, process)
    os.execve(line[0], line, environment(settings))  # noqa: S606 - no shell is wanted
