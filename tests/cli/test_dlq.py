"""`dlq list`, `show` and `park` as a person types them, on dead letters in a warehouse of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from iot_platform.cli import common
from iot_platform.cli.main import app
from iot_platform.clock import ManualClock
from iot_platform.contract.reasons import Code
from iot_platform.errors import UsageError
from iot_platform.pipeline.publish import Publisher
from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse
from tests.orchestration.here import installed
from tests.quality.fleet_loads import Record
from tests.quality.rows import NOON, dead, load

_WHOLE = (
    b'{"message_id":"5f0c0a52-7f3e-4ad1-8a5f-6f3f0a1f9f11","sensor_id":"hall-1","sensor_type":"temperature",'
    b'"generated_at":"2026-07-01T12:00:00Z","value":70.7,"unit":"degF","schema_version":1}'
)


def letters() -> list[Record]:
    """Three of a wrong unit, of two sensors an hour apart, and one that is no JSON."""
    return [
        dead(NOON, "cellar-1", (Code.UNIT, "unit"), value=b'{"unit":"degF"}'),
        dead(NOON + timedelta(hours=1), "cellar-2", (Code.UNIT, "unit"), value=b'{"unit":"degF"}'),
        dead(NOON + timedelta(hours=2), "cellar-2", (Code.UNIT, "unit"), value=b'{"unit":"degF"}'),
        dead(NOON, "roof-1", (Code.NOT_JSON, ""), value=b"{oops"),
    ]


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    settings = installed(monkeypatch, tmp_path)
    with open_warehouse(settings) as connection:
        load(connection, dead_letters=letters())
    publish(settings)
    return settings


def publish(settings: Settings) -> None:
    """Renew the readers' copy; the marts are of no account here."""
    Publisher(settings, ManualClock(NOON)).publish(always=True)


def dlq(*words: str) -> dict[str, Any]:
    """What `dlq WORDS --json` prints."""
    done = CliRunner().invoke(app, ["dlq", *words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def sources(*filters: str) -> list[str]:
    return [letter["source"] for letter in dlq("list", *filters)["dead_letters"]]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ([], 4),
        (["--reason", "unit"], 3),
        (["--field", "unit"], 3),
        (["--sensor", "cellar-2"], 2),
        (["--sensor", "cellar-*"], 3),
        (["--sensor", "cellar-?", "--reason", "not_json"], 0),
        (["--since", "2026-07-01T13:00:00"], 2),
        (["--until", "2026-07-01T13:00:00"], 2),
        (["--since", "2026-07-01T13:00:00", "--until", "2026-07-01T14:00:00"], 1),
        (["--status", "untouched"], 4),
        (["--status", "parked", "--status", "dead again"], 0),
        (["--limit", "2"], 2),
        (["--stream", "air_quality"], 0),
    ],
)
def test_list_shows_what_the_options_leave(filled: Settings, filters: Sequence[str], count: int) -> None:
    assert len(sources(*filters)) == count


def test_list_counts_by_reason_before_it_limits_and_shows_the_newest_first(filled: Settings) -> None:
    answer = dlq("list", "--limit", "1")
    assert [(row["code"], row["dead_letters"], row["sensors"]) for row in answer["counts"]] == [
        ("unit", 3, 2), ("not_json", 1, 1)
    ]  # fmt: skip
    assert [letter["accepted_at"][:16] for letter in answer["dead_letters"]] == ["2026-07-01T14:00"]


def test_show_gives_the_bytes_as_they_came_and_where_they_are_wrong(filled: Settings) -> None:
    (source,) = sources("--reason", "not_json")
    (letter,) = dlq("show", source)["dead_letters"]
    assert (letter["value"], letter["value_base64"]) == ("{oops", "e29vcHM=")
    assert [mark["code"] for mark in letter["marks"]] == ["not_json"]


@pytest.mark.parametrize("command", ["redrive", "park"])
def test_what_names_nothing_is_not_taken_for_everything(filled: Settings, command: str) -> None:
    with pytest.raises(UsageError, match="Nothing says which dead letters"):
        dlq(command)


def test_park_takes_what_is_named_once_and_release_gives_it_back(filled: Settings) -> None:
    assert dlq("park", "--sensor", "cellar-2", "--why", "the sensor is being moved") == {"parked": 2}
    assert dlq("park", "--reason", "unit") == {"parked": 1}, "what is parked already is not parked again"
    publish(filled)
    parked = dlq("list", "--status", "parked")["dead_letters"]
    assert sorted(letter["note"] or "" for letter in parked) == ["", *["the sensor is being moved"] * 2]
    assert dlq("park", "--release", parked[0]["source"]) == {"released": 1}
    publish(filled)
    assert len(sources("--status", "parked")) == 2


def test_what_a_sender_wrote_is_shown_and_never_obeyed(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common.out, "width", 200)  # else a table may break what was written over two lines
    hostile = dead(NOON, "hall-1", (Code.UNIT, "[/b][red]"), value=b'{"unit":"[/b]\x1b[2J"}')
    with open_warehouse(filled) as connection:
        load(connection, dead_letters=[hostile])
    publish(filled)
    (source,) = sources("--sensor", "hall-1")
    for words in (["dlq", "list"], ["dlq", "show", source], ["query", "SELECT reasons FROM dead_letters"]):
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0
        assert "[/b][red]" in done.output
        assert "\x1b" not in done.output


def test_brackets_in_a_filter_stand_for_themselves(filled: Settings) -> None:
    with open_warehouse(filled) as connection:
        load(connection, dead_letters=[dead(NOON, "a", (Code.UNIT, "unit"), value=b'{"location":"Hall [2]"}')])
    publish(filled)
    assert len(sources("--location", "Hall [2]")) == 1
    assert len(sources("--location", "Hall [*]")) == 1
    assert sources("--location", "Hall [12]") == []


@pytest.fixture
def of_today(filled: Settings) -> Settings:
    """Three more, the newest first, of which two are young enough to be sent."""
    now = datetime.now(UTC)
    with open_warehouse(filled) as connection:
        for moment in (now - timedelta(minutes=1), now - timedelta(minutes=2), now - timedelta(days=60)):
            load(connection, dead_letters=[dead(moment, "hall-1", (Code.UNIT, "unit"), value=_WHOLE)])
    publish(filled)
    return filled


def test_a_trial_takes_what_the_run_would(of_today: Settings) -> None:
    def tried(*options: str) -> tuple[int, int]:
        trial = dlq("fix", "fahrenheit", *options)
        return trial["matched"], trial["too_old"]

    assert tried() == (2, 1)
    assert tried("--limit", "2") == (1, 1), "the oldest first"
    (newest, *_) = sources("--sensor", "hall-1")
    assert tried(newest) == (1, 0)
    assert dlq("park", newest) == {"parked": 1}
    publish(of_today)
    assert tried() == (1, 1)
    assert tried("--parked") == (2, 1)
    assert tried(newest) == (0, 0)
