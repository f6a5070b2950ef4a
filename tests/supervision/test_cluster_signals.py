"""What the alerts hear of Kafka itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from iot_platform.pipeline.cluster import ClusterReport
from iot_platform.settings import KafkaSettings, load_settings
from iot_platform.stream.cluster import Replicas
from iot_platform.supervision.observing import cluster_signals
from iot_platform.watch.alerts.rules import load_rules
from iot_platform.watch.cluster import judging
from tests.watch.cluster.test_judging import ALL, known, state

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("servers", "names"),
    [
        ("elsewhere:9092", [judging.BROKER_GONE, judging.PARTITIONS_OFFLINE]),
        (None, [judging.PARTITIONS_OFFLINE]),  # that one of our own is down is told from its process
    ],
)
def test_each_finding_is_a_signal_and_of_our_own_brokers_nothing_is_told_twice(
    tmp_path: Path, servers: str | None, names: list[str]
) -> None:
    settings = load_settings(state_dir=tmp_path, kafka=KafkaSettings(bootstrap_servers=servers))
    seen = state({("raw_s", 0): Replicas(-1, ALL, ())}, brokers=(1, 3))
    report = ClusterReport(seen, (), None, tuple(judging.findings_of(known(seen))))
    signals = list(cluster_signals(settings, report, NOON))
    assert [(signal.kind, signal.name, signal.level) for signal in signals] == [
        ("platform", name, "error") for name in names
    ]
    for signal in signals:
        assert [rule.name for rule in load_rules() if rule.matches(signal)] == ["cluster_in_trouble"]


def test_every_finding_has_a_rule_of_its_own_kind() -> None:
    told = {name for rule in load_rules() if rule.name.startswith("cluster_") for name in rule.signals}
    assert told == set(judging.NAMES)
