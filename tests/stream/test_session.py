"""What a session asks of Kafka, where no fault that a test can make shows the difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.settings import KafkaSettings, ValidatorSettings, load_settings
from iot_platform.stream.client_options import consumer_options


@pytest.mark.parametrize("transaction_seconds", [5.0, 15.0, 60.0])
def test_a_rebalance_waits_for_a_lost_member_longer_than_two_transactions_and_no_longer_than_three(
    tmp_path: Path, transaction_seconds: float
) -> None:
    settings = load_settings(
        state_dir=tmp_path,
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
        validator=ValidatorSettings(transaction_timeout_seconds=transaction_seconds),
    )
    wait_ms = consumer_options(settings)["max.poll.interval.ms"]
    assert 2_000 * transaction_seconds < wait_ms <= 3_000 * transaction_seconds
