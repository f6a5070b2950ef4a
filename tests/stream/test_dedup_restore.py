"""F24, F26 to F28 on a real broker, of each store alike: no start of a validator knows less than it must."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from iot_platform.contract import ledger
from iot_platform.contract.topology import Topology
from iot_platform.errors import ChangelogTooShortError
from iot_platform.faultpoints import InjectedFaultError, arm
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from tests.support.pipeline import validate
from tests.support.processes import running
from tests.support.readings import encoded
from tests.support.topics import assert_ledger_is_whole, read_all, read_ledger, send

pytestmark = pytest.mark.kafka

COUNT = 120
BATCH = 10
on_disk = pytest.mark.parametrize("store", ["rocksdb"])
every_store = pytest.mark.parametrize("store", ["memory", "rocksdb"])


@pytest.fixture
def settings(settings: Settings, store: str) -> Settings:
    validator = settings.validator.model_copy(update={"dedup_store": store, "batch_max": BATCH})
    return settings.model_copy(update={"validator": validator})


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def sound(count: int = COUNT) -> list[dict[str, Any]]:
    return [
        {"key": f"sensor-{number % 9}".encode(), "value": encoded(sensor_id=f"sensor-{number % 9}")}
        for number in range(count)
    ]


def assert_repeats_are_known(
    settings: Settings, topology: Topology, sent: list[dict[str, Any]], *, ledger_is_whole: bool = True
) -> None:
    """All of them sent again are duplicates, and new ones are valid."""
    more = sound(9)
    send(settings, topology.raw, [*sent, *more])
    again = validate(settings, topology)
    assert (again.totals.duplicates, again.totals.valid) == (len(sent), len(more))
    valid = read_all(settings, topology.validated)
    assert Counter(kept.value for kept in valid) == Counter(item["value"] for item in [*sent, *more])
    if ledger_is_whole:
        assert_ledger_is_whole(read_ledger(settings, topology.stream), read_all(settings, topology.raw))


def store_of(settings: Settings, topology: Topology) -> Path:
    return settings.state_dir / "dedup" / topology.stream / "slot-0"


@every_store
def test_v3_a_restart_knows_what_was_accepted_before(settings: Settings, topology: Topology) -> None:
    sent = sound()
    send(settings, topology.raw, sent)
    validate(settings, topology)
    assert_repeats_are_known(settings, topology, sent)


@on_disk
def test_f26_a_store_that_was_deleted_is_built_anew_from_the_ledger(settings: Settings, topology: Topology) -> None:
    sent = sound()
    send(settings, topology.raw, sent)
    validate(settings, topology)
    shutil.rmtree(store_of(settings, topology))
    assert_repeats_are_known(settings, topology, sent)


@on_disk
def test_f26_a_store_that_is_damaged_is_built_anew_from_the_ledger(settings: Settings, topology: Topology) -> None:
    sent = sound()
    send(settings, topology.raw, sent)
    validate(settings, topology)
    for path in store_of(settings, topology).rglob("MANIFEST-*"):
        path.write_bytes(b"nonsense")
    assert_repeats_are_known(settings, topology, sent)


@on_disk
def test_f26_a_store_of_another_ledger_is_built_anew(settings: Settings, topology: Topology) -> None:
    sent = sound()
    send(settings, topology.raw, sent)
    validate(settings, topology)
    partitions = sorted(store_of(settings, topology).iterdir())
    partitions[0].rename(partitions[0].with_name("aside"))
    for place, path in enumerate(partitions[1:]):
        path.rename(partitions[place])
    assert_repeats_are_known(settings, topology, sent)


@on_disk
def test_v3_a_restart_with_its_store_reads_only_the_tail_of_the_ledger(settings: Settings, topology: Topology) -> None:
    send(settings, topology.raw, sound())
    validate(settings, topology)
    arm("validator.restoring:raise")
    validate(settings, topology)
    shutil.rmtree(store_of(settings, topology))
    with pytest.raises(InjectedFaultError):
        validate(settings, topology)


@every_store
def test_f27_a_kill_while_the_ledger_is_read_costs_no_id(
    settings: Settings, topology: Topology, store: str, tmp_path: Path
) -> None:
    sent = sound()
    send(settings, topology.raw, sent)
    validate(settings, topology)
    shutil.rmtree(store_of(settings, topology), ignore_errors=True)
    log = tmp_path / "validator.log"
    fault = {"IOT_FAULTPOINT": "validator.restoring:kill:3", "IOT_VALIDATOR__DEDUP_STORE": store}
    with running(settings, "validate", "--stream", topology.stream, "--until-caught-up", log=log, **fault) as process:
        assert process.wait(120) == -9, log.read_text()
    assert_repeats_are_known(settings, topology, sent)


@every_store
def test_f28_a_ledger_that_ends_in_aborted_entries_and_control_records_is_read_to_its_end(
    settings: Settings, topology: Topology
) -> None:
    sent = sound()
    send(settings, topology.raw, sent)
    validate(settings, topology)
    for commit in (False, False, True):  # the committed one is empty: control records only
        leave_behind(settings, topology, commit=commit)
    assert_repeats_are_known(settings, topology, sent)


def leave_behind(settings: Settings, topology: Topology, *, commit: bool) -> None:
    producer = Clients(settings).producer({"transactional.id": "test-other", "compression.type": "lz4"})
    producer.init_transactions(60)
    producer.begin_transaction()
    for partition in range(3):
        if not commit:
            producer.produce(topology.ledger, partition=partition, key=ledger.key(partition), value=b"never seen")
    producer.flush(60)
    if commit:
        producer.commit_transaction(60)
    else:
        producer.abort_transaction(60)


@every_store
def test_v3_a_ledger_that_does_not_reach_back_is_refused_where_nothing_else_knows_its_ids(
    settings: Settings, topology: Topology, store: str
) -> None:
    sent = sound()
    send(settings, topology.raw, sent)
    validate(settings, topology)
    admin = Clients(settings).admin()
    places = [TopicPartition(topology.ledger, partition, 2) for partition in range(3)]
    for future in admin.delete_records(places).values():
        future.result(60)
    if store == "rocksdb":  # its own store still knows them
        assert_repeats_are_known(settings, topology, sent, ledger_is_whole=False)
        shutil.rmtree(store_of(settings, topology))
    with pytest.raises(ChangelogTooShortError, match="within the deduplication window"):
        validate(settings, topology)
