"""Whether a producer has lost a connection: librdkafka repeats what was under way, and says so nowhere else."""

from __future__ import annotations

from confluent_kafka import KafkaError


class ConnectionWatch:
    """The `error_cb` of a client; called from inside its `poll` and `flush`."""

    def __init__(self) -> None:
        self.losses = 0
        self.last = ""

    def __call__(self, error: KafkaError) -> None:
        self.losses += 1
        self.last = f"{error.name()}: {error.str()}"
