"""The life of one Kafka node: prepare, start, stop, kill, and what it says of itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from iot_platform.broker.cluster import ensure_cluster, kafka_dir, named
from iot_platform.broker.config import NodeConfig, log4j2_properties, server_properties
from iot_platform.broker.fetch import ensure_jars, java_home
from iot_platform.broker.ports import check_port, listens
from iot_platform.errors import AlreadyRunningError, KafkaUnavailableError, UnavailableError
from iot_platform.kafka_settings import HOST, PORT_STEP
from iot_platform.lifecycle import end_with_parent, write_atomically
from iot_platform.settings import Settings

_SERVER_CLASS = "kafka.Kafka"
_STORAGE_CLASS = "kafka.tools.StorageTool"
_STOP_SECONDS = 40.0
_POLL_SECONDS = 0.1

Answers = Callable[[], bool]
"""Asks Kafka's own protocol whether the node serves; given by the caller, for this room speaks no Kafka."""


def local_brokers(settings: Settings) -> list[LocalBroker]:
    """All brokers of our own that the settings ask for."""
    return [LocalBroker(settings, number) for number in range(1, settings.kafka.brokers + 1)]


class LocalBroker:
    """One broker of our own, `number` counted from 1, whose state is in `settings.state_dir`."""

    def __init__(self, settings: Settings, number: int = 1, *, advertised_port: int | None = None) -> None:
        self.number = number
        self._settings = settings
        self._directory = kafka_dir(settings, number)
        self._log_path = settings.log_dir / f"{named('kafka', number)}.log"
        self._pid_path = self._directory / "kafka.pid"
        port, controller_port = settings.kafka.ports[number - 1]
        self._config = NodeConfig(
            node_id=number,
            port=port,
            controller_port=controller_port,
            data_dir=self._directory / "data",
            controllers=tuple((node_id, ports[1]) for node_id, ports in enumerate(settings.kafka.ports, start=1)),
            advertised_port=advertised_port,
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self._config.advertised_port or self._config.port}"

    @property
    def log_path(self) -> Path:
        return self._log_path

    def pid(self) -> int | None:
        """The process id of this node; None when it does not run."""
        try:
            pid = int(self._pid_path.read_text())
            command = psutil.Process(pid).cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return pid if str(self._properties_path) in command else None

    @property
    def takes_connections(self) -> bool:
        """Whether it listens. One that is only just starting or is paused does so too."""
        return listens(HOST, self._config.port)

    @property
    def wanted_ports(self) -> list[tuple[str, int, str, int]]:
        """Each port: what it is for, its number, the setting, and how far above the setting it is."""
        above = (self.number - 1) * PORT_STEP
        suffix = "" if self._settings.kafka.brokers == 1 else f" {self.number}"
        return [
            (f"kafka port{suffix}", self._config.port, "IOT_KAFKA__BROKER_PORT", above),
            (f"controller port{suffix}", self._config.controller_port, "IOT_KAFKA__CONTROLLER_PORT", above),
        ]

    def check_ports(self) -> None:
        """Raises PortTakenError naming the setting to change; our own running node counts as taken too."""
        for _, port, setting, above in self.wanted_ports:
            check_port(HOST, port, setting, above)

    def prepare(self) -> list[str]:
        """Write the configuration, format the storage once, and return the command line of the node.

        Raises SettingsError when the data was made with another number of brokers.
        """
        cluster = ensure_cluster(self._settings)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._properties_path, server_properties(self._config))
        write_atomically(self._log4j_path, log4j2_properties(self._log_path))
        if not (self._config.data_dir / "meta.properties").is_file():
            self._format(cluster.cluster_id)
        heap = f"{self._settings.kafka.heap_of_each_mb}m"
        options = (
            f"-Xms{heap}",
            f"-Xmx{heap}",
            "-XX:+UseG1GC",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            "--sun-misc-unsafe-memory-access=allow",  # Kafka unmaps its files so; Java 25 warns of it
        )
        return self._java(_SERVER_CLASS, str(self._properties_path), options=options)

    @property
    def _properties_path(self) -> Path:
        return self._directory / "server.properties"

    @property
    def _log4j_path(self) -> Path:
        return self._directory / "log4j2.properties"

    def _format(self, cluster_id: str) -> None:
        arguments = ("format", "--ignore-formatted", "-t", cluster_id, "-c", str(self._properties_path))
        done = subprocess.run(self._java(_STORAGE_CLASS, *arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise UnavailableError(
                f"Kafka's storage in {self._config.data_dir} could not be formatted: {done.stderr or done.stdout}",
                next_step="Check that the disk has room and is writable.",
            )

    def _java(self, main_class: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
        jars = ensure_jars(self._settings.cache_dir, lambda text: print(text, file=sys.stderr))  # noqa: T201
        log4j = f"-Dlog4j2.configurationFile={self._log4j_path}"
        return [str(java_home() / "bin" / "java"), *options, log4j, "-cp", f"{jars}/*", main_class, *arguments]

    def run_tool(self, main_class: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float = 60) -> str:
        """Run one of Kafka's own command-line classes; its standard output."""
        command = self._java(main_class, *arguments)
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout_seconds, check=False)
        if done.returncode != 0:
            raise UnavailableError(f"{main_class} failed: {done.stderr.decode(errors='replace')[-2000:]}")
        return done.stdout.decode()

    def exec_foreground(self) -> None:
        """Become the node; it gets a SIGTERM when our parent dies. Does not return."""
        if (pid := self.pid()) is not None:
            raise AlreadyRunningError(
                f"This Kafka already runs (process {pid}).", next_step="See `iot-platform status`."
            )
        self.check_ports()
        command = self.prepare()
        end_with_parent()
        write_atomically(self._pid_path, str(os.getpid()))  # exec keeps the process id
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted

    def start(self) -> None:
        """Start the node as a child of this process; `wait_ready` tells when it serves."""
        self.check_ports()
        command = self.prepare()
        with (self._log_path.with_suffix(".out")).open("ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        write_atomically(self._pid_path, str(self._process.pid))

    def wait_ready(self, answers: Answers, timeout_seconds: float = 90.0) -> None:
        """Wait until `answers` says so. Raises KafkaUnavailableError when the node ended or time is up."""
        deadline = time.monotonic() + timeout_seconds
        while not answers():
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                what = "ended while starting" if ended else f"does not serve after {timeout_seconds:g} s"
                raise KafkaUnavailableError(f"Kafka {what}.", next_step=f"See {self._log_path}.")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """SIGTERM, and wait until it is gone; nothing to do when it does not run."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        pid = self.pid()
        if pid is None:
            return
        process = psutil.Process(pid)
        process.send_signal(number)
        if self._process is not None and self._process.pid == pid:
            self._process.wait(_STOP_SECONDS)
        else:
            process.wait(_STOP_SECONDS)
        self._pid_path.unlink(missing_ok=True)
