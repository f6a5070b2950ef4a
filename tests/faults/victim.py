"""A broker that cases may kill and put to sleep, behind a proxy that may do worse. It is brought back for the next."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from iot_platform.broker.node import LocalBroker
from iot_platform.broker.ports import free_port
from iot_platform.settings import KafkaSettings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import is_reachable
from tests.support.proxy import Proxy


class Victim:
    """Its clients are told the proxy's port. `proxy` is whole again, and the broker up, after `recover`."""

    def __init__(self, directory: Path) -> None:
        settings = load_settings(
            state_dir=directory,
            kafka=KafkaSettings(broker_port=free_port(), controller_port=free_port(), heap_mb=384),
        )
        self.proxy = Proxy(settings.kafka.broker_port)
        self.node = LocalBroker(settings, advertised_port=self.proxy.port)

    @property
    def servers(self) -> str:
        return self.node.bootstrap_servers

    def begin(self) -> None:
        self.proxy.__enter__()
        self.start()

    def start(self) -> None:
        self.node.start()
        clients = Clients(load_settings(kafka=KafkaSettings(bootstrap_servers=self.servers)))
        self.node.wait_ready(lambda: is_reachable(clients))

    def kill(self) -> None:
        self.node.kill()

    def sleep(self) -> None:
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def recover(self) -> None:
        """Up and reachable, whatever a case left behind."""
        self.proxy.heal()
        if self.node.pid() is None:
            self.start()
        else:
            self.wake()

    def end(self) -> None:
        self.node.kill()
        self.proxy.__exit__()

    def _signal(self, number: signal.Signals) -> None:
        pid = self.node.pid()
        assert pid is not None, "the broker is not up"
        os.kill(pid, number)
