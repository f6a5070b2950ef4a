"""Change a topic's limits, as an operator may."""

from __future__ import annotations

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients


def set_topic(settings: Settings, topic: str, name: str, value: str) -> None:
    """Set one option of a topic, and wait until Kafka has it."""
    admin = Clients(settings).admin()
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)
