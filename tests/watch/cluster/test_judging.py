"""Each trouble of a cluster is named in words, and a cluster that is well has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from iot_platform.stream.cluster import ClusterState, Replicas, TopicLook
from iot_platform.stream.offsets import PartitionFigures, Place
from iot_platform.watch.cluster import judging
from iot_platform.watch.cluster.judging import Disk, Known, findings_of, topic_figures
from iot_platform.watch.lag.course import Course
from tests.watch.lag.courses import course, looked, run

DAY = 86_400.0
ALL = (1, 2, 3)
WELL = Replicas(1, ALL, ALL)
PLACES: list[Place] = [("raw_s", 0), ("raw_s", 1), ("s_dlq", 0)]
COURSES: Mapping[Place, Course] = {place: run([0, 300, 600], [None] * 3) for place in PLACES}
DISK = Disk(free_bytes=50 * 10**9, total_bytes=100 * 10**9)


def state(changed: Mapping[Place, Replicas] | None = None, brokers: tuple[int, ...] = ALL) -> ClusterState:
    return ClusterState(
        0,
        {number: f"host-{number}:9092" for number in brokers},
        {**dict.fromkeys(PLACES, WELL), ("__consumer_offsets", 0): WELL, **(changed or {})},
        {"raw_s": TopicLook(7 * DAY, 2), "s_dlq": TopicLook(None, 2)},
        tuple(PartitionFigures(*place, 0, 600, 600, None, None, 0) for place in PLACES),
    )


def known(
    seen: ClusterState, courses: Mapping[Place, Course] = COURSES, disk: Disk | None = DISK, megabytes: int = 1
) -> Known:
    sizes = {"raw_s": megabytes * 10**6, "s_dlq": 10**6}
    return Known(seen, courses, topic_figures(seen, courses, sizes), disk, held_back_seconds=60.0)


def long_at_it(seen: Known, hours: float) -> Known:
    """With as many records in each topic as come in these hours at its rate."""
    topics = [replace(one, offsets=int((one.inflow or 0) * hours * 3_600)) for one in seen.topics]
    return replace(seen, topics=topics)


def test_a_cluster_that_is_well_has_no_finding() -> None:
    assert findings_of(known(state())) == []


HANGING = {**COURSES, ("s_dlq", 0): course([looked(n * 30_000, 100, None, held=7) for n in range(5)])}

TROUBLES: Mapping[str, tuple[Known, list[tuple[str, str, str]]]] = {
    "a broker is away": (
        known(state({("raw_s", 0): Replicas(1, ALL, (1, 3))}, brokers=(1, 3))),
        [
            (judging.BROKER_GONE, "error", "Broker 2 is away; it holds 4 replicas."),
            (judging.UNDER_REPLICATED, "warn", "1 partition is with replicas that are not in step: raw_s/0."),
        ],
    ),
    "a partition has no leader": (
        known(state({("raw_s", 1): Replicas(-1, ALL, (2,))})),
        [
            (
                judging.PARTITIONS_OFFLINE,
                "error",
                "1 partition is without a leader, neither written nor read: raw_s/1.",
            )
        ],
    ),
    "too few replicas to take a write": (
        known(state(dict.fromkeys(PLACES, Replicas(1, ALL, (1,))))),
        [
            (
                judging.TOO_FEW_REPLICAS,
                "error",
                "3 partitions are with fewer replicas in step than a write needs: raw_s/0, raw_s/1, s_dlq/0.",
            ),
            (
                judging.UNDER_REPLICATED,
                "warn",
                "3 partitions are with replicas that are not in step: raw_s/0, raw_s/1, s_dlq/0.",
            ),
        ],
    ),
    "Kafka's own topics count too": (
        known(state({("__consumer_offsets", 0): Replicas(-1, ALL, ())})),
        [
            (
                judging.PARTITIONS_OFFLINE,
                "error",
                "1 partition is without a leader, neither written nor read: __consumer_offsets/0.",
            )
        ],
    ),
    "a transaction that nobody ends": (
        known(state(), HANGING),
        [
            (
                judging.TRANSACTION_OPEN,
                "warn",
                "A transaction on s_dlq/0 has been open for 2 min or longer: it holds back 7 offsets from 100 on.",
            )
        ],
    ),
    "a disk that is nearly full": (
        known(state(), disk=Disk(4 * 10**9, 100 * 10**9)),
        [(judging.DISK_FILLING, "error", "4.0 of 100.0 GB are left on the brokers' disk.")],
    ),
    "a disk that will not hold what is to be kept": (  # 20 a second for 7 days of 1,667 bytes each are 20 GB
        long_at_it(known(state(), disk=Disk(15 * 10**9, 100 * 10**9), megabytes=2), hours=1),
        [
            (
                judging.DISK_FILLING,
                "warn",
                (
                    "At the rate of now the topics grow by 20.2 GB until retention holds them, and 15.0 GB are left: "
                    "most of it is raw_s, kept for 7.0 days."
                ),
            )
        ],
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_has_its_name_and_its_words(name: str) -> None:
    seen, expected = TROUBLES[name]
    assert [(finding.name, finding.level, finding.text) for finding in findings_of(seen)] == expected


def test_a_rate_that_has_not_lasted_for_an_hour_says_nothing_of_the_weeks_to_come() -> None:
    small = known(state(), disk=Disk(15 * 10**9, 100 * 10**9), megabytes=2)
    assert findings_of(long_at_it(small, hours=0.99)) == []


def test_many_partitions_are_counted_and_the_first_are_named() -> None:
    many = {("raw_s", number): Replicas(-1, ALL, ()) for number in range(100)}
    (finding,) = findings_of(known(state(many)))
    assert finding.text == (
        "100 partitions are without a leader, neither written nor read: raw_s/0, raw_s/1, raw_s/2 …."
    )


def test_of_a_kafka_that_is_not_ours_sizes_and_disk_are_not_known_and_nothing_is_said_of_them() -> None:
    topics = topic_figures(state(), COURSES, None)
    assert [(one.bytes, one.grows_to_bytes) for one in topics] == [(None, None)] * 2
    assert findings_of(replace(known(state()), topics=topics, disk=None)) == []


def test_figures_of_a_topic() -> None:
    raw, dead = topic_figures(state(), COURSES, {"raw_s": 2_000_000})
    assert (raw.partitions, raw.replicas, raw.offsets, raw.inflow) == (2, 3, 1_200, 20.0)
    assert raw.grows_to_bytes == pytest.approx(20.0 * 7 * DAY * 2_000_000 / 1_200)
    assert (dead.kept_seconds, dead.grows_to_bytes, dead.bytes) == (None, None, 0)
    assert topic_figures(state(), {place: run([9], [None]) for place in PLACES}, {})[0].inflow is None
