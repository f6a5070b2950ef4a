"""Every group of the cluster in one look: as Kafka's own tool sees it, and bounded where brokers are away."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from iot_platform.broker.node import LocalBroker
from iot_platform.broker.ports import free_port
from iot_platform.clock import ManualClock, SystemClock, unix_millis
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError
from iot_platform.settings import KafkaSettings, Settings
from iot_platform.stream import groups
from iot_platform.stream.clients import Clients
from iot_platform.stream.groups import ClusterLook, GroupLook, group_states, look_at
from tests.conftest import start
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

_TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
_SECONDS = 20.0


def write(settings: Settings, topic: str, count: int, partition: int = 0, at_ms: int = 0) -> None:
    producer: Producer = Clients(settings).producer()
    for _ in range(count):
        producer.produce(topic, b"value", partition=partition, timestamp=at_ms)
    assert producer.flush(_SECONDS) == 0


def commit(settings: Settings, group: str, topic: str, offset: int, partition: int = 0) -> None:
    consumer = Clients(settings).consumer(group)
    try:
        consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
    finally:
        consumer.close()


def look(settings: Settings, topology: Topology, others: tuple[str, ...] = ()) -> ClusterLook:
    clients = Clients(settings)
    own = {topology.validator_group: [topology.raw]}
    return look_at(clients, own, others, group_states(clients), SystemClock())


def of(seen: ClusterLook, group: str) -> GroupLook:
    (found,) = (each for each in seen.groups if each.group == group)
    return found


@pytest.fixture
def group() -> str:
    """Somebody else's."""
    return f"else-{uuid.uuid4()}"


@pytest.fixture
def member(settings: Settings, topology: Topology, group: str) -> Iterator[Consumer]:
    """A consumer that has joined the group."""
    consumer = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": group, "log_level": 0})
    consumer.subscribe([topology.raw])
    eventually(lambda: consumer.poll(0.2) is None and bool(consumer.assignment()), what="membership")
    yield consumer
    consumer.close()  # a second time does nothing


def test_messages_are_those_of_kafkas_own_tool_for_every_group(
    broker: LocalBroker, settings: Settings, topology: Topology, group: str
) -> None:
    for partition in range(3):
        write(settings, topology.raw, 10 * (partition + 1), partition)
        write(settings, topology.validated, 7, partition)
        commit(settings, group, topology.raw, 4 + partition, partition)
        commit(settings, topology.validator_group, topology.raw, 9, partition)
    commit(settings, group, topology.validated, 7, 1)
    table = broker.run_tool(_TOOL, "--bootstrap-server", settings.bootstrap_servers, "--describe", "--all-groups")
    theirs = {
        (columns[0], columns[1], int(columns[2])): tuple(map(int, columns[3:6]))
        for columns in map(str.split, table.splitlines())
        if columns and columns[0] in (group, topology.validator_group)
    }
    seen = look(settings, topology, (group,))
    ours = {
        (each.group, part.topic, part.partition): (part.committed, part.end, part.messages)
        for each in seen.groups
        for part in each.partitions
    }
    assert ours == theirs
    assert len(theirs) == 7


def test_a_group_with_members_is_active_and_one_that_left_is_not(
    settings: Settings, topology: Topology, member: Consumer, group: str
) -> None:
    write(settings, topology.raw, 3)
    member.commit(offsets=[TopicPartition(topology.raw, 0, 1)], asynchronous=False)
    there = of(look(settings, topology, (group,)), group)
    assert (there.state, there.active) == ("STABLE", True)
    member.close()
    gone = of(look(settings, topology, (group,)), group)
    assert (gone.state, gone.active, gone.partitions[0].messages) == ("EMPTY", False, 2)


def test_our_own_groups_are_seen_before_they_ever_commit_and_with_the_age_of_what_waits(
    settings: Settings, topology: Topology
) -> None:
    clock = ManualClock(SystemClock().now())
    write(settings, topology.raw, 5, at_ms=unix_millis(clock.now() - timedelta(seconds=90)))
    clients = Clients(settings)
    seen = look_at(clients, {topology.validator_group: [topology.raw]}, (), {}, clock)
    (own,) = seen.groups
    assert (own.state, own.active, len(own.partitions)) == (None, False, 3)
    first = own.partitions[0]
    assert (first.committed, first.messages) == (None, 5)
    assert first.seconds == pytest.approx(90, abs=0.01)
    assert seen.kept_seconds == {topology.raw: 7 * 86_400.0}
    assert seen.unanswered == ()


def test_a_topic_that_keeps_everything_keeps_for_ever(settings: Settings, topology: Topology, group: str) -> None:
    kept, compacted = f"kept-{uuid.uuid4()}", f"compacted-{uuid.uuid4()}"
    new = [
        NewTopic(kept, 1, config={"retention.ms": "-1"}),
        NewTopic(compacted, 1, config={"cleanup.policy": "compact"}),
    ]
    admin = Clients(settings).admin()
    for future in admin.create_topics(new).values():
        future.result(_SECONDS)
    for topic in (kept, compacted):
        commit(settings, group, topic, 0)
    seen = look(settings, topology, (group,))
    assert (seen.kept_seconds[kept], seen.kept_seconds[compacted]) == (None, None)


def test_without_an_answer_it_ends_within_its_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "_ASK_SECONDS", 0.5)
    away = settings.model_copy(update={"kafka": KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")})
    began = time.monotonic()
    with pytest.raises(KafkaUnavailableError, match="does not answer"):
        group_states(Clients(away))
    with pytest.raises(KafkaUnavailableError, match="does not answer"):
        look_at(Clients(away), {"g": ["t"]}, (), {}, SystemClock())
    assert time.monotonic() - began < 20


@pytest.mark.long
def test_brokers_that_come_and_go_never_end_a_process_that_looks(new_broker: Callable[[], LocalBroker]) -> None:
    """An AdminClient that describes groups does not survive it (docs/decisions/0029-asking-of-groups.md)."""
    node = new_broker()
    looking = subprocess.Popen([sys.executable, "-c", _LOOKING, node.bootstrap_servers], stdout=subprocess.PIPE)
    assert looking.stdout is not None
    try:
        for number in range(4):
            assert looking.stdout.readline() == b"looked\n"  # it does, before and after each time
            (node.kill if number % 2 else node.stop)()
            assert looking.stdout.readline() in (b"away\n", b"looked\n")
            start(node)
            while looking.stdout.readline() != b"looked\n":
                assert looking.poll() is None
    finally:
        looking.kill()
        looking.communicate()


_LOOKING = """
import sys
from iot_platform.clock import SystemClock
from iot_platform.errors import KafkaUnavailableError
from iot_platform.settings import KafkaSettings, load_settings
from iot_platform.stream import groups
from iot_platform.stream.clients import Clients
from iot_platform.stream.groups import group_states, look_at

clients = Clients(load_settings(kafka=KafkaSettings(bootstrap_servers=sys.argv[1])))
while True:
    try:
        look_at(clients, {"g": ["t"]}, group_states(clients), {}, SystemClock())
        print("looked", flush=True)
    except KafkaUnavailableError:
        print("away", flush=True)
"""
