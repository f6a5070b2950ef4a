"""The headers that a dead letter carries beside its untouched bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from iot_platform.contract.reasons import Code, Reason

REASONS = "iot.reasons"
RULE_VERSION = "iot.rule_version"
SOURCE = "iot.source"
FIRST_SEEN = "iot.first_seen"
ATTEMPTS = "iot.attempts"
OWN_HEADERS = frozenset({REASONS, RULE_VERSION, SOURCE, FIRST_SEEN, ATTEMPTS})

REPAIRED = "iot.repaired"
"""Header of a validated record: JSON list of the fields that the validator filled."""

MAX_REASONS_BYTES = 16_000
_MAX_DETAIL_CHARACTERS = 300

Headers = Sequence[tuple[str, bytes | None]]


class _WireReason(msgspec.Struct):
    code: Code
    field: str
    detail: str


_reasons_decoder = msgspec.json.Decoder(list[_WireReason])


@dataclass(frozen=True)
class Provenance:
    """Where a dead letter came from and why it is dead."""

    reasons: tuple[Reason, ...]
    rule_version: str
    source_topic: str
    source_partition: int
    source_offset: int
    first_seen: str
    attempts: int


def encode_reasons(reasons: Sequence[Reason]) -> bytes:
    """JSON of all reasons; past MAX_REASONS_BYTES the later ones are left out, never the first."""
    encoded: list[bytes] = []
    size = 2
    for reason in reasons:
        document = {"code": reason.code.value, "field": reason.field, "detail": reason.detail[:_MAX_DETAIL_CHARACTERS]}
        item = msgspec.json.encode(document)
        size += len(item) + 1
        if encoded and size > MAX_REASONS_BYTES:
            break
        encoded.append(item)
    return b"[" + b",".join(encoded) + b"]"


def to_headers(original: Headers, provenance: Provenance) -> list[tuple[str, bytes | None]]:
    """The original headers, less any of our own from an earlier attempt, and ours."""
    kept = [(name, value) for name, value in original if name not in OWN_HEADERS]
    source = f"{provenance.source_topic}/{provenance.source_partition}/{provenance.source_offset}"
    return [
        *kept,
        (REASONS, encode_reasons(provenance.reasons)),
        (RULE_VERSION, provenance.rule_version.encode()),
        (SOURCE, source.encode()),
        (FIRST_SEEN, provenance.first_seen.encode()),
        (ATTEMPTS, str(provenance.attempts).encode()),
    ]


def from_headers(headers: Headers) -> Provenance:
    """The opposite of `to_headers`. Raises ValueError when a header is missing or malformed."""
    own = {name: value for name, value in headers if name in OWN_HEADERS and value is not None}
    missing = OWN_HEADERS - own.keys()
    if missing:
        raise ValueError(f"not a dead letter: no header {', '.join(sorted(missing))}")
    topic, partition, offset = own[SOURCE].decode().rsplit("/", 2)
    reasons = tuple(Reason(item.code, item.field, item.detail) for item in _reasons_decoder.decode(own[REASONS]))
    return Provenance(
        reasons=reasons,
        rule_version=own[RULE_VERSION].decode(),
        source_topic=topic,
        source_partition=int(partition),
        source_offset=int(offset),
        first_seen=own[FIRST_SEEN].decode(),
        attempts=int(own[ATTEMPTS]),
    )
