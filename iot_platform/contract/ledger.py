"""The ledger entry: which raw offsets a transaction covered and what became of them.

One entry a transaction and partition; JSON on the wire (docs/reference/interfaces.md). The entry also carries the
accepted ids, so that the ledger is the changelog of deduplication.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

LEDGER_VERSION = 1
MAX_ENTRY_BYTES = 900_000
ID_BYTES = 16
FINGERPRINT_BYTES = 8
PAIR_BYTES = ID_BYTES + FINGERPRINT_BYTES
MAX_SENSORS_NAMED = 1_000
OTHER_SENSORS = "*"


@dataclass(frozen=True)
class LedgerEntry:
    """Offsets `first` to `last`, both inclusive, of one raw partition.

    `valid` includes `repaired`. `gaps` counts offsets in the range that hold no record (control records,
    compaction), so that valid + dead + duplicates + gaps = last - first + 1.
    `ids` is a sequence of 16 bytes of message_id and 8 bytes of xxh3-64 of the raw value (big endian), in order.
    `at` is RFC 3339 in UTC.
    """

    stream: str
    partition: int
    first: int
    last: int
    valid: int
    repaired: int
    dead: int
    duplicates: int
    rule_version: str
    slot: int
    at: str
    gaps: int = 0
    by_reason: Mapping[str, int] = field(default_factory=dict)
    duplicates_by_sensor: Mapping[str, int] = field(default_factory=dict)
    ids: bytes = b""

    @property
    def covered(self) -> int:
        return self.last - self.first + 1

    @property
    def accounted(self) -> int:
        return self.valid + self.dead + self.duplicates + self.gaps


class _Wire(msgspec.Struct, rename={"first": "from", "last": "to"}):
    v: int
    stream: str
    partition: int
    first: int
    last: int
    valid: int
    repaired: int
    dead: int
    duplicates: int
    rule_version: str
    slot: int
    at: str
    gaps: int = 0
    by_reason: dict[str, int] = msgspec.field(default_factory=dict)
    duplicates_by_sensor: dict[str, int] = msgspec.field(default_factory=dict)
    ids: str = ""


_decoder = msgspec.json.Decoder(_Wire)
_encoder = msgspec.json.Encoder()


def capped_by_sensor(counts: Mapping[str, int]) -> dict[str, int]:
    """At most MAX_SENSORS_NAMED sensors, the most frequent; the rest is summed under `*`.

    `counts` may have been capped before: what then stands under `*` stays there.
    """
    sensors = Counter({sensor: count for sensor, count in counts.items() if sensor != OTHER_SENSORS})
    if len(sensors) <= MAX_SENSORS_NAMED:
        return dict(counts)
    named = dict(sensors.most_common(MAX_SENSORS_NAMED))
    named[OTHER_SENSORS] = sum(counts.values()) - sum(named.values())
    return named


def encode(entry: LedgerEntry) -> bytes:
    """The value on the wire. Raises ValueError past MAX_ENTRY_BYTES, which ValidatorSettings.batch_max rules out."""
    value = _encoder.encode(
        _Wire(
            v=LEDGER_VERSION,
            stream=entry.stream,
            partition=entry.partition,
            first=entry.first,
            last=entry.last,
            valid=entry.valid,
            repaired=entry.repaired,
            dead=entry.dead,
            duplicates=entry.duplicates,
            rule_version=entry.rule_version,
            slot=entry.slot,
            at=entry.at,
            gaps=entry.gaps,
            by_reason=dict(entry.by_reason),
            duplicates_by_sensor=capped_by_sensor(entry.duplicates_by_sensor),
            ids=base64.b64encode(entry.ids).decode("ascii"),
        )
    )
    if len(value) > MAX_ENTRY_BYTES:
        raise ValueError(f"ledger entry of {len(value)} bytes is over {MAX_ENTRY_BYTES}")
    return value


def decode(value: bytes) -> LedgerEntry:
    """Raises msgspec.ValidationError or ValueError on anything that is not a ledger entry of a known version."""
    wire = _decoder.decode(value)
    if wire.v != LEDGER_VERSION:
        raise ValueError(f"ledger entry of unknown version {wire.v}")
    fields = {name: getattr(wire, name) for name in _Wire.__struct_fields__ if name not in ("v", "ids")}
    return LedgerEntry(**fields, ids=_whole_pairs(wire.ids))


def _whole_pairs(text: str) -> bytes:
    """Strict: base64 that skips what it does not know would forget ids, and a repeat would be valid twice."""
    ids = base64.b64decode(text, validate=True)
    if len(ids) % PAIR_BYTES:
        raise ValueError(f"ledger entry with {len(ids)} bytes of ids, not a multiple of {PAIR_BYTES}")
    return ids


def key(partition: int) -> bytes:
    return str(partition).encode("ascii")
