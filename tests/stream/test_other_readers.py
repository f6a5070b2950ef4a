"""Kafka's own tools read what we write."""

from __future__ import annotations

import pytest

from iot_platform.broker.node import LocalBroker
from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import read_group
from tests.support.pipeline import validated
from tests.support.readings import encoded

pytestmark = pytest.mark.kafka


def test_kafkas_console_consumer_reads_the_validated_topic(
    broker: LocalBroker, settings: Settings, topology: Topology
) -> None:
    values = [encoded(sensor_id=f"sensor-{number}") for number in range(9)]
    validated(settings, topology, [*values, b"bad"])
    seen = broker.run_tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "--bootstrap-server", settings.bootstrap_servers, "--topic", topology.validated, "--from-beginning",
        "--isolation-level", "read_committed", "--max-messages", "9", "--timeout-ms", "30000",
    )  # fmt: skip
    assert sorted(seen.encode().splitlines()) == sorted(values)


def test_kafkas_consumer_groups_tool_sees_the_lag_that_we_see(
    broker: LocalBroker, settings: Settings, topology: Topology
) -> None:
    validated(settings, topology, [encoded(sensor_id=f"sensor-{number}") for number in range(9)])
    table = broker.run_tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        "--bootstrap-server", settings.bootstrap_servers, "--describe", "--group", topology.validator_group,
    )  # fmt: skip
    theirs = {
        (columns[1], int(columns[2])): (int(columns[3]), int(columns[4]))
        for columns in (line.split() for line in table.splitlines())
        if columns and columns[0] == topology.validator_group and columns[3].isdigit()
    }
    ours = read_group(Clients(settings), topology.validator_group, [topology.raw], SystemClock())
    assert theirs == {
        (part.topic, part.partition): (part.committed, part.end)
        for part in ours.partitions
        if part.committed is not None
    }
    assert theirs
