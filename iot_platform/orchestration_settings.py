"""The settings of what stands above the streams: Dagster, the checks of the data, reports, alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from iot_platform.stream_settings import CanBeNone, Port
from iot_platform.stream_settings import Section as _Section


class DagsterSettings(_Section):
    """Dagster above the streams. Without it (`enabled = false`) the supervisor runs the same streams itself."""

    enabled: bool = True
    ui_port: Port = 3000
    code_server_port: Port = 4266
    load_interval_seconds: float = Field(60, ge=1, description="loads and marts run this often while data comes")
    watch_interval_seconds: float = Field(30, ge=5, description="lag and stream health are observed this often")
    summary_seconds: float = Field(30, ge=10, description="a stream's run tells its figures this often")
    recycle_hours: float = Field(12, gt=0, description="a stream's run ends and a new one begins after this long")
    retention_days: float = Field(14, gt=0, description="runs, events and ticks older than this are removed")


class ScalingSettings(_Section):
    """How the number of validators follows the lag, in streams with `validators_most`."""

    catch_up_seconds: float = Field(120, gt=0, description="who would catch up later than this gets more validators")
    out_after_seconds: float = Field(30, ge=10, description="… once it has been behind for this long")
    in_after_seconds: float = Field(300, ge=10, description="one validator less after this long without a lag")
    settle_seconds: float = Field(30, ge=0, description="after a change nothing is measured for this long")
    cpu_share: Annotated[float | None, CanBeNone] = Field(
        0.95, gt=0, le=1, description='no more validators on a machine that is this busy; "none" = not looked at'
    )


class QualitySettings(_Section):
    levels: Path | None = Field(None, description="levels of the checks (TOML); the built-in file where none is named")


class ReportSettings(_Section):
    """The quality report that is made by itself: daily, and weekly on one of the days."""

    at: str = Field("06:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="when, in UTC")
    weekly_on: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"
    retention_days: Annotated[int | None, CanBeNone] = Field(
        90, ge=1, description='reports written longer ago are removed; "none" = kept'
    )


class AlertSettings(_Section):
    rules: Path | None = Field(None, description="alert rules (TOML); the built-in file where none is named")
    channels: tuple[SecretStr, ...] = Field((), description="where alerts go, as Apprise URLs")
    heartbeat_url: SecretStr = Field(
        SecretStr(""),
        description="asked each minute while all is watched; who listens there misses it when we are gone",
    )
    runbooks: str = Field("docs/runbooks", min_length=1, description="where alerts say the pages of the rules are")


class LagSettings(_Section):
    """How consumer groups are watched, and from where on something is said of them."""

    groups: tuple[str, ...] = Field(
        ("*",), description="consumer groups of others that are watched beside our own: names, with * and ?; [] = none"
    )
    alert_groups: tuple[str, ...] = Field((), description="groups of others that raise alerts too: names, with * and ?")
    looks: int = Field(10, ge=2, le=1_000, description="a group is judged by so many of its last looks and commits")
    allowed_seconds: float = Field(10, ge=0, description="a lag of less than what arrives in this long is none")
    held_back_seconds: float = Field(60, gt=0, description="an open transaction may hold back readers for so long")
