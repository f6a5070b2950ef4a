"""A dead letter as the raw record it was, patched or not. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from iot_platform.clock import unix_millis
from iot_platform.contract.decode import decode
from iot_platform.contract.patches import Patch
from iot_platform.contract.patching import Change, UnpatchableError, apply
from iot_platform.contract.reading import FIELDS
from iot_platform.contract.reasons import Code, Reason
from iot_platform.contract.redrive import Origin, patched_so_far, redriven_headers
from iot_platform.stream.record import Parts
from iot_platform.stream.redrive import Outgoing
from iot_platform.workbench.letters import Letter

_ANY_SIZE = 1 << 31
_IS_ID = re.compile(FIELDS["message_id"].pattern.replace("$", r"\Z"))


@dataclass(frozen=True)
class Prepared:
    """The value to send, and what the patch changed in it."""

    value: bytes | None
    changes: tuple[Change, ...] = ()


def prepare(letter: Letter, patch: Patch | None) -> Prepared | None:
    """What to send of a dead letter; None when the patch changes nothing in it.

    Raises UnpatchableError, which says why it cannot be mended.
    """
    if Code.OUTPUT_TOO_LARGE in letter.codes:
        raise UnpatchableError("its bytes are whole in the raw topic only: it was too large for a dead letter")
    if patch is None:
        return Prepared(letter.value)
    patched = apply(patch.steps, letter.value, letter.key)
    return None if patched is None else Prepared(patched.value, patched.changes)


def outgoing(letter: Letter, prepared: Prepared, patch: Patch | None, redrive_id: str) -> tuple[Outgoing, str | None]:
    """The raw record, with key, time stamp and headers of the original; and what was patched in it so far, as JSON."""
    original = letter.original_headers
    patched = patched_so_far(original, patch.name if patch else None, prepared.changes)
    origin = Origin(letter.source_topic, letter.source_partition, letter.source_offset, redrive_id, patched)
    headers = redriven_headers(original, origin, letter.first_seen.isoformat(), letter.attempts)
    parts = Parts(letter.key, prepared.value, headers, unix_millis(letter.accepted_at))
    return Outgoing((letter.source_partition, letter.source_offset), parts), patched


def identity(value: bytes | None) -> tuple[str, datetime] | None:
    """Id and moment of birth of the reading in `value`; None where it has no sound ones: then it is never valid."""
    document = decode(value, _ANY_SIZE)
    if isinstance(document, Reason):
        return None
    message_id, born = document.get("message_id"), document.get("generated_at")
    if not (isinstance(message_id, str) and _IS_ID.match(message_id) and isinstance(born, str)):
        return None
    try:
        return message_id, datetime.fromisoformat(born).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
