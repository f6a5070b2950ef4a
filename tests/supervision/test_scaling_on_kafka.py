"""What scaling asks of a real Kafka: where our groups stand, in a course of its own."""

from __future__ import annotations

import json

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.lifecycle import Bounds, Heartbeat, Stop
from iot_platform.settings import Settings, StreamSettings
from iot_platform.stream.validator import run_validator
from iot_platform.supervision.scaling import ask_kafka, scale
from iot_platform.watch.lag.verdict import GroupLag
from tests.support.pipeline import key_of
from tests.support.readings import encoded
from tests.support.topics import send
from tests.support.waiting import eventually


def test_lag_is_that_of_our_groups_in_a_course_of_its_own(settings: Settings, topology: Topology) -> None:
    readings = [encoded(sensor_id=f"sensor-{number}") for number in range(30)]
    send(settings, topology.raw, [{"value": value, "key": key_of(value)} for value in readings])
    scaled = settings.model_copy(update={"streams": {topology.stream: StreamSettings(validators_most=3)}})
    groups: dict[str, GroupLag] = {}

    def answered() -> bool:
        """A broker that has just come does not tell of every group at once."""
        report = ask_kafka(scaled, SystemClock())
        groups.update({group.group: group for group in report.groups} if report else {})
        return groups.keys() == {topology.validator_group, topology.loader_group}

    eventually(answered, 60, "where our groups stand")
    assert groups[topology.validator_group].messages == 30
    assert (settings.state_dir / "lag" / "scaling.json").exists()
    assert not (settings.state_dir / "lag" / "course.json").exists(), "the watch's course has another pace"


def test_a_validator_tells_how_much_of_its_time_it_works_and_which_partitions_it_has(
    settings: Settings, topology: Topology
) -> None:
    readings = [encoded(sensor_id=f"sensor-{number}") for number in range(30)]
    send(settings, topology.raw, [{"value": value, "key": key_of(value)} for value in readings])
    name = f"validator-{topology.stream}-0"
    heartbeat = Heartbeat(settings.heartbeat_dir / f"{name}.json", SystemClock())
    run_validator(
        settings, topology.stream, 0, stop=Stop(), clock=SystemClock(), heartbeat=heartbeat,
        bounds=Bounds(until_caught_up=True, seconds=60),
    )  # fmt: skip
    beat = json.loads((settings.heartbeat_dir / f"{name}.json").read_text(encoding="utf-8"))
    assert beat["busy_seconds"] >= beat["write_seconds"] > 0
    assert beat["partitions"] == [0, 1, 2]
    scaled = settings.model_copy(update={"streams": {topology.stream: StreamSettings(validators_most=3)}})
    (found,) = scale(scaled, SystemClock())
    assert found.known.running == 0, "nobody holds its lease any more"
