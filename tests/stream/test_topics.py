"""A stream's topics are as interfaces.md says, and differences are told in words."""

from __future__ import annotations

import pytest

from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError, SettingsError
from iot_platform.settings import KafkaSettings, RetentionSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import preflight, wait_for_kafka
from iot_platform.stream.topics import describe_topics, ensure_topics
from tests.support.waiting import eventually

DAY_MS = 86_400_000


def test_topics_have_the_partitions_and_retention_of_their_stream(settings: Settings, stream_name: str) -> None:
    clients = Clients(settings)
    ensure_topics(clients, settings, stream_name)
    facts = {fact.name: fact for fact in describe_topics(clients, settings, stream_name)}
    topology = Topology(stream_name)
    assert {name: (fact.partitions, fact.retention_ms // DAY_MS) for name, fact in facts.items()} == {
        topology.raw: (3, 7),
        topology.validated: (3, 7),
        topology.dead_letters: (3, 30),
        topology.ledger: (3, 30),
    }
    assert facts[topology.dead_letters].max_message_bytes > facts[topology.raw].max_message_bytes


def test_making_them_again_brings_changed_settings_up_to_date(settings: Settings, stream_name: str) -> None:
    clients = Clients(settings)
    ensure_topics(clients, settings, stream_name)
    changed = settings.model_copy(
        update={"streams": {stream_name: StreamSettings(retention=RetentionSettings(raw_days=2))}}
    )
    ensure_topics(clients, changed, stream_name)
    # The controller answers when the change is logged; the broker that describes it applies it a moment later.
    eventually(
        lambda: describe_topics(clients, changed, stream_name)[0].retention_ms == 2 * DAY_MS, what="the new retention"
    )


def test_another_number_of_partitions_is_refused_with_the_setting_to_change(
    settings: Settings, stream_name: str
) -> None:
    clients = Clients(settings)
    ensure_topics(clients, settings, stream_name)
    fewer = settings.model_copy(update={"streams": {stream_name: StreamSettings(partitions=2)}})
    with pytest.raises(SettingsError, match=r"has 3 partitions, the settings say 2.*`partitions` to 3"):
        ensure_topics(clients, fewer, stream_name)


def test_a_kafka_that_is_not_there_is_told_with_the_setting(tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = load_settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    with pytest.raises(KafkaUnavailableError, match=r"127\.0\.0\.1:1.*IOT_KAFKA__BOOTSTRAP_SERVERS"):
        wait_for_kafka(Clients(nowhere), timeout_seconds=0.5)


def test_preflight_accepts_a_kafka_that_runs_transactions(settings: Settings) -> None:
    assert preflight(Clients(settings), settings) is None


def test_the_promise_cannot_be_weakened_by_properties() -> None:
    weak = load_settings(kafka=KafkaSettings(properties={"acks": "1", "enable.idempotence": "false"}))
    with pytest.raises(SettingsError, match=r"may not set acks, enable\.idempotence"):
        Clients(weak)
