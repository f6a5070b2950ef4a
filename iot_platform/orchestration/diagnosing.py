"""`iot-platform diagnose` as a job: why a stream lags, asked from the UI."""

# No `from __future__ import annotations` where there are ops: Dagster reads their annotations.

import time

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.orchestration.assets.shown import table_preview
from iot_platform.orchestration.failing import failing
from iot_platform.settings import load_settings


class DiagnosisConfig(dg.Config):
    """How long everything is looked at."""

    seconds: float = 10.0


@dg.op(description="Looks at Kafka, processes, partitions and warehouse, and says what slows the streams.")
def look_for_causes(context: dg.OpExecutionContext, config: DiagnosisConfig) -> None:
    from iot_platform.supervision.diagnosis import diagnose  # noqa: PLC0415 - DuckDB takes half a second of each load

    with failing():
        found = diagnose(load_settings(), SystemClock(), lambda: time.sleep(max(1.0, config.seconds)))
    context.log.info(found.summary)
    words = [f"1. **{one.text}** {' '.join(one.evidence)} {one.what_to_do}" for one in found.verdicts]
    rows = [
        {"process": one.name, "records a second": one.records, "cores": one.cpu, "waited": one.waited}
        for one in found.facts.processes
    ]
    context.add_output_metadata(
        {
            "causes": len(found.verdicts),
            "says": dg.MetadataValue.md("\n".join(words) or found.summary),
            "processes": table_preview(rows),
        }
    )


@dg.job(
    name="diagnose",
    executor_def=dg.in_process_executor,
    description="Why a stream lags: looks for some seconds, then says in words what slows it, by what one sees that, "
    "and what to do. As `iot-platform diagnose`. It succeeds whatever it finds.",
)
def diagnose_job() -> None:
    look_for_causes()
