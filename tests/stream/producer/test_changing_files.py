"""A file that changes under its reader is told; nothing is lost or doubled by the next start."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.errors import UnavailableError
from iot_platform.lifecycle import Bounds, Limit, Stop
from iot_platform.settings import ProducerSettings, Settings, StreamSettings
from iot_platform.stream.producer import ProducerResult, run_producer
from iot_platform.stream.sources.base import Batch
from iot_platform.stream.sources.files import FileSource
from iot_platform.stream.sources.mapping import load_mapping
from iot_platform.stream.spool import read_accounts
from iot_platform.stream.validator import Validator
from tests.support.processes import running
from tests.support.topics import read_all

pytestmark = pytest.mark.kafka

ROWS = 2_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MAPPING = """
format = "csv"
[time]
columns = ["when"]
{rebase}
[[measurement]]
column = "T"
sensor_id = "roof"
sensor_type = "temperature"
unit = "Cel"
"""

Change = Callable[[Path], None]


def rows(first: int, last: int) -> str:
    return "".join(f"{(BEGIN + timedelta(seconds=n)).isoformat()},{n % 50}.25\n" for n in range(first, last))


class ChangingFile(FileSource):
    """Changes its file when the third batch has been taken."""

    change: Change | None = None
    _taken = 0

    def accepted(self, batch: Batch) -> None:
        self._taken += 1
        if self._taken == 3 and self.change:
            self.change(self._path)


@pytest.fixture
def settings(settings: Settings, stream_name: str) -> Settings:
    """History is welcome, and so is what a rebased file says of the next half hour."""
    return settings.model_copy(
        update={"streams": {stream_name: StreamSettings(max_age_seconds=None, max_ahead_seconds=None)}}
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("when,T\n" + rows(0, ROWS))
    return path


def produce(
    settings: Settings, stream: str, path: Path, change: Change | None = None, rebase: str = ""
) -> ProducerResult:
    mapping = path.with_name("mapping.toml")
    mapping.write_text(MAPPING.replace("{rebase}", rebase))
    source = ChangingFile(path, load_mapping(mapping), stream, SystemClock())
    source.change = change
    small = settings.model_copy(update={"producer": ProducerSettings(batch_readings=100)})
    return run_producer(small, source, stream, stop=Stop())


def append(text: str) -> Change:
    def change(path: Path) -> None:
        with path.open("a") as file:
            file.write(text)

    return change


def replace_by(text: str) -> Change:
    def change(path: Path) -> None:
        other = path.with_suffix(".new")
        other.write_text(text)
        other.replace(path)

    return change


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


CHANGES = {
    "rows appended": (append(rows(ROWS, ROWS + 10)), "changed"),
    "half a row appended": (append(rows(ROWS, ROWS + 1)[:-3]), "changed"),
    "cut short": (shorten, "changed"),
    "another file in its place": (replace_by("when,T\n" + rows(0, 5)), "changed"),
    "removed": (Path.unlink, "removed"),
}


@pytest.mark.parametrize(("change", "word"), CHANGES.values(), ids=list(CHANGES))
@pytest.mark.parametrize("rebase", ["", 'rebase = "now"'], ids=["as it is", "rebased"])
def test_a_change_while_it_is_read_is_told_and_the_next_start_neither_loses_nor_doubles(
    settings: Settings, topology: Topology, data: Path, change: Change, word: str, rebase: str
) -> None:
    with pytest.raises(UnavailableError, match=f"data.csv was {word} while it was read") as caught:
        produce(settings, topology.stream, data, change, rebase)
    assert "begins anew" in caught.value.next_step
    (account,) = read_accounts(settings.spool_dir, topology.stream)
    assert (account.born, account.acknowledged, account.spooled) == (300, 300, 0)

    data.write_text("when,T\n" + rows(0, ROWS + 10))  # whole again, and longer
    result = produce(settings, topology.stream, data, rebase=rebase)
    assert (result.born, result.acknowledged, result.spooled) == (ROWS + 10, ROWS + 10, 0)
    validator = Validator(settings, topology.stream, 0, SystemClock())
    validator.run(Stop(), Limit(Bounds(until_caught_up=True, seconds=60), SystemClock()), lambda: None)
    totals = validator.totals
    assert (totals.valid, totals.duplicates, totals.dead) == (ROWS + 10, 300, 0)
    times = Counter(json.loads(kept.value or b"")["generated_at"] for kept in read_all(settings, topology.validated))
    assert len(times) == ROWS + 10


def test_a_file_that_cannot_be_read_on_is_told(settings: Settings, topology: Topology, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"\xff\xfe" + ("when,T\n" + rows(0, ROWS)).encode("utf-16-le") + b"\x00")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING.replace("{rebase}", "") + '[csv]\nencoding = "utf-16"\n')
    source = FileSource(path, load_mapping(mapping), topology.stream, SystemClock())
    with pytest.raises(UnavailableError, match=r"data\.csv cannot be read beyond row \d+: .*truncated data"):
        run_producer(settings, source, topology.stream, stop=Stop())


def test_followed_to_the_end_produce_shows_that_all_is_loaded(
    settings: Settings, topology: Topology, data: Path, tmp_path: Path
) -> None:
    """`--follow` waits for validator and loader; the last row has no line end, and counts."""
    data.write_text("when,T\n" + rows(0, ROWS).rstrip("\n"))
    mapping, log = tmp_path / "mapping.toml", tmp_path / "log"
    mapping.write_text(MAPPING.replace("{rebase}", ""))
    source = ("--source", "file", "--file", str(data), "--mapping", str(mapping))
    limits = {f"IOT_STREAMS__{topology.stream.upper()}__MAX_{which}_SECONDS": "none" for which in ("AGE", "AHEAD")}
    with (
        running(settings, "produce", *source, "--stream", topology.stream, "--follow", "--json", log=log) as following,
        running(settings, "validate", "--stream", topology.stream, log=tmp_path / "validator.log", **limits),
        running(settings, "load", log=tmp_path / "loader.log", IOT_WAREHOUSE__LOAD_INTERVAL_SECONDS="0.2"),
    ):
        assert following.wait(60) == 0, log.read_text()
    told = log.read_text()
    audit = json.loads(told[told.index("{\n") : told.rindex("}") + 1])
    assert (audit["raw"], audit["valid"], audit["loaded"]["valid"], audit["unaccounted"]) == (ROWS, ROWS, ROWS, 0)
