"""One broker or three: ports, servers and the one id, before anything starts."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iot_platform.broker.cluster import check_cluster, ensure_cluster, kafka_dir
from iot_platform.broker.config import NodeConfig, server_properties
from iot_platform.broker.node import LocalBroker
from iot_platform.broker.ports import free_ports
from iot_platform.errors import DamagedError, PortTakenError, SettingsError
from iot_platform.settings import KafkaSettings, Settings, load_settings
from iot_platform.supervision.brokers import check_broker_ports
from iot_platform.supervision.operations import check_settings


def settings_of(directory: Path, brokers: int) -> Settings:
    first = free_ports(6)
    kafka = KafkaSettings(brokers=brokers, broker_port=first, controller_port=first + 1)
    return load_settings(state_dir=directory, kafka=kafka)


def test_each_further_broker_has_ports_two_higher_and_clients_are_told_all_three() -> None:
    kafka = KafkaSettings(brokers=3)
    assert kafka.ports == ((29092, 29093), (29094, 29095), (29096, 29097))
    assert load_settings(kafka=kafka).bootstrap_servers == "127.0.0.1:29092,127.0.0.1:29094,127.0.0.1:29096"
    assert (KafkaSettings().heap_of_each_mb, kafka.heap_of_each_mb) == (512, 384)
    assert KafkaSettings(brokers=3, heap_mb=700).heap_of_each_mb == 700


@pytest.mark.parametrize("kafka", [{"brokers": 2}, {"broker_port": 29092, "controller_port": 29094, "brokers": 3}])
def test_two_brokers_and_ports_that_meet_are_refused_with_the_setting(kafka: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=r"IOT_KAFKA__BROKERS: 1 or 3|set broker_port and controller_port"):
        load_settings(kafka=kafka)


def test_three_brokers_keep_each_record_and_each_transaction_on_all_and_take_none_that_two_do_not_have(
    tmp_path: Path,
) -> None:
    node = NodeConfig(2, 29094, 29095, tmp_path, controllers=((1, 29093), (2, 29095), (3, 29097)))
    lines = server_properties(node).splitlines()
    assert "controller.quorum.voters=1@127.0.0.1:29093,2@127.0.0.1:29095,3@127.0.0.1:29097" in lines
    for replicas in ("default", "offsets.topic", "transaction.state.log"):
        assert f"{replicas}.replication.factor=3" in lines
    assert {"min.insync.replicas=2", "transaction.state.log.min.isr=2"} <= set(lines)


def test_a_taken_port_of_the_third_broker_is_told_with_the_setting_and_how_far_above_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, 3)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", settings.kafka.ports[2][1]))
        with pytest.raises(PortTakenError, match=r"IOT_KAFKA__CONTROLLER_PORT so that the port 4 above it is free"):
            check_broker_ports(settings)


def test_brokers_that_start_at_once_agree_on_one_cluster(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, 3)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: ensure_cluster(settings), range(64)))
    assert len(found) == 1
    assert [path.name for path in kafka_dir(settings, 1).iterdir()] == ["cluster.json"]


@pytest.mark.parametrize(("made", "wanted"), [(1, 3), (3, 1)])
def test_another_number_of_brokers_on_data_that_is_there_is_refused_with_what_to_do(
    tmp_path: Path, made: int, wanted: int
) -> None:
    ensure_cluster(settings_of(tmp_path, made))
    with pytest.raises(SettingsError, match=rf"made with {made} broker.*IOT_KAFKA__BROKERS={made}.*IOT_STATE_DIR"):
        check_settings(settings_of(tmp_path, wanted), print)
    with pytest.raises(SettingsError):
        LocalBroker(settings_of(tmp_path, wanted)).prepare()


def test_data_from_before_there_could_be_three_goes_on_as_one_broker(tmp_path: Path) -> None:
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("#\nnode.id=1\ncluster.id=SB5vHnKCTTS-wu4NjJF9xQ\nversion=1\n")
    with pytest.raises(SettingsError, match="made with 1 broker,"):
        check_cluster(settings_of(tmp_path, 3))
    cluster = ensure_cluster(settings_of(tmp_path, 1))
    assert (cluster.cluster_id, cluster.brokers) == ("SB5vHnKCTTS-wu4NjJF9xQ", 1)


def test_a_damaged_file_of_the_cluster_says_how_to_mend_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, 1)
    kafka_dir(settings, 1).mkdir()
    (kafka_dir(settings, 1) / "cluster.json").write_text("{")
    with pytest.raises(DamagedError, match="is damaged"):
        ensure_cluster(settings)
