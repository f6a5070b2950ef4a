"""What `status` says when something is wrong: that, and still all the rest."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iot_platform.clock import ManualClock, SystemClock
from iot_platform.errors import PlatformError
from iot_platform.lifecycle import Heartbeat
from iot_platform.settings import KafkaSettings, Settings, load_settings
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import Spool, read_accounts, spool_path
from iot_platform.supervision.status import read_status


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path / "state", kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))


def damage(path: Path) -> None:
    path.write_bytes(b"no database" * 1_000)


def make_unopenable(path: Path) -> None:
    path.symlink_to(path.with_name("gone"))


@pytest.mark.parametrize(("spoil", "said"), [(damage, "is damaged"), (make_unopenable, "cannot be opened")])
def test_an_unreadable_spool_is_an_alert_and_hides_no_other(settings: Settings, spoil: object, said: str) -> None:
    assert callable(spoil)
    with closing(Spool(spool_path(settings.spool_dir, "iot_data", "good"), 10_000_000)) as spool:
        spool.append([Reading(None, b"{}", 1)], {})
    bad = spool_path(settings.spool_dir, "iot_data", "bad")
    spoil(bad)
    status = read_status(settings, SystemClock())
    assert list(status["spool"]["sources"]) == ["good"]
    (alert,) = [alert for alert in status["alerts"] if alert["what"] == "spool_unreadable"]
    assert f"{bad} {said}" in alert["text"]
    with pytest.raises(PlatformError, match=said):
        read_accounts(settings.spool_dir, "iot_data")


def test_a_full_spool_is_an_alert_while_its_producer_says_so(settings: Settings) -> None:
    full = {"spool_full": True, "problem": "The spool is full. Set more."}
    Heartbeat(settings.heartbeat_dir / "producer-iot_data.json", SystemClock()).beat(full, now=True)
    long_ago = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    Heartbeat(settings.heartbeat_dir / "producer-iot_data-1.json", long_ago).beat(full, now=True)
    alerts = [alert for alert in read_status(settings, SystemClock())["alerts"] if alert["what"] == "spool_full"]
    assert alerts == [{"what": "spool_full", "text": "The spool is full. Set more."}]
