"""The headers by which a record that was sent again tells where it came from and what was patched in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from iot_platform.contract.dead_letter import ATTEMPTS, FIRST_SEEN, Headers
from iot_platform.contract.patching import Change

REDRIVEN_FROM = "iot.redriven_from"
"""topic/partition/offset of the raw record that became the dead letter."""
REDRIVE = "iot.redrive"
"""The id of the batch in which it was sent again."""
PATCHED = "iot.patched"
"""JSON list of the patches it went through: [{"patch", "fields": {field: {"from", "to"}}}]."""

_OWN = frozenset({REDRIVEN_FROM, REDRIVE, PATCHED, FIRST_SEEN, ATTEMPTS})
_MOST_CELL_CHARACTERS = 500
_LONGEST = 200

_decode_patched = msgspec.json.Decoder(list[dict[str, Any]]).decode


@dataclass(frozen=True)
class Origin:
    """Where a record that was sent again came from; `patched` is JSON, None when its bytes are the original ones."""

    topic: str
    partition: int
    offset: int
    redrive_id: str
    patched: str | None = None


def read_origin(headers: Headers | None) -> Origin | None:
    """The origin that the headers name; None where they name none, or nonsense: anybody may write to the raw topic."""
    own = {name: value for name, value in headers or () if name in (REDRIVEN_FROM, REDRIVE, PATCHED) and value}
    if REDRIVEN_FROM not in own or REDRIVE not in own:
        return None
    try:
        topic, partition, offset = own[REDRIVEN_FROM].decode().rsplit("/", 2)
        redrive_id = own[REDRIVE].decode()
        place = int(partition), int(offset)
        patched = own.get(PATCHED)
        if patched:
            _decode_patched(patched)
    except (ValueError, msgspec.DecodeError):
        return None
    if not (
        0 <= place[0] < 1 << 31 and 0 <= place[1] < 1 << 62 and len(topic) < _LONGEST and len(redrive_id) < _LONGEST
    ):
        return None
    return Origin(topic, *place, redrive_id, patched.decode() if patched else None)


def redriven_headers(
    original: Headers, origin: Origin, first_seen: str, attempts: int
) -> list[tuple[str, bytes | None]]:
    """The original headers, less any of our own from an earlier attempt, and ours. The validator counts on."""
    kept = [(name, value) for name, value in original if name not in _OWN]
    made: list[tuple[str, bytes | None]] = [
        *kept,
        (REDRIVEN_FROM, f"{origin.topic}/{origin.partition}/{origin.offset}".encode()),
        (REDRIVE, origin.redrive_id.encode()),
        (FIRST_SEEN, first_seen.encode()),
        (ATTEMPTS, str(attempts).encode()),
    ]
    return [*made, (PATCHED, origin.patched.encode())] if origin.patched else made


def patched_so_far(original: Headers, patch: str | None, changes: Sequence[Change]) -> str | None:
    """JSON of all patches of a record, this one the last; what a field once was is in the first that names it."""
    earlier = [value for name, value in original if name == PATCHED and value]
    told: list[dict[str, Any]] = []
    for value in earlier[-1:]:
        try:
            told = _decode_patched(value)
        except msgspec.DecodeError:
            told = []  # of somebody else's making
    if patch is not None:
        fields = {change.field: {"from": _cell(change.before), "to": _cell(change.after)} for change in changes}
        told = [*told, {"patch": patch, "fields": fields}]
    return msgspec.json.encode(told).decode() if told else None


def _cell(text: str | None) -> Any:
    """The value itself; a long one is cut, and stays whole in the dead letter."""
    if text is None:
        return None
    return msgspec.Raw(text.encode()) if len(text) <= _MOST_CELL_CHARACTERS else f"{text[:_MOST_CELL_CHARACTERS]}…"
