"""Numbered migrations, each applied once in a transaction and never edited after."""

from __future__ import annotations

import hashlib

import duckdb

from iot_platform.errors import IntegrityError
from iot_platform.warehouse.scripts import migrations

_TABLE = (
    "CREATE TABLE IF NOT EXISTS migrations "
    "(name VARCHAR PRIMARY KEY, sha256 VARCHAR NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
)


def migrate(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Apply what is missing; the names applied. Raises IntegrityError when an applied migration was edited since."""
    connection.execute(_TABLE)
    applied = dict(connection.execute("SELECT name, sha256 FROM migrations").fetchall())
    done = []
    for path in migrations():
        script = path.read_text(encoding="utf-8")
        digest = hashlib.sha256(script.encode()).hexdigest()
        if path.name in applied:
            if applied[path.name] != digest:
                raise IntegrityError(
                    f"Migration {path.name} was edited after it had been applied here.",
                    next_step="Put the file back as it was and write the change as a new migration.",
                )
            continue
        connection.begin()
        try:
            connection.execute(script)
            connection.execute("INSERT INTO migrations (name, sha256) VALUES (?, ?)", [path.name, digest])
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
        done.append(path.name)
    return done
