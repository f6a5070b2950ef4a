"""More than one validator can take: their number follows the lag out, and in when it is over, and nothing is lost.

A whole installation. Its validators are slowed by a fault point, so that one takes 400 records a second at most,
on whatever machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iot_platform.clock import SystemClock
from iot_platform.errors import KafkaUnavailableError
from iot_platform.lifecycle import is_held
from iot_platform.settings import Settings, StreamSettings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import group_lag
from iot_platform.supervision.scaled import scaling_document
from iot_platform.supervision.slots import Role, Slot, read_desired
from tests.support.dagster_ui import Ui
from tests.support.installation import Installation
from tests.support.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(1_800)]

STREAM = "iot_data"
PRODUCER = Slot(Role.PRODUCER, STREAM).name
SLOWED = "validator.after_begin:sleep=1:*"
MOST_AT_ONCE = 400
TOO_MUCH, LITTLE = 450, 20
LONG_SECONDS = 600.0


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    config = tmp_path / "iot.toml"
    made = Installation(
        tmp_path,
        {
            "IOT_CONFIG": str(config),
            "IOT_FAULTPOINT": SLOWED,
            "IOT_VALIDATOR__BATCH_MAX": str(MOST_AT_ONCE),
            "IOT_STREAMS__IOT_DATA__VALIDATORS_MOST": "3",
            "IOT_STREAMS__AIR_QUALITY": "none",
            "IOT_DAGSTER__WATCH_INTERVAL_SECONDS": "5",
            "IOT_DAGSTER__LOAD_INTERVAL_SECONDS": "30",
            "IOT_SCALING__OUT_AFTER_SECONDS": "10",
            "IOT_SCALING__SETTLE_SECONDS": "10",
            "IOT_SCALING__IN_AFTER_SECONDS": "20",
            "IOT_SCALING__CPU_SHARE": "none",
        },
        dagster=True,
    )
    send(config, TOO_MUCH)
    made.run("up", "--detach", timeout_seconds=400)
    yield made
    made.run("down")


def send(config: Path, rate: int) -> None:
    config.write_text(f"[fleet]\nrate = {rate}\n", encoding="utf-8")


def as_scaled(installation: Installation) -> Settings:
    """What is asked here is asked in the test's own process: a command each time would take a processor for itself."""
    streams = {STREAM: StreamSettings(validators_most=3)}
    return installation.settings.model_copy(update={"streams": streams})


def scaling(installation: Installation) -> dict[str, Any]:
    settings = as_scaled(installation)
    return scaling_document(settings, read_desired(settings), STREAM)


def running(installation: Installation) -> int:
    slots = [Slot(Role.VALIDATOR, STREAM, number) for number in range(3)]
    return sum(is_held(slot.lease_path(installation.settings)) for slot in slots)


def is_level(installation: Installation) -> bool:
    settings = as_scaled(installation)
    try:
        return group_lag(Clients(settings), STREAM, SystemClock())[0].messages < 10 * TOO_MUCH
    except KafkaUnavailableError:  # on a busy machine it does not answer in time
        return False


def ways(installation: Installation) -> list[int]:
    """What each change of scaling's own did to the number."""
    return [one["after"] - one["before"] for one in scaling(installation)["changes"] if one["who"] == "scaling"]


def test_the_number_follows_the_lag_out_and_in_and_every_reading_is_accounted_for(installation: Installation) -> None:
    eventually(lambda: scaling(installation)["wanted"] >= 2, LONG_SECONDS, "a second validator")
    assert "1 validator takes" in scaling(installation)["changes"][0]["why"]
    eventually(lambda: running(installation) >= 2, LONG_SECONDS, "both at work")
    assert Ui(installation.settings).running(f"validator-{STREAM}-1") is not None
    eventually(lambda: is_level(installation), LONG_SECONDS, "the lag worked off")

    send(Path(installation.more["IOT_CONFIG"]), LITTLE)
    installation.run("streams", "stop", PRODUCER)
    installation.run("streams", "start", PRODUCER)
    eventually(lambda: scaling(installation)["wanted"] == 1, LONG_SECONDS, "one validator again")
    eventually(lambda: running(installation) == 1, LONG_SECONDS, "the others ended")
    found = ways(installation)
    assert found[0] > 0
    assert found[-1] == -1
    assert installation.json("streams", "scale", STREAM)["text"].startswith("1 validator (1 to 3).")

    installation.run("drain", "--timeout", "300", timeout_seconds=500)
    report = installation.json("audit")
    assert (report["unaccounted"], report["in_flight"], report["findings"]) == (0, 0, [])
    assert report["loaded"] == {"valid": report["valid"], "dead": report["dead"]}
