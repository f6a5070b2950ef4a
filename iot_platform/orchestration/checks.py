"""Asset checks: the verdicts of `quality/checks.py`, as Dagster shows them."""

# No `from __future__ import annotations` where there are ops: Dagster reads their annotations.

from collections.abc import Iterator

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.orchestration.assets.shown import POOL, figures, table_preview
from iot_platform.orchestration.failing import failing
from iot_platform.quality.checks import CHECKS
from iot_platform.quality.verdict import Verdict
from iot_platform.settings import load_settings
from iot_platform.supervision.unwanted import streams_off

STREAMS = "streams"
"""The metadata with what the check says of each stream: the alerts are told by it whose trouble it is."""

_SEVERITIES = {
    "pass": dg.AssetCheckSeverity.WARN,
    "warn": dg.AssetCheckSeverity.WARN,
    "error": dg.AssetCheckSeverity.ERROR,
}


@dg.multi_asset_check(
    name="checks",
    specs=[
        dg.AssetCheckSpec(
            check.name,
            asset=check.table,
            description=f"{check.description} Levels: iot_platform/quality/levels.toml, or the file that the setting "
            "quality.levels names.",
        )
        for check in CHECKS.values()
    ],
    can_subset=True,
    pool=POOL,
)
def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Judge the selected checks. A red check leaves the run green: `alerts` tells of it."""
    from iot_platform.quality.checks import evaluate  # noqa: PLC0415 - DuckDB takes a moment of every load
    from iot_platform.warehouse.connection import open_warehouse  # noqa: PLC0415

    settings, now = load_settings(), SystemClock().now()
    selected = {key.name for key in context.selected_asset_check_keys}
    with failing(), open_warehouse(settings) as connection:
        off = streams_off(settings)
        verdicts = [evaluate(connection, settings, name, now, off) for name in CHECKS if name in selected]
    for verdict in verdicts:
        context.log.info(f"{verdict.check}: {verdict.status}. {verdict.text}")
        yield result_of(verdict)


def result_of(verdict: Verdict) -> dg.AssetCheckResult:
    """Its sentence first, then the worst offenders and the figures that the UI draws."""
    return dg.AssetCheckResult(
        check_name=verdict.check,
        asset_key=verdict.table,
        passed=verdict.status == "pass",
        severity=_SEVERITIES[verdict.status],
        description=verdict.text,
        metadata={
            **figures(dict(verdict.figures)),
            **({"worst": table_preview(verdict.offenders)} if verdict.offenders else {}),
            **(
                {STREAMS: dg.MetadataValue.json({name: vars(one) for name, one in verdict.streams.items()})}
                if verdict.streams
                else {}
            ),
        },
    )
