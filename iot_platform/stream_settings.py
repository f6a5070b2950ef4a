"""The settings of one stream, and the streams that are there unless they are switched off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def none_by_name(value: object) -> object:
    """Neither TOML nor the environment has a null."""
    return None if isinstance(value, str) and value.lower() == "none" else value


SPOOL_AGE_HOURS = 24.0
"""An outage of Kafka that readings should be able to wait for in a spool, and their repeats still be known."""

CanBeNone = BeforeValidator(none_by_name)
Port = Annotated[int, Field(ge=1024, le=65535)]
StreamName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetentionSettings(Section):
    raw_days: float = Field(7, gt=0)
    validated_days: float = Field(7, gt=0)
    dlq_days: float = Field(30, gt=0)
    ledger_days: float = Field(30, gt=0)


class StreamSettings(Section):
    """One stream of readings: its topics are named after it (see contract/topology.py)."""

    catalogue: str = Field("iot_data", description="a built-in catalogue's name, or a path to a TOML file")
    partitions: int = Field(3, ge=1)
    validators: int = Field(1, ge=0, description="how many validators run; where they are scaled, at least so many")
    validators_most: Annotated[int | None, CanBeNone] = Field(
        None, ge=1, description='they are scaled on lag up to so many; "none" = always `validators`'
    )
    max_age_seconds: Annotated[float | None, CanBeNone] = Field(
        86_400, description='older than this on arrival is dead; "none" = no limit'
    )
    max_ahead_seconds: Annotated[float | None, CanBeNone] = Field(
        300, description='further ahead than this is dead; "none" = no limit'
    )
    dedup_window_hours: float = Field(72, gt=0)
    max_message_bytes: int = Field(1_000_000, ge=1_000, description="largest raw record")
    retention: RetentionSettings = RetentionSettings()

    @model_validator(mode="after")
    def _ledger_holds_the_window(self) -> Self:
        """A validator that starts learns the accepted ids of the window from the ledger, or refuses to start."""
        if self.retention.ledger_days * 24 < self.dedup_window_hours:
            raise ValueError(
                f"the ledger is kept for {self.retention.ledger_days:g} days, less than dedup_window_hours "
                f"({self.dedup_window_hours:g}): raise retention.ledger_days, or lower dedup_window_hours"
            )
        return self

    @property
    def validators_least(self) -> int:
        """A stream that is scaled has one at least, or nobody would see how fast one is."""
        return self.validators if self.validators_most is None else max(1, self.validators)

    @model_validator(mode="after")
    def _most_is_no_less(self) -> Self:
        if self.validators_most is not None and self.validators_most < self.validators:
            raise ValueError(f"validators_most ({self.validators_most}) is less than validators ({self.validators})")
        return self

    def doubt(self, spool_age_hours: float = SPOOL_AGE_HOURS) -> str:
        """What may let a repeat be valid twice, where a spool holds readings for so long; empty when nothing does.

        No mistake: whoever lost the older ledger must be able to go on with a shorter window.
        """
        wanted_hours = (self.max_age_seconds or 0) / 3600 + spool_age_hours
        if self.max_age_seconds is None or self.dedup_window_hours >= wanted_hours:
            return ""
        return (
            f"dedup_window_hours is {self.dedup_window_hours:g}, but a reading may be {self.max_age_seconds / 3600:g} "
            f"h old and wait {spool_age_hours:g} h in a spool: a later repeat of it would be valid again. "
            f"{wanted_hours:g} is safe."
        )


BUILT_IN_STREAMS: Mapping[str, dict[str, object]] = {
    "iot_data": {},
    "air_quality": {"catalogue": "air_quality", "max_age_seconds": None, "max_ahead_seconds": None},
}


def default_streams() -> dict[StreamName, StreamSettings]:
    return {name: StreamSettings.model_validate(options) for name, options in BUILT_IN_STREAMS.items()}
