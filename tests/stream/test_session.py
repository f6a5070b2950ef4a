"""What a session asks of Kafka, where no fault that a test can make shows the difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.clock import SystemClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from iot_platform.settings import KafkaSettings, ValidatorSettings, load_settings
from iot_platform.stream.session import Session, Totals


@pytest.mark.parametrize("transaction_seconds", [5.0, 15.0, 60.0])
def test_a_rebalance_waits_for_a_lost_member_longer_than_two_transactions_and_no_longer_than_three(
    tmp_path: Path, transaction_seconds: float
) -> None:
    settings = load_settings(
        state_dir=tmp_path,
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
        validator=ValidatorSettings(transaction_timeout_seconds=transaction_seconds),
    )
    judge = Judge(load_catalogue("iot_data"), Freshness(None, None), 1_000_000)
    session = Session(settings, "iot_data", 0, judge, Totals(), SystemClock())
    try:
        wait_ms = session._consumer_options()["max.poll.interval.ms"]
    finally:
        session.close()
    assert 2_000 * transaction_seconds < wait_ms <= 3_000 * transaction_seconds
