"""A record on its way out: what it is made of, and what is left of one that is too large."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from iot_platform.contract.reasons import Code, Reason
from iot_platform.stream.headers import Headers, size_of

Record = dict[str, Any]
"""Arguments of `Producer.produce`."""


def record_of(key: bytes | None, value: bytes | None, headers: Headers | None, timestamp_ms: int) -> Record:
    # librdkafka takes a time stamp of 0 for "now": the millisecond after it is as near as it can be written.
    made: Record = {"key": key, "value": value, "timestamp": timestamp_ms or 1}
    if headers:
        made["headers"] = headers
    return made


class Parts(NamedTuple):
    """What a raw record consists of, less its place."""

    key: bytes | None
    value: bytes | None
    headers: Headers | None
    timestamp_ms: int

    @property
    def size_bytes(self) -> int:
        return len(self.key or b"") + len(self.value or b"") + size_of(self.headers)


def shrunk(parts: Parts, most_bytes: int) -> tuple[Parts, Reason]:
    """`parts` without the largest of key, value and headers until the rest is at most `most_bytes`.

    The reason names what was left out, so that it can be found in the raw topic and recognised. A raw record comes to
    this when it travelled compressed: Kafka compares the compressed size with a topic's limit.
    """
    size_bytes = parts.size_bytes
    sizes = {"value": len(parts.value or b""), "key": len(parts.key or b""), "headers": size_of(parts.headers)}
    left_out: dict[str, Any] = {}
    for name in sorted(sizes, key=lambda part: -sizes[part]):
        if size_bytes <= most_bytes:
            break
        left_out[name] = None
        size_bytes -= sizes[name]
    told = ", ".join(_told(name, getattr(parts, name), sizes[name]) for name in left_out)
    detail = f"over {most_bytes} bytes; left out here, whole at the source: {told}"
    return parts._replace(**left_out), Reason(Code.OUTPUT_TOO_LARGE, "", detail)


def _told(name: str, part: Any, size_bytes: int) -> str:
    if not isinstance(part, bytes):
        return f"{name} ({size_bytes} bytes)"
    return f"{name} ({size_bytes} bytes, sha256 {hashlib.sha256(part).hexdigest()})"
