"""The options that say which dead letters a command is about: written once, for all of its commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Annotated, Any

import typer

from iot_platform.cli.common import DEFAULT_STREAM, StreamOption
from iot_platform.contract.patches import When

ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only with this reason code.")]
FieldOption = Annotated[str | None, typer.Option("--field", help="Only where a rule about this field was broken.")]
SensorOption = Annotated[str | None, typer.Option("--sensor", help="Only of this sensor; * and ? stand for any.")]
TypeOption = Annotated[str | None, typer.Option("--sensor-type", help="Only of this type, as the record claims it.")]
LocationOption = Annotated[str | None, typer.Option("--location", help="Only from this location; * and ? too.")]
SinceOption = Annotated[datetime | None, typer.Option("--since", help="Only accepted at this time (UTC) or later.")]
UntilOption = Annotated[datetime | None, typer.Option("--until", help="Only accepted before this time (UTC).")]


@dataclass(frozen=True)
class Filter:
    """What a person asked for. Times are UTC."""

    stream: str
    when: When
    since: datetime | None
    until: datetime | None

    @property
    def takes_all(self) -> bool:
        """No option narrows it within its stream."""
        return self.when == When() and self.since is None and self.until is None


def _filter(  # noqa: PLR0913, PLR0917 - one parameter an option
    stream: StreamOption = DEFAULT_STREAM,
    reason: ReasonOption = None,
    field: FieldOption = None,
    sensor: SensorOption = None,
    sensor_type: TypeOption = None,
    location: LocationOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> Filter:
    return Filter(stream, When(reason, field, sensor, sensor_type, location), _utc(since), _utc(until))


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first parameter is a Filter, as one with the filter's options in its place."""
    options = inspect.signature(_filter, eval_str=True).parameters
    _, *others = inspect.signature(command, eval_str=True).parameters.values()

    @wraps(command)
    def run(**given: Any) -> None:
        chosen = _filter(**{name: given.pop(name) for name in options})
        command(chosen, **given)

    # What Typer reads: keywords may stand in any order, so the options of the filter come first in the help.
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*options.values(), *others)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
