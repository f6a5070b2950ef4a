"""Questions to the reader's copy of the warehouse; they block nobody, and nobody blocks them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from iot_platform.errors import UnavailableError
from iot_platform.pipeline.publish import CATALOGUE
from iot_platform.settings import Settings
from iot_platform.warehouse.answers import Answer, ask, opened
from iot_platform.warehouse.marts import Connection
from iot_platform.warehouse.scripts import examples

__all__ = ["Answer", "example_queries", "open_copy", "run_query"]


def example_queries() -> dict[str, str]:
    """Name -> SQL; the first line of each is a comment that says what it answers."""
    return examples()


def run_query(settings: Settings, sql: str, limit: int, named: Mapping[str, Any] | None = None) -> Answer:
    """At most `limit` rows; the copy is as old as `warehouse.publish_interval_seconds` at most while the loader runs.

    Raises UnavailableError before the first publication, UsageError for SQL that does not hold.
    """
    return ask(_copy(settings), sql, limit, named)


def open_copy(settings: Settings) -> AbstractContextManager[Connection]:
    """The copy as it is now, for several questions of our own that must fit together; read-only.

    Raises UnavailableError before the first publication, and for a copy that an earlier version wrote.
    """
    return opened(_copy(settings), our_own=True)


def _copy(settings: Settings) -> Path:
    path = settings.published_dir / CATALOGUE
    if not path.exists():
        raise UnavailableError(
            "There is no reader's copy of the warehouse yet.",
            next_step="Run `iot-platform up`, or once `iot-platform load --until-caught-up`.",
        )
    return path
