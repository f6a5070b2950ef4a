"""What is kept: topics on Kafka's disks, rows in the warehouse."""

from __future__ import annotations

from collections.abc import Iterator

from iot_platform.planning.lines import SENDING, TRANSACTING, Line, Sized, line

_DISK = "disk"
_WAREHOUSE = "warehouse"
_DAY_SECONDS = 86_400.0
TOPICS = ("raw", "validated", "dead", "ledger")
_DAYS = {"raw": "raw_days", "validated": "validated_days", "dead": "dlq_days", "ledger": "ledger_days"}
_NAMES = {"raw": "raw readings", "validated": "validated readings", "dead": "dead letters", "ledger": "the ledger"}
_FED_BY = {
    "raw": (*SENDING, "raw_bytes_per_reading", "raw_bytes_per_batch"),
    "validated": (
        *TRANSACTING, "dead_share", "validated_bytes_per_reading", "validated_bytes_per_batch", "marker_bytes",
    ),
    "dead": (*TRANSACTING, "dead_share", "dead_bytes_per_letter", "marker_bytes"),
    "ledger": (
        *TRANSACTING, "dead_share", "ledger_bytes_per_reading", "ledger_bytes_per_entry", "marker_bytes",
    ),
}  # fmt: skip


def storage_lines(sized: Sized) -> Iterator[Line]:
    written = bytes_written(sized)
    for topic in TOPICS:
        yield line(
            _DISK, f"{topic}_written", written[topic], "bytes/s", f"{_NAMES[topic]}, written once", *_FED_BY[topic]
        )
    yield from _kept(sized, written)
    yield from _compression(sized)
    yield from _warehouse(sized)


def bytes_written(sized: Sized) -> dict[str, float]:
    """Bytes a second by topic, one copy."""
    rates, flow = sized.case.rates, sized.flow
    dead = flow.readings * sized.case.load.dead_share
    valid = flow.readings - dead
    markers = rates.marker_bytes
    return {
        "raw": rates.raw_bytes_per_reading * flow.readings + rates.raw_bytes_per_batch * flow.raw_batches,
        "validated": rates.validated_bytes_per_reading * valid
        + (rates.validated_bytes_per_batch + markers) * min(valid, flow.entries),
        "dead": rates.dead_bytes_per_letter * dead + markers * flow.dead_batches,
        "ledger": rates.ledger_bytes_per_reading * valid + (rates.ledger_bytes_per_entry + markers) * flow.entries,
    }


def _kept(sized: Sized, written: dict[str, float]) -> Iterator[Line]:
    policy = sized.case.policy
    kept = {name: written[name] * getattr(policy, _DAYS[name]) * _DAY_SECONDS * policy.replicas for name in TOPICS}
    for name in TOPICS:
        days = getattr(policy, _DAYS[name])
        text = f"{_NAMES[name]}, {days:g} days, {policy.replicas:g} copies"
        yield line(_DISK, f"{name}_disk", kept[name], "bytes", text, *_FED_BY[name], _DAYS[name], "replicas")
    fed = tuple(one for name in TOPICS for one in (*_FED_BY[name], _DAYS[name]))
    yield line(_DISK, "kafka_disk", sum(kept.values()), "bytes", "all of Kafka's", *fed, "replicas")


def _compression(sized: Sized) -> Iterator[Line]:
    rates, flow = sized.case.rates, sized.flow
    stored = bytes_written(sized)["raw"] / flow.readings
    yield line(
        _DISK, "compression", rates.json_bytes_per_reading / stored, "ratio", "raw: bytes of JSON for each byte stored",
        *_FED_BY["raw"], "json_bytes_per_reading",
    )  # fmt: skip


def _warehouse(sized: Sized) -> Iterator[Line]:
    rates, policy, flow = sized.case.rates, sized.case.policy, sized.flow
    rows = flow.readings * _DAY_SECONDS * policy.warehouse_days
    disk = rows * rates.warehouse_bytes_per_row
    yield line(_WAREHOUSE, "rows", rows, "count", f"rows after {policy.warehouse_days:g} days", "warehouse_days")
    yield line(
        _WAREHOUSE, "warehouse_disk", disk, "bytes", "the DuckDB file", "warehouse_days", "warehouse_bytes_per_row"
    )
    yield line(
        _WAREHOUSE, "copy_disk", rows * rates.copy_bytes_per_row, "bytes", "the reader's copy, as Parquet",
        "warehouse_days", "copy_bytes_per_row",
    )  # fmt: skip
    writer = flow.readings * rates.loader_cpu_per_row
    yield line(_WAREHOUSE, "writer", writer, "share", "of a core that the one writer has for it", "loader_cpu_per_row")
