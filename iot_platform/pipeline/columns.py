"""Kafka records as Arrow tables, column for column those of the warehouse."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa

from iot_platform.clock import unix_millis
from iot_platform.contract import dead_letter, ledger
from iot_platform.contract.ledger import LedgerEntry
from iot_platform.contract.reading import FIELDS, SENSOR_ID_PATTERN

Message = Any  # confluent_kafka.Message, which has no type stubs

# A time stamp of Kafka may be any 64 bits; the warehouse and its readers end where their calendars do.
# A day from either end, so that every zone of the world can show it.
_FIRST_MOMENT_MS = unix_millis(datetime(1, 1, 2, tzinfo=UTC))
_LAST_MOMENT_MS = unix_millis(datetime(9999, 12, 30, tzinfo=UTC))

_SENSOR_ID = re.compile(SENSOR_ID_PATTERN.replace("$", r"\Z"))


class _Known(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A validated reading whose fields the contract all names."""

    message_id: str
    sensor_id: str
    sensor_type: str
    generated_at: str
    value: float
    unit: str
    schema_version: int
    location: str | None = None
    battery_level: float | None = None
    signal_strength: float | None = None


_decode_known = msgspec.json.Decoder(_Known).decode
_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def readings(messages: Sequence[Message]) -> pa.Table:
    """Validated records, in order. Raises msgspec errors for bytes that are no reading."""
    rows: list[_Known] = []
    extras: list[str | None] = []
    for message in messages:
        value = message.value()
        try:
            rows.append(_decode_known(value))
            extras.append(None)
        except msgspec.ValidationError:
            row, extra = _decode_with_extras(value)
            rows.append(row)
            extras.append(extra)
    frame = pl.DataFrame(
        {name: [getattr(row, name) for row in rows] for name in _Known.__struct_fields__},
        schema={name: _polars_type(name) for name in _Known.__struct_fields__},
    ).with_columns(
        pl.col("generated_at")
        .str.strip_suffix("Z")
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us")
        .dt.replace_time_zone("UTC"),
        pl.Series("extra", extras, dtype=pl.String),
        pl.Series("repaired", [_repaired(message) for message in messages], dtype=pl.List(pl.String)),
    )
    return _with_place(frame, messages).to_arrow()


def _polars_type(name: str) -> pl.DataType:
    if name == "schema_version":
        return pl.Int32()
    return pl.Float64() if FIELDS[name].kind == "number" else pl.String()


def _decode_with_extras(value: bytes) -> tuple[_Known, str | None]:
    """For readings with further fields, or with a number in a spelling that the fast decoder does not take."""
    raw = _decode_raw(value)
    known: dict[str, Any] = {name: json.loads(bytes(raw[name])) for name in FIELDS if name in raw}
    known["schema_version"] = int(known["schema_version"])
    for name, cell in known.items():
        if FIELDS[name].kind == "number" and cell is not None:
            known[name] = float(cell)
    extra = {name: cell for name, cell in raw.items() if name not in FIELDS}
    return _Known(**known), msgspec.json.encode(extra).decode() if extra else None


def _repaired(message: Message) -> list[str] | None:
    headers = message.headers()
    if not headers:
        return None
    flagged = dict(headers).get(dead_letter.REPAIRED)
    return msgspec.json.decode(flagged, type=list[str]) if flagged else None


def _with_place(frame: pl.DataFrame, messages: Sequence[Message]) -> pl.DataFrame:
    return frame.with_columns(
        pl.Series("accepted_at", [message.timestamp()[1] for message in messages], dtype=pl.Int64)
        .clip(_FIRST_MOMENT_MS, _LAST_MOMENT_MS)
        .cast(pl.Datetime("ms"))
        .dt.replace_time_zone("UTC"),
        pl.Series("partition", [message.partition() for message in messages], dtype=pl.Int32),
        pl.Series("kafka_offset", [message.offset() for message in messages], dtype=pl.Int64),
    )


def dead_letters(messages: Sequence[Message]) -> pa.Table:
    """Dead letters, in order. Raises ValueError for a record without a dead letter's headers."""
    provenances = [dead_letter.from_headers(message.headers() or []) for message in messages]
    frame = pl.DataFrame(
        {
            "codes": pl.Series(
                [list(dict.fromkeys(reason.code.value for reason in p.reasons)) for p in provenances],
                dtype=pl.List(pl.String),
            ),
            "reasons": [dead_letter.encode_reasons(p.reasons).decode() for p in provenances],
            "sensor_id": pl.Series([_sensor_id(message.key()) for message in messages], dtype=pl.String),
            "source_topic": [p.source_topic for p in provenances],
            "source_partition": pl.Series([p.source_partition for p in provenances], dtype=pl.Int32),
            "source_offset": [p.source_offset for p in provenances],
            "first_seen": pl.Series(
                [datetime.fromisoformat(p.first_seen).astimezone(UTC) for p in provenances],
                dtype=pl.Datetime("us", "UTC"),
            ),
            "attempts": pl.Series([p.attempts for p in provenances], dtype=pl.Int32),
            "rule_version": [p.rule_version for p in provenances],
            "key": pl.Series([message.key() for message in messages], dtype=pl.Binary),
            "value": pl.Series([message.value() for message in messages], dtype=pl.Binary),
            "headers": [_original_headers(message) for message in messages],
        }
    )
    return _with_place(frame, messages).to_arrow()


def _sensor_id(key: bytes | None) -> str | None:
    """The key where it may be a sensor's id; a dead letter's key may be anything."""
    if key is None or not key.isascii():
        return None
    text = key.decode("ascii")
    return text if _SENSOR_ID.match(text) else None


def _original_headers(message: Message) -> str:
    original = [
        [name, None if value is None else base64.b64encode(value).decode()]
        for name, value in message.headers() or []
        if name not in dead_letter.OWN_HEADERS
    ]
    return json.dumps(original)


def ledger_entries(messages: Sequence[Message]) -> list[LedgerEntry]:
    return [ledger.decode(message.value()) for message in messages]
