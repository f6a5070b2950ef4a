"""What Dagster loads: `dagster api grpc -m iot_platform.definitions`. Explicit lists, nothing discovered."""

from __future__ import annotations

import dagster as dg

from iot_platform.orchestration.streams.keeper import keep_streams_running
from iot_platform.orchestration.streams.ops import producer, validator


@dg.definitions
def defs() -> dg.Definitions:
    """Everything in the UI."""
    return dg.Definitions(jobs=[validator, producer], sensors=[keep_streams_running])
