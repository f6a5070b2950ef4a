"""Where Kafka is, and what the platform's own one consists of."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from iot_platform.stream_settings import CanBeNone, Port, Section

HOST = "127.0.0.1"
PORT_STEP = 2
"""By how much the ports of each further broker are higher than those of the one before."""

_MOST_PORT = 65_535
_HEAP_OF_ONE_MB = 512
_HEAP_OF_EACH_MB = 384  # of three on one machine


class KafkaSettings(Section):
    """Where Kafka is. Without `bootstrap_servers` the platform runs brokers of its own on this machine."""

    bootstrap_servers: str | None = None
    brokers: int = Field(1, description="of our own: 1, or 3 with each record on all of them")
    broker_port: Port = 29092
    controller_port: Port = 29093
    heap_mb: Annotated[int | None, CanBeNone] = Field(None, ge=256, description="of each broker of our own")
    replication_factor: int = Field(-1, description="-1 = the broker's default")
    properties: dict[str, str] = Field(
        default_factory=dict, description="further librdkafka properties, such as security.protocol"
    )

    @field_validator("brokers")
    @classmethod
    def _one_or_three(cls, brokers: int) -> int:
        if brokers not in (1, 3):
            raise ValueError("1 or 3: two brokers could not go on without either of them")
        return brokers

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        """Checked for three only: two equal ports of one broker are found when the second is bound."""
        all_ports = [port for ports in self.ports for port in ports]
        if self.brokers > 1 and (len(set(all_ports)) < len(all_ports) or max(all_ports) > _MOST_PORT):
            raise ValueError(
                f"three brokers would need the ports {', '.join(map(str, all_ports))}, for each further broker has "
                f"ports {PORT_STEP} higher: set broker_port and controller_port so that all differ and none is over "
                f"{_MOST_PORT}, such as two neighbours"
            )
        return self

    @property
    def ports(self) -> tuple[tuple[int, int], ...]:
        """Port and controller port of each broker of our own."""
        steps = range(0, PORT_STEP * self.brokers, PORT_STEP)
        return tuple((self.broker_port + step, self.controller_port + step) for step in steps)

    @property
    def own_servers(self) -> str:
        """All brokers of our own, as clients are told: any one of them is enough to begin with."""
        return ",".join(f"{HOST}:{port}" for port, _ in self.ports)

    @property
    def heap_of_each_mb(self) -> int:
        return self.heap_mb or (_HEAP_OF_ONE_MB if self.brokers == 1 else _HEAP_OF_EACH_MB)
