"""A spool whose oldest reading has waited too long, without Kafka: who can wait is held back, who cannot is counted."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from iot_platform.lifecycle import Stop
from iot_platform.settings import KafkaSettings, ProducerSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.producer import ProducerResult, run_producer
from iot_platform.stream.sources.base import Batch, Cursor, Reading
from iot_platform.stream.spool import SourceAccount, read_accounts
from tests.support.waiting import eventually

HOUR_MS = 3_600_000
STREAM = "iot_data"


class Hourly:
    """Gives a reading an hour, six in all."""

    name = "hourly"

    def __init__(self, *, can_wait: bool) -> None:
        self.can_wait = can_wait
        self._at = 0

    def start(self, cursor: Cursor | None) -> None:
        self._at = int(cursor["at"]) if cursor else 0

    def batch(self, limit: int) -> Batch:
        reading = Reading(b"k", b"%d" % self._at, 1_790_000_000_000 + self._at * HOUR_MS)
        self._at += 1
        return Batch([reading], {"at": self._at}, exhausted=self._at == 6)

    def accepted(self, batch: Batch) -> None:
        pass

    def close(self) -> None:
        pass


def without_kafka(directory: Path) -> Settings:
    return load_settings(
        state_dir=directory,
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
        streams={STREAM: StreamSettings()},
        producer=ProducerSettings(delivery_timeout_seconds=0.5, retries=0, spool_max_age_hours=2, batch_readings=1),
    )


def account(settings: Settings) -> SourceAccount:
    (only,) = read_accounts(settings.spool_dir, STREAM)
    return only


def heartbeat(settings: Settings) -> dict[str, Any]:
    path = settings.heartbeat_dir / f"producer-{STREAM}-hourly.json"
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return document


def test_a_source_that_cannot_wait_has_its_readings_refused_and_counted(tmp_path: Path) -> None:
    settings = without_kafka(tmp_path)
    result = run_producer(settings, Hourly(can_wait=False), STREAM, stop=Stop())
    assert (result.born, result.spooled, result.refused) == (6, 3, 3)
    assert account(settings).refused_by_reason == {"spool_too_old": 3}


def test_a_source_that_can_wait_is_held_back_and_loses_nothing(tmp_path: Path) -> None:
    settings, stop = without_kafka(tmp_path), Stop()
    results: list[ProducerResult] = []

    def run() -> None:
        results.append(run_producer(settings, Hourly(can_wait=True), STREAM, stop=stop))

    running = threading.Thread(target=run)
    running.start()
    eventually(lambda: bool(heartbeat(settings).get("spool_full")), 60, "a spool that is too old")
    assert "IOT_PRODUCER__SPOOL_MAX_AGE_HOURS" in heartbeat(settings)["problem"]
    stop.request()
    running.join(60)
    assert [(one.born, one.spooled, one.refused) for one in results] == [(3, 3, 0)]
