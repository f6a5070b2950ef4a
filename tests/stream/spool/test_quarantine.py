"""A damaged batch that was set aside can be seen and got out: why, its bytes, and what of it is still whole."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from iot_platform.errors import UsageError
from iot_platform.stream.framing import pack
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import Spool, find_quarantined, list_quarantined
from tests.support.processes import command

VALUES = [json.dumps({"sensor_id": "k", "n": number}).encode() for number in range(4)]
READINGS = [Reading(b"k", value, 1_000) for value in VALUES]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory whose spool has a batch with a bit flipped in its third reading, and one cut short."""
    path = tmp_path / "spool" / "iot_data-fleet.sqlite"
    block = pack(READINGS)
    flipped = block.replace(VALUES[2], VALUES[2].replace(b"{", b"\x7f"))
    with closing(Spool(path, 10_000_000)) as spool:
        for _ in range(3):
            spool.append(READINGS, {})
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE batches SET frames = ? WHERE id = 1", (flipped,))
            connection.execute("UPDATE batches SET frames = ? WHERE id = 2", (block[:-5],))
            connection.commit()
        batch = spool.after(0)
        assert batch is not None
        assert batch.id == 3
    return tmp_path


def platform(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IOT_")},
        "IOT_STATE_DIR": str(state),
    }
    return subprocess.run(command("spool", *arguments), env=environment, capture_output=True, text=True, check=False)


def test_what_can_be_cut_out_is_what_stands_before_the_damage(state: Path) -> None:
    flipped, cut = list_quarantined(state / "spool")
    assert (flipped.place, flipped.readings, len(flipped.readable())) == ("iot_data-fleet/1", 4, 4)
    assert (cut.place, cut.readings, cut.readable()) == ("iot_data-fleet/2", 4, READINGS[:3])
    assert flipped.crc32 == cut.crc32 != flipped.crc32_now
    assert "checksum" in cut.why


def test_a_batch_that_is_not_there_is_told_with_those_that_are(state: Path) -> None:
    with pytest.raises(UsageError, match="iot_data-fleet/1, iot_data-fleet/2"):
        find_quarantined(state / "spool", "iot_data-fleet/3")


def test_a_person_sees_what_is_damaged_and_gets_its_bytes_and_sound_readings_out(state: Path, tmp_path: Path) -> None:
    listed = json.loads(platform(state, "list", "--json").stdout)
    assert [(one["source"], one["waiting"], one["quarantined"]) for one in listed["spools"]] == [("fleet", 4, 8)]
    assert [one["batch"] for one in listed["quarantined"]] == ["iot_data-fleet/1", "iot_data-fleet/2"]
    assert "3 can be cut out" in platform(state, "show", "iot_data-fleet/2").stdout
    done = platform(state, "export", "iot_data-fleet/1", "--to", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "3 of 4 readings" in done.stderr
    assert (tmp_path / "out" / "iot_data-fleet-1.ndjson").read_bytes().splitlines() == [*VALUES[:2], VALUES[3]]
    assert len((tmp_path / "out" / "iot_data-fleet-1.bin").read_bytes()) == len(pack(READINGS))
