"""The dead-letter workbench as jobs: the same as `iot-platform dlq fix`, `redrive` and `park`, and by the same code.

They open the warehouse for moments only, so they are in no pool: loads and marts go on beside them.
"""

# No `from __future__ import annotations` where there are ops: Dagster reads their annotations.

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.contract.patches import Patch, When
from iot_platform.errors import UsageError
from iot_platform.lifecycle import Stop
from iot_platform.orchestration.assets.shown import table_preview
from iot_platform.orchestration.failing import failing
from iot_platform.settings import Settings, load_settings

_SAMPLES = 10


class LettersConfig(dg.Config):
    """Which dead letters; what is empty asks for nothing. `sensor` and `location` may have * and ? in them.

    Times are RFC 3339; `sources` are topic/partition/offset, as dlq_samples and `iot-platform dlq list` give them.
    """

    stream: str = "iot_data"
    sources: list[str] = []  # noqa: RUF012 - pydantic copies it
    reason: str = ""
    field: str = ""
    sensor: str = ""
    sensor_type: str = ""
    location: str = ""
    since: str = ""
    until: str = ""


class FixConfig(LettersConfig):
    """A patch of dlq.patches_dir by its name. Without `apply` it is only tried: the run says what it would do.

    At most `limit` records, the oldest first (0: all), `rate` a second (0: as dlq.rate says).
    """

    patch: str
    apply: bool = False
    parked: bool = False
    limit: int = 0
    rate: float = 0.0


class RedriveConfig(LettersConfig):
    """Send again as they were. `everything`: all that the other options leave; `limit` and `rate` as in fixing."""

    everything: bool = False
    parked: bool = False
    limit: int = 0
    rate: float = 0.0


class ParkConfig(LettersConfig):
    """Park, or with `release` let parked ones be sent again; `why` is kept for those who ask later."""

    everything: bool = False
    release: bool = False
    why: str = ""


@dg.op
def fix_dead_letters(context: dg.OpExecutionContext, config: FixConfig) -> None:
    """Try a patch on the dead letters it is for; with `apply`, send them patched."""
    from iot_platform.workbench.files import load_patch  # noqa: PLC0415 - polars and DuckDB take a second
    from iot_platform.workbench.trying import try_patch  # noqa: PLC0415

    settings = load_settings()
    with failing():
        patch = load_patch(settings, config.patch)
        asked = _asked(settings, config, patch.when, everything=True)
        job = _job(settings, asked, patch, config)
        if config.apply:
            _redrive(context, settings, job)
            return
        trial = try_patch(settings, job, _SAMPLES, SystemClock().now())
    rows = [
        {"source": sample.source, "field": change.field, "is": change.before, "would be": change.after,
         "still dead because": sample.still}
        for sample in trial.samples
        for change in sample.changes
    ]  # fmt: skip
    why = [{"dead letters": count, "not mended because": text} for text, count in _why(trial)]
    counts = {
        name: getattr(trial, name) for name in ("matched", "valid", "dead", "unrecoverable", "unchanged", "too_old")
    }
    context.log.info(f"{trial.sentence}; launch it with apply: true to send them.")
    context.add_output_metadata({**counts, "changes": table_preview(rows), "not mended": table_preview(why)})


@dg.op
def redrive_dead_letters(context: dg.OpExecutionContext, config: RedriveConfig) -> None:
    """Send dead letters again as they were, after what an interrupted run left."""
    settings = load_settings()
    with failing():
        asked = _asked(settings, config, When(), everything=config.everything)
        _redrive(context, settings, _job(settings, asked, None, config))


@dg.op
def park_dead_letters(context: dg.OpExecutionContext, config: ParkConfig) -> None:
    """Park dead letters, so that they are not sent again; or release them."""
    from iot_platform.workbench import parking  # noqa: PLC0415 - DuckDB takes a moment

    settings = load_settings()
    with failing():
        asked = _asked(settings, config, When(), everything=config.everything)
        count = (parking.release if config.release else parking.park)(settings, asked, config.why, SystemClock())
    done = "released" if config.release else "parked"
    context.log.info(f"{count:,} dead letters {done}.")
    context.add_output_metadata({done: count})


def _job(settings: Settings, asked: Any, patch: Patch | None, config: FixConfig | RedriveConfig) -> Any:
    from iot_platform.workbench.jobs import Job  # noqa: PLC0415 - DuckDB takes a moment

    if config.limit < 0 or config.rate < 0:
        raise UsageError(
            "limit and rate cannot be negative.", next_step="Give 0 for all, and for the rate of dlq.rate."
        )
    rate = config.rate or settings.dlq.rate
    return Job(asked, patch, parked=config.parked, most=config.limit or None, rate=rate)


def _redrive(context: dg.OpExecutionContext, settings: Settings, job: Any) -> None:
    from iot_platform.workbench.redriving import redrive  # noqa: PLC0415 - polars and DuckDB take a second

    result = redrive(
        settings, job, clock=SystemClock(), stop=Stop(),
        tell=lambda so_far: context.log.info(f"{so_far.sent:,} sent, {so_far.left:,} to go."),
    )  # fmt: skip
    context.log.info(result.sentence)
    names = ("chosen", "sent", "continued", "duplicates", "unchanged", "unrecoverable", "too_old", "left")
    why = [{"dead letters": count, "cannot be patched because": text} for text, count in result.why.most_common(10)]
    context.add_output_metadata({**{name: getattr(result, name) for name in names}, "why": table_preview(why)})


def _asked(settings: Settings, config: LettersConfig, when: When, *, everything: bool) -> Any:
    from iot_platform.workbench.letters import Asked, source_of  # noqa: PLC0415 - DuckDB takes a moment

    given = When(
        config.reason or None,
        config.field or None,
        config.sensor or None,
        config.sensor_type or None,
        config.location or None,
    )
    times = _moment(config.since), _moment(config.until)
    if not (everything or config.sources or given != When() or any(times)):
        raise UsageError("Nothing says which dead letters.", next_step="Give sources, a filter, or everything: true.")
    places = [source_of(source, settings) for source in config.sources]
    if any(stream != config.stream for stream, _ in places):
        raise UsageError(f"Not all sources are of stream {config.stream}.", next_step="Name the stream they are of.")
    return Asked(config.stream, when.narrowed(given), *times, sources=tuple(place for _, place in places))


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is no time.", next_step="Write it as 2026-01-31T12:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _why(trial: Any) -> list[tuple[str, int]]:
    return [*trial.dead_because.most_common(10), *trial.unrecoverable_because.most_common(10)]


@dg.job(
    executor_def=dg.in_process_executor,
    config=dg.RunConfig(ops={"fix_dead_letters": FixConfig(patch="fahrenheit")}),
    description="Tries a patch (a file in patches/) on the dead letters it is for, and shows what it would change and "
    "what the validator would say. With apply: true it sends them patched. As `iot-platform dlq fix`.",
)
def dlq_fix() -> None:
    fix_dead_letters()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Sends dead letters again as they were, for a mended rule or catalogue. As `iot-platform dlq redrive`.",
)
def dlq_redrive() -> None:
    redrive_dead_letters()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Parks dead letters: they are not sent again; release: true undoes it. As `iot-platform dlq park`.",
)
def dlq_park() -> None:
    park_dead_letters()


WORKBENCH_JOBS = [dlq_fix, dlq_redrive, dlq_park]
