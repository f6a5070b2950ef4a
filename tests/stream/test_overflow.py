"""V8 on a real broker: a stream in which nearly everything fails pauses, and goes on when it is told to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.errors import DamagedError, PausedError
from iot_platform.lifecycle import Bounds, Limit, Stop
from iot_platform.settings import Settings, ValidatorSettings
from iot_platform.stream.pauses import Pause, pause, read_standing, resume
from iot_platform.stream.validator import Validator
from iot_platform.supervision.status import read_status
from tests.support.readings import encoded
from tests.support.topics import assert_ledger_is_whole, read_all, read_ledger, send
from tests.support.validating import validating
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

PATIENCE_SECONDS = 60.0
RECORDS = 200
BATCH = 50


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A guard that needs few records, and no time between them."""
    validator = ValidatorSettings(batch_max=BATCH, overflow_records=RECORDS, overflow_seconds=0)
    return settings.model_copy(update={"validator": validator})


def bad(count: int, of: str = "bad") -> list[dict[str, Any]]:
    return [{"key": f"sensor-{number % 20}".encode(), "value": f"{of} {number}".encode()} for number in range(count)]


def good(count: int) -> list[dict[str, Any]]:
    return [
        {"key": f"sensor-{number % 20}".encode(), "value": encoded(sensor_id=f"sensor-{number % 20}")}
        for number in range(count)
    ]


def is_paused(validator: Validator) -> bool:
    return validator.facts().get("phase") == "paused"


def until(condition: Any, what: str) -> None:
    eventually(condition, PATIENCE_SECONDS, what)


def assert_each_once(settings: Settings, topology: Topology, sent: list[dict[str, Any]]) -> None:
    ended = [*read_all(settings, topology.validated), *read_all(settings, topology.dead_letters)]
    assert Counter(kept.value for kept in ended) == Counter(item["value"] for item in sent)
    assert_ledger_is_whole(read_ledger(settings, topology.stream), read_all(settings, topology.raw))


def test_v8_a_stream_in_which_all_is_bad_pauses_says_so_and_goes_on_when_resumed_each_record_once(
    settings: Settings, topology: Topology
) -> None:
    sent = bad(600)
    send(settings, topology.raw, sent)
    with validating(settings, topology.stream) as validator:
        until(lambda: is_paused(validator), "the pause")
        let_through = len(read_all(settings, topology.dead_letters))
        assert RECORDS - BATCH <= let_through < RECORDS
        assert_it_is_shown(settings, topology.stream, waiting=600 - let_through)
        send(settings, topology.raw, bad(20, "later"))
        assert validator.facts()["partitions"] == [0, 1, 2]
    with validating(settings, topology.stream) as restarted, validating(settings, topology.stream, slot=1) as other:
        until(lambda: is_paused(restarted) and is_paused(other), "a start that respects the pause")
        until(lambda: bool(restarted.facts()["partitions"] and other.facts()["partitions"]), "shares for both")
        assert len(read_all(settings, topology.dead_letters)) == let_through
        assert restarted.totals.transactions == other.totals.transactions == 0
        assert resume(settings, topology.stream, SystemClock().now()) is not None
        until(lambda: len(read_all(settings, topology.dead_letters)) == 620, "what waited to be let through")
        assert not is_paused(restarted)
        assert not is_paused(other)
    assert_each_once(settings, topology, [*sent, *bad(20, "later")])


def assert_it_is_shown(settings: Settings, stream: str, waiting: int) -> None:
    status = read_status(settings, SystemClock())
    shown = status["streams"][stream]["paused"]
    assert (shown["share"], shown["records"]) == (1.0, RECORDS)
    assert shown["reasons"] == {"not_json": RECORDS}
    week = 7 * 86_400
    assert week - 600 < shown["retention_left_seconds"] <= week
    assert [alert["text"] for alert in status["alerts"] if alert["what"] == "stream_paused"] == [shown["text"]]
    assert "100.0% of the newest 200 records" in shown["text"]
    assert "not_json (200)" in shown["text"]
    assert f"`iot-platform streams resume {stream}`" in shown["text"]
    assert status["lag"]["groups"][f"validator-{stream}"]["messages"] == waiting


def test_v8_after_a_resume_the_guard_is_armed_again_by_good_records_and_pauses_once_more(
    settings: Settings, topology: Topology
) -> None:
    with validating(settings, topology.stream) as validator:
        send(settings, topology.raw, bad(300))
        until(lambda: is_paused(validator), "the first pause")
        resume(settings, topology.stream, SystemClock().now())
        until(lambda: validator.totals.records == 300, "what waited to be let through")
        send(settings, topology.raw, good(RECORDS))
        until(lambda: read_standing(settings, topology.stream).armed == (0,), "the guard to be armed")
        send(settings, topology.raw, bad(600, "again"))
        until(lambda: is_paused(validator), "the second pause")
    assert validator.totals.records < 300 + RECORDS + 600


def test_v8_a_stream_with_one_bad_record_in_a_hundred_never_pauses(settings: Settings, topology: Topology) -> None:
    sent = [item for part in range(10) for item in (*good(99), *bad(1, f"bad {part}"))]
    send(settings, topology.raw, sent)
    with validating(settings, topology.stream) as validator:
        until(lambda: validator.totals.records == 1_000, "all validated")
        assert not is_paused(validator)
    assert read_standing(settings, topology.stream).pause is None
    assert_each_once(settings, topology, sent)


def test_v8_the_guard_can_be_switched_off(settings: Settings, topology: Topology) -> None:
    off = settings.validator.model_copy(update={"overflow_share": None})
    sent = bad(400)
    send(settings, topology.raw, sent)
    validator = Validator(settings.model_copy(update={"validator": off}), topology.stream, 0, SystemClock())
    validator.run(Stop(), Limit(Bounds(until_caught_up=True, seconds=60), SystemClock()), lambda: None)
    assert_each_once(settings, topology, sent)


def test_v8_a_run_that_ends_when_all_is_validated_does_not_wait_for_a_paused_stream(
    settings: Settings, topology: Topology
) -> None:
    send(settings, topology.raw, good(10))
    pause(settings, topology.stream, Pause("2026-01-02T03:04:05+00:00", "by hand"))
    validator = Validator(settings, topology.stream, 0, SystemClock())
    with pytest.raises(PausedError, match="paused since 2026-01-02T03:04:05Z: by hand"):
        validator.run(Stop(), Limit(Bounds(until_caught_up=True), SystemClock()), lambda: None)
    assert validator.totals.records == 0


def test_a_pause_that_cannot_be_read_is_told_and_a_resume_writes_it_anew(tmp_path: Path, settings: Settings) -> None:
    (settings.state_dir / "paused").mkdir(parents=True)
    (settings.state_dir / "paused" / "s.json").write_text("{")
    with pytest.raises(DamagedError, match="streams resume s"):
        read_standing(settings, "s")
    resume(settings, "s", SystemClock().now())
    assert read_standing(settings, "s").pause is None


def test_the_first_pause_holds(settings: Settings) -> None:
    first, second = (Pause(f"2026-01-0{day}T00:00:00+00:00", "why") for day in (1, 2))
    assert pause(settings, "s", first) == first
    assert pause(settings, "s", second) == first
    assert resume(settings, "s", SystemClock().now()) == first
    assert resume(settings, "s", SystemClock().now()) is None
