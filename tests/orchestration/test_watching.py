"""What the UI is told of lag and of Kafka every half minute: plots under stable keys, a status, a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from iot_platform.orchestration.assets.lineage import CLUSTER
from iot_platform.orchestration.watching import cluster_observation, lag_observations
from iot_platform.pipeline.cluster import ClusterReport
from iot_platform.pipeline.lag import LagReport
from iot_platform.settings import Settings, StreamSettings, load_settings
from iot_platform.watch.cluster.judging import Known, findings_of, topic_figures
from iot_platform.watch.lag.course import Course
from iot_platform.watch.lag.judging import Circumstances, judge_group
from iot_platform.watch.lag.verdict import GroupLag
from tests.watch.cluster.test_judging import COURSES, DISK, HANGING, state
from tests.watch.lag.courses import EVERY_MS, run

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
N = range(10)
BEHIND = run([1_200 + 300 * n for n in N], [1_000 for _ in N])
LEVEL = run([300 * n for n in N], [300 * n for n in N])


def settings(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path, streams={"s": StreamSettings()})


def group(name: str, courses: dict[tuple[str, int], Course]) -> GroupLag:
    known = Circumstances(name, "STABLE", kept_seconds={"raw_s": 3_600.0})
    return judge_group(known, courses, 9 * EVERY_MS)


def values(observation: dg.AssetObservation) -> dict[str, Any]:
    return {key: value.value for key, value in observation.metadata.items()}


def test_each_group_is_told_on_each_topic_of_ours_that_it_reads_and_others_topics_are_left_alone(
    tmp_path: Path,
) -> None:
    groups = (
        group("validator-s", {("raw_s", 0): LEVEL, ("raw_s", 1): BEHIND}),
        group("loader-s", {("validated_s", 0): LEVEL, ("s_dlq", 0): LEVEL, ("s_ledger", 0): LEVEL}),
        group("billing", {("validated_s", 0): BEHIND, ("invoices", 0): LEVEL}),
    )
    report = LagReport(NOON, {"validator-s": "s", "loader-s": "s"}, groups, (), ())
    told = [(one.asset_key.to_user_string(), values(one)) for one in lag_observations(settings(tmp_path), report)]
    assert [topic for topic, _ in told] == ["raw_s", "s_dlq", "s_ledger", "validated_s", "validated_s"]
    raw = told[0][1]
    assert raw["validators behind (messages)"] == 2_900
    assert raw["validators behind (seconds)"] == 270.0
    assert (raw["arrive (per second)"], raw["validators take (per second)"]) == (20.0, 10.0)
    assert raw["validators: retention left (hours)"] == 0.925
    assert raw["validators: status"] == "stalled"
    assert raw["validators: worst partition"].startswith("1: Stalled: it stands at offset 1,000")
    assert told[3][1]["loader: status"] == "ok"
    assert told[4][1]["billing: status"] == "stalled"


def test_of_one_look_there_are_no_rates_and_nothing_that_cannot_be_plotted(tmp_path: Path) -> None:
    report = LagReport(NOON, {"validator-s": "s"}, (group("validator-s", {("raw_s", 0): run([9], [2])}),), (), ())
    (observation,) = lag_observations(settings(tmp_path), report)
    assert not [key for key in values(observation) if "per second" in key]


def test_kafka_itself_is_told_with_what_is_wrong() -> None:
    topics = topic_figures(state(), HANGING, {"raw_s": 3_000_000})
    found = findings_of(Known(state(), HANGING, topics, DISK, 60.0))
    told = values(cluster_observation(ClusterReport(state(), tuple(topics), DISK, tuple(found))))
    assert told["says"].startswith("- A transaction on s_dlq/0 has been open for 2 min")
    assert (told["status"], told["brokers"], told["partitions"]) == ("warn", 3, 4)
    assert (told["raw_s (MB)"], told["disk free (GB)"]) == (3.0, 50.0)
    well = cluster_observation(ClusterReport(state(), tuple(topic_figures(state(), COURSES, None)), None, ()))
    assert well.asset_key == dg.AssetKey(CLUSTER)
    assert (values(well)["status"], values(well)["says"]) == ("ok", "Nothing is wrong.")
