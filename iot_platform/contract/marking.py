"""Where in its bytes a dead letter is wrong, where that can be said. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from iot_platform.contract.decode import decode
from iot_platform.contract.reasons import Code, Reason
from iot_platform.contract.splice import members

_AROUND = 40
_ANY_SIZE = 1 << 31


@dataclass(frozen=True)
class Mark:
    """`byte` is where it begins; `excerpt` shows it between >>> and <<< with what stands around it."""

    code: str
    field: str
    byte: int
    excerpt: str


def marks(value: bytes | None, codes_and_fields: list[tuple[str, str]]) -> list[Mark]:
    """One mark for each reason that has a place of its own in the bytes."""
    if not value:
        return []
    spans = {(code, field): _span(value, code, field) for code, field in codes_and_fields}
    return [Mark(code, field, span[0], _excerpt(value, *span)) for (code, field), span in spans.items() if span]


def _span(value: bytes, code: str, field: str) -> tuple[int, int] | None:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return (error.start, error.end) if code == Code.NOT_UTF8 else None
    if code == Code.NOT_JSON:
        return _broken(text)
    if not field or isinstance(decode(value, _ANY_SIZE), Reason):
        return None
    for member in members(text)[0]:
        if member.name == field:
            return len(text[: member.key_start].encode()), len(text[: member.end].encode())
    return None


def _broken(text: str) -> tuple[int, int] | None:
    try:
        json.loads(text, parse_int=float)  # an integer of any length is none of our business here
    except json.JSONDecodeError as error:
        start = len(text[: error.pos].encode())
        return start, start + len(text[error.pos : error.pos + 1].encode())
    return None


def _excerpt(value: bytes, start: int, end: int) -> str:
    before, wrong, after = value[max(0, start - _AROUND) : start], value[start:end], value[end : end + _AROUND]
    dots_before, dots_after = "…" if start > _AROUND else "", "…" if end + _AROUND < len(value) else ""
    return f"{dots_before}{_text(before)}>>>{_text(wrong)}<<<{_text(after)}{dots_after}"


def _text(part: bytes) -> str:
    return part.decode("utf-8", "backslashreplace")
