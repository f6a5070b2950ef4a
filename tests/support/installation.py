"""A whole installation in a directory of its own, driven by its command line as a person would."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from iot_platform.broker.ports import free_port
from iot_platform.settings import DagsterSettings, KafkaSettings, Settings, load_settings
from tests.support.processes import command


@dataclass
class Installation:
    """`more` are further settings as environment variables; without `dagster` the supervisor runs the streams."""

    directory: Path
    more: dict[str, str] = field(default_factory=dict)
    dagster: bool = False

    def __post_init__(self) -> None:
        self.settings: Settings = load_settings(
            state_dir=self.directory / "state",
            kafka=KafkaSettings(broker_port=free_port(), controller_port=free_port(), heap_mb=384),
            dagster=DagsterSettings(enabled=self.dagster, ui_port=free_port(), code_server_port=free_port()),
        )
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("IOT_")},
            "IOT_STATE_DIR": str(self.settings.state_dir),
            "IOT_CACHE_DIR": str(self.settings.cache_dir),
            "IOT_KAFKA__BROKER_PORT": str(self.settings.kafka.broker_port),
            "IOT_KAFKA__CONTROLLER_PORT": str(self.settings.kafka.controller_port),
            "IOT_KAFKA__HEAP_MB": "384",
            "IOT_DAGSTER__ENABLED": str(self.dagster).lower(),
            "IOT_DAGSTER__UI_PORT": str(self.settings.dagster.ui_port),
            "IOT_DAGSTER__CODE_SERVER_PORT": str(self.settings.dagster.code_server_port),
            **self.more,
        }

    def run(self, *arguments: str, expect: int = 0, timeout_seconds: float = 180) -> subprocess.CompletedProcess[str]:
        """One command; AssertionError with all it said when it leaves with another exit code than `expect`."""
        done = subprocess.run(
            command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
        )
        assert done.returncode == expect, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", expect=expect).stdout)

    def processes(self) -> list[int]:
        """Process ids of all that runs for this installation, whoever started it."""
        mine = []
        state = str(self.settings.state_dir)
        for process in psutil.process_iter(["pid", "cmdline", "environ"]):
            facts = process.info
            environment = facts["environ"] or {}
            if environment.get("IOT_STATE_DIR") == state or any(state in part for part in facts["cmdline"] or []):
                mine.append(facts["pid"])
        return [pid for pid in mine if pid != os.getpid()]
