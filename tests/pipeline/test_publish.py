"""The reader's copy follows the warehouse: through crashes, restores and days, and no file that a reader needs goes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from iot_platform import faultpoints
from iot_platform.clock import ManualClock
from iot_platform.faultpoints import InjectedFaultError
from iot_platform.pipeline.publish import CATALOGUE, Publisher
from iot_platform.pipeline.query import run_query
from iot_platform.settings import Settings, load_settings
from iot_platform.warehouse.copies import named_in_catalogue
from tests.support.loads import load_rows

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def load(settings: Settings, clock: ManualClock, count: int, first_offset: int = 0) -> None:
    clock.advance(1)
    load_rows(settings, count, at=clock.now(), first_offset=first_offset)


def copied(settings: Settings) -> int:
    ((rows,),) = run_query(settings, "SELECT count(*) FROM readings", 1).rows
    return int(rows)


def segments(settings: Settings) -> dict[str, int]:
    """Parquet files of the copy by path, with their inodes."""
    files = settings.published_dir.glob("*/*/*.parquet")
    return {path.relative_to(settings.published_dir).as_posix(): path.stat().st_ino for path in files}


def files_below_tables(settings: Settings) -> set[Path]:
    return {path for path in settings.published_dir.glob("*/*/*") if path.is_file()}


def test_a_first_big_segment_is_never_rewritten(settings: Settings, clock: ManualClock) -> None:
    publisher = Publisher(settings, clock)
    load(settings, clock, 5_000)
    publisher.publish()
    (first,) = segments(settings).items()
    for number in range(40):
        load(settings, clock, 3, 5_000 + 3 * number)
        publisher.publish()
    assert copied(settings) == 5_120
    clock.advance(3_600)
    publisher.publish()
    assert first in segments(settings).items()
    assert len(segments(settings)) < 20


def test_a_day_that_is_over_becomes_one_file_and_goes_as_a_whole(settings: Settings, clock: ManualClock) -> None:
    publisher = Publisher(settings, clock)
    for number in range(3):
        load(settings, clock, 2, 2 * number)
        publisher.publish()
    load(settings, clock, 2, 6)  # on the first day, but published on the next
    clock.advance(86_400)
    load(settings, clock, 2, 8)
    publisher.publish()
    clock.advance(3_600)
    publisher.publish()
    assert [path.split("/")[1] for path in sorted(segments(settings))] == ["2026-01-01", "2026-01-02"]
    publisher.remove_before(NOON.date() + timedelta(days=1))
    assert copied(settings) == 2
    clock.advance(3_600)
    publisher.publish()
    assert not (settings.published_dir / "readings" / "2026-01-01").exists()


@pytest.mark.parametrize("point", ["publish.after_segments", "publish.after_catalogue"])
@pytest.mark.parametrize("published_before", [True, False])
def test_a_crash_leaves_the_copy_whole_and_no_orphan_for_long(
    settings: Settings, clock: ManualClock, point: str, published_before: bool
) -> None:
    if published_before:
        load(settings, clock, 10)
        Publisher(settings, clock).publish()
    load(settings, clock, 5, 10)
    kill_while_publishing(settings, point)
    if point == "publish.after_catalogue" or published_before:
        assert copied(settings) == (0 if point == "publish.after_segments" else 5) + (10 if published_before else 0)
    in_use = named_in_catalogue(settings.published_dir / CATALOGUE, segments(settings))
    load(settings, clock, 1, 15)
    Publisher(settings, clock).publish()
    rows = 16 if published_before else 6
    assert copied(settings) == rows
    assert in_use <= segments(settings).keys(), "who has the older catalogue open still needs them"
    clock.advance(3_600)
    Publisher(settings, clock).publish()
    assert copied(settings) == rows
    assert set(segments(settings)) == known_segments(settings)


def kill_while_publishing(settings: Settings, point: str) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from iot_platform import faultpoints; from iot_platform.clock import SystemClock\n"
        "from iot_platform.pipeline.publish import Publisher; from iot_platform.settings import load_settings\n"
        "faultpoints.arm(sys.argv[2] + ':kill')\n"
        "Publisher(load_settings(state_dir=Path(sys.argv[1])), SystemClock()).publish()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(settings.state_dir), point], check=False)
    assert done.returncode == -9


def known_segments(settings: Settings) -> set[str]:
    document = json.loads((settings.published_dir / "manifest.json").read_text())
    return {f"{item['table']}/{item['day']}/{item['name']}.parquet" for item in document["segments"]}


def test_an_error_on_the_way_is_swept_up_by_the_same_publisher(settings: Settings, clock: ManualClock) -> None:
    publisher = Publisher(settings, clock)
    load(settings, clock, 10)
    faultpoints.arm("publish.after_segments:raise")
    with pytest.raises(InjectedFaultError):
        publisher.publish()
    (settings.published_dir / "readings" / "2026-01-01" / "half.tmp").write_bytes(b"half a file")
    publisher.publish()
    assert copied(settings) == 10
    assert len(files_below_tables(settings)) == 1


def test_leftovers_of_a_catalogue_do_not_enter_the_next(settings: Settings, clock: ManualClock) -> None:
    load(settings, clock, 10)
    settings.published_dir.mkdir()
    for name in (".warehouse.duckdb.tmp", ".warehouse.duckdb.tmp.wal"):
        (settings.published_dir / name).write_bytes(b"\x00" * 4096)
    Publisher(settings, clock).publish()
    assert copied(settings) == 10
    assert not list(settings.published_dir.glob(".*.tmp*"))


@pytest.mark.parametrize("loaded_since", [0, 1, 5])
def test_a_warehouse_restored_from_an_older_copy_is_published_anew(
    settings: Settings, clock: ManualClock, tmp_path: Path, loaded_since: int
) -> None:
    publisher = Publisher(settings, clock)
    load(settings, clock, 10)
    backup = shutil.copytree(settings.warehouse_path.parent, tmp_path / "backup")
    for number in range(3):
        load(settings, clock, 100, 10 + 100 * number)
    publisher.publish()
    assert copied(settings) == 310
    before = segments(settings)
    shutil.rmtree(settings.warehouse_path.parent)
    shutil.copytree(backup, settings.warehouse_path.parent)
    for number in range(loaded_since):  # the numbers of these loads come again
        load(settings, clock, 7, 10 + 7 * number)
    with duckdb.connect(str(settings.published_dir / CATALOGUE), read_only=True) as reader:
        publisher.publish()
        assert reader.execute("SELECT count(*) FROM readings").fetchall() == [(310,)]
    assert copied(settings) == 10 + 7 * loaded_since
    assert before.items() <= segments(settings).items()
    clock.advance(3_600)
    publisher.publish()
    assert not before.items() & segments(settings).items()


def test_a_warehouse_begun_anew_leaves_no_stale_copy(settings: Settings, clock: ManualClock) -> None:
    publisher = Publisher(settings, clock)
    load(settings, clock, 10)
    publisher.publish()
    shutil.rmtree(settings.warehouse_path.parent)
    publisher.publish()
    assert copied(settings) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"segments": [], "last_load": 3, "removals": {}}'])
def test_a_manifest_that_cannot_be_read_is_made_anew(settings: Settings, clock: ManualClock, text: str) -> None:
    load(settings, clock, 10)
    Publisher(settings, clock).publish()
    (settings.published_dir / "manifest.json").write_text(text)
    load(settings, clock, 5, 10)
    with duckdb.connect(str(settings.published_dir / CATALOGUE), read_only=True) as reader:
        Publisher(settings, clock).publish()
        assert reader.execute("SELECT count(*) FROM readings").fetchall() == [(10,)]
    assert copied(settings) == 15
    clock.advance(3_600)
    Publisher(settings, clock).publish()
    assert set(segments(settings)) == known_segments(settings)


def test_a_file_that_the_catalogue_names_is_not_removed_however_late_it_is(
    settings: Settings, clock: ManualClock
) -> None:
    load(settings, clock, 10)
    Publisher(settings, clock).publish()
    manifest = settings.published_dir / "manifest.json"
    document = json.loads(manifest.read_text())
    (path,) = segments(settings)
    document["removals"] = {path: NOON.isoformat()}
    manifest.write_text(json.dumps(document))
    Publisher(settings, clock).publish()
    assert copied(settings) == 10
