"""The warehouse's file: waited for, named when busy, migrated once, never by an edited migration."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import pytest

from iot_platform.errors import DamagedError, IntegrityError, WarehouseBusyError
from iot_platform.settings import Settings, WarehouseSettings, load_settings
from iot_platform.warehouse import scripts
from iot_platform.warehouse.connection import open_warehouse
from tests.support.held_file import held


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        instance="test", state_dir=tmp_path / "state", warehouse=WarehouseSettings(busy_timeout_seconds=0.3)
    )


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("stopped", [True, False])
def test_a_held_file_is_named_with_its_holder(settings: Settings, read_only: bool, stopped: bool) -> None:
    with open_warehouse(settings):
        pass
    with held(settings.warehouse_path) as holder:
        if stopped:
            os.kill(holder.pid, signal.SIGSTOP)
        with (
            pytest.raises(WarehouseBusyError, match=f"held by process {holder.pid} "),
            open_warehouse(settings, read_only=read_only),
        ):
            pass
    with open_warehouse(settings, read_only=read_only) as connection:
        assert connection.execute("SELECT count(*) FROM readings").fetchall() == [(0,)]


def test_times_come_back_in_utc(settings: Settings) -> None:
    with open_warehouse(settings) as connection:
        ((at,),) = connection.execute("SELECT TIMESTAMPTZ '2026-07-01 12:00:00+02'").fetchall()
    assert (at.hour, at.utcoffset(), at.astimezone(UTC)) == (10, UTC.utcoffset(None), at)


def test_what_was_written_is_there_after_a_kill_before_any_checkpoint(settings: Settings) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from iot_platform.settings import load_settings\n"
        "from iot_platform.warehouse.connection import open_warehouse\n"
        "with open_warehouse(load_settings(state_dir=Path(sys.argv[1]))) as connection:\n"
        "    connection.execute(\"INSERT INTO sensors VALUES ('s', 'kept', NULL, now())\")\n"
        "    connection.begin(); connection.execute(\"INSERT INTO sensors VALUES ('s', 'undone', NULL, now())\")\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(settings.state_dir)], check=False)
    assert done.returncode == -signal.SIGKILL
    with open_warehouse(settings, read_only=True) as connection:
        assert connection.execute("SELECT sensor_id FROM sensors").fetchall() == [("kept",)]


@pytest.fixture
def own_sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of sql/ that a test may change."""
    copy = tmp_path / "sql"
    shutil.copytree(scripts.SQL_DIRECTORY, copy)
    monkeypatch.setattr(scripts, "SQL_DIRECTORY", copy)
    return copy / "migrations"


def test_a_new_migration_is_applied_once(settings: Settings, own_sql: Path) -> None:
    with open_warehouse(settings):
        pass
    (own_sql / "9999_more.sql").write_text("CREATE TABLE more (a INTEGER); INSERT INTO more VALUES (1);")
    for _ in range(2):
        with open_warehouse(settings) as connection:
            assert connection.execute("SELECT a FROM more").fetchall() == [(1,)]


def test_a_migration_that_fails_leaves_nothing_behind(settings: Settings, own_sql: Path) -> None:
    broken = own_sql / "9999_broken.sql"
    broken.write_text("CREATE TABLE half (a INTEGER); SELECT nothing;")
    with pytest.raises(Exception, match="nothing"), open_warehouse(settings):
        pass
    broken.unlink()
    with open_warehouse(settings) as connection:
        tables = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
    assert "half" not in tables
    assert "readings" in tables


def test_an_edited_migration_is_refused(settings: Settings, own_sql: Path) -> None:
    with open_warehouse(settings):
        pass
    first = sorted(own_sql.iterdir())[0]
    first.write_text(first.read_text() + "\n-- a word more\n")
    with pytest.raises(IntegrityError, match=f"{first.name} was edited"), open_warehouse(settings):
        pass


def test_a_damaged_file_is_refused_in_our_words(settings: Settings) -> None:
    settings.warehouse_path.parent.mkdir(parents=True)
    settings.warehouse_path.write_bytes(b"\x00" * 20_000)
    with pytest.raises(DamagedError, match="refuses the warehouse"), open_warehouse(settings):
        pass
