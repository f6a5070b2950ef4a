"""Databases that others hold, or that cannot be opened."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def out_of_reach(database: Path) -> Iterator[None]:
    """A folder stands where the file was, so that nobody can open it; then the file is back as it was."""
    aside = database.with_name(f"{database.name}.aside")
    database.rename(aside)
    database.mkdir()
    try:
        yield
    finally:
        database.rmdir()
        aside.rename(database)


_HOLDER = """
import sys, time
import duckdb
while True:
    try:
        held = duckdb.connect(sys.argv[1])
    except duckdb.IOException:
        time.sleep(0.02)
    else:
        break
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another(warehouse: Path) -> Iterator[int]:
    """Another process has the DuckDB file open; its process id. It waits for its turn as everybody does."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        yield holder.pid
        holder.stdin.close()
