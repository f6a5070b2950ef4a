"""How an error of the platform ends a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from iot_platform.errors import PlatformError


@contextmanager
def failing() -> Iterator[None]:
    """What went wrong ends the run, in its own words, and is not retried."""
    try:
        yield
    except PlatformError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
