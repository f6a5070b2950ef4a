"""Three brokers that a test may kill one by one: of an installation under a supervisor, or of the test itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from iot_platform.broker.node import LocalBroker, local_brokers
from iot_platform.drills.installation import own_kafka
from iot_platform.settings import KafkaSettings, Settings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import brokers_there, is_reachable
from iot_platform.supervision.brokers import broker_facts
from iot_platform.supervision.plan import broker_program
from iot_platform.supervision.supervisor import Supervisor

_READY_SECONDS = 270.0


def kill_broker(settings: Settings, number: int, kind: signal.Signals = signal.SIGKILL) -> int:
    """Send a signal to broker `number` of an installation, counted from 1; its process id.

    After SIGKILL the supervisor starts it again. SIGSTOP and SIGCONT pause it and let it go on.
    """
    pid = LocalBroker(settings, number).pid()
    assert pid is not None, f"broker {number} does not run"
    os.kill(pid, kind)
    return pid


def crash_broker(settings: Settings, number: int) -> int:
    """Kill broker `number` of an installation and keep it down until `start_broker`; the process id that it had."""
    pid = kill_broker(settings, number)
    Supervisor(settings).keep_down(broker_program(number))
    return pid


def stop_broker(settings: Settings, number: int) -> None:
    Supervisor(settings).stop_program(broker_program(number))


def start_broker(settings: Settings, number: int) -> None:
    """Start it if it does not run; it serves some seconds later."""
    Supervisor(settings).start_program(broker_program(number))


def are_up(settings: Settings) -> list[int]:
    """The numbers of the brokers that run and take connections."""
    return [one.number for one in broker_facts(settings) if one.up]


class ThreeBrokers:
    """Three real brokers as children of this process, without a supervisor: killed, one stays down."""

    def __init__(self, directory: Path) -> None:
        self.settings = load_settings(state_dir=directory, kafka=own_kafka(3))
        self._brokers = local_brokers(self.settings)

    @property
    def bootstrap_servers(self) -> str:
        return self.settings.bootstrap_servers

    def start(self, *numbers: int) -> None:
        """Start these, or all; return when Kafka names as many as run now."""
        for broker in self._brokers:
            if broker.number in (numbers or (1, 2, 3)):
                broker.start()
        running = [broker for broker in self._brokers if broker.pid() is not None]
        clients = Clients(load_settings(kafka=KafkaSettings(bootstrap_servers=self.bootstrap_servers)))
        running[-1].wait_ready(lambda: is_reachable(clients), _READY_SECONDS)
        assert brokers_there(clients, len(running), _READY_SECONDS) >= len(running)

    def kill(self, *numbers: int) -> None:
        """Kill these, or all."""
        for broker in self._brokers:
            if broker.number in (numbers or (1, 2, 3)):
                broker.kill()
