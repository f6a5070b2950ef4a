"""Open late, write, close: DuckDB lets one process have the file, readers included."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from iot_platform.errors import DamagedError, WarehouseBusyError
from iot_platform.settings import Settings
from iot_platform.warehouse.migrations import migrate

log = logging.getLogger(__name__)

_FIRST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 0.5
_CHECKPOINT_WAL_BYTES = 4 * 1024 * 1024  # a longer log would be replayed at every open


@contextmanager
def open_warehouse(settings: Settings, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, migrated, for the length of the block.

    Raises WarehouseBusyError, naming the holder, when another process has had it for `busy_timeout_seconds`;
    DamagedError when DuckDB refuses the file.
    """
    path = settings.warehouse_path
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _connect(settings, path, read_only=False).close()
    connection = _connect(settings, path, read_only=read_only)
    try:
        yield connection
    finally:
        if not read_only:
            _checkpoint_when_due(connection, path)
        connection.close()


def _connect(settings: Settings, path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + settings.warehouse.busy_timeout_seconds
    wait = _FIRST_WAIT_SECONDS
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only, config=_options(settings))
        except duckdb.IOException as error:
            if "lock" not in str(error):
                raise _damaged(path, error) from error
            if time.monotonic() > deadline:
                raise _busy(settings, path, error) from error
        except duckdb.SerializationException as error:
            raise _damaged(path, error) from error
        else:
            break
        time.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        wait = min(_LONGEST_WAIT_SECONDS, wait * 2)
    connection.execute("SET TimeZone = 'UTC'")
    if not read_only:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        migrate(connection)
    return connection


def _options(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": f"{settings.warehouse.memory_limit_mb}MB",
        "checkpoint_threshold": "256MB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "true",
    }


def _checkpoint_when_due(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    wal = path.with_name(path.name + ".wal")
    if wal.exists() and wal.stat().st_size > _CHECKPOINT_WAL_BYTES:
        connection.execute("CHECKPOINT")


def _busy(settings: Settings, path: Path, error: duckdb.IOException) -> WarehouseBusyError:
    holder = re.search(r"PID (\d+)", str(error))
    who = f"process {holder.group(1)}" if holder else "another process"
    return WarehouseBusyError(
        f"The warehouse {path} has been held by {who} for over {settings.warehouse.busy_timeout_seconds:g} s.",
        next_step="Close what holds it; to read, use `iot-platform query`, which blocks nobody.",
    )


def _damaged(path: Path, error: duckdb.Error) -> DamagedError:
    return DamagedError(
        f"DuckDB refuses the warehouse {path}: {error}",
        next_step="Move the file aside and run `iot-platform load`: it reads again what Kafka still holds.",
    )
