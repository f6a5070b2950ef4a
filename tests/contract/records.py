"""Records for judging: one sound reading, its bytes with any field spelled by hand, and its verdict by every way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from iot_platform.contract import dead_letter
from iot_platform.contract.judge import Judge, Judgement, Repair
from iot_platform.contract.reasons import Reason

ACCEPTED_AT_MS = 1_790_000_000_123
ACCEPTED_AT = datetime.fromtimestamp(ACCEPTED_AT_MS // 1000, UTC) + timedelta(milliseconds=ACCEPTED_AT_MS % 1000)
MAX_BYTES = 1_048_576
KEY = b"sensor-1"

_NEIGHBOURS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")


def wire_time(moment: datetime) -> str:
    """As the wire has it; every year with four digits, which strftime does not promise."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


SOUND: Mapping[str, Any] = {
    "message_id": "0189f7ea-ae2c-4abc-8def-0123456789ab",
    "sensor_id": KEY.decode(),
    "sensor_type": "temperature",
    "generated_at": wire_time(ACCEPTED_AT - timedelta(seconds=2)),
    "value": 21.5,
    "unit": "Cel",
    "location": "hall-1",
    "battery_level": 80.0,
    "signal_strength": -60,
    "schema_version": 1,
}


def without(*names: str, **changes: Any) -> dict[str, Any]:
    """The sound reading less `names`, with `changes`."""
    return {name: value for name, value in {**SOUND, **changes}.items() if name not in names}


def encoded(**changes: Any) -> bytes:
    return json.dumps({**SOUND, **changes}, ensure_ascii=False).encode()


def spelled(*more: str, **spellings: str) -> bytes:
    """The sound reading with the JSON text of some fields given, and further `more` members as they stand."""
    members = {name: json.dumps(value) for name, value in SOUND.items()} | spellings
    return ("{" + ",".join([*(f'"{name}":{text}' for name, text in members.items()), *more]) + "}").encode()


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


GENERATED_AT = SOUND["generated_at"]
SOUND_BYTES = encoded()


@dataclass(frozen=True)
class Verdict:
    """What became of one record; all ways agreed on it."""

    message_id: str | None
    reasons: tuple[Reason, ...] = ()
    repair: Repair | None = None

    @property
    def codes(self) -> list[str]:
        """`code` or `code:field`, in the order told."""
        return [f"{reason.code}:{reason.field}".rstrip(":") for reason in self.reasons]


VALID = Verdict(SOUND["message_id"])


def verdict_at(judgement: Judgement, place: int) -> Verdict:
    return Verdict(judgement.message_ids[place], judgement.dead.get(place, ()), judgement.repaired.get(place))


def verdicts(
    judge: Judge,
    values: Sequence[bytes | None],
    keys: Sequence[bytes | None] | None = None,
    at_ms: int = ACCEPTED_AT_MS,
) -> list[Verdict]:
    """Of one batch, by both ways, which must agree; the reasons must fit into a dead letter's headers."""
    keys = [KEY] * len(values) if keys is None else keys
    quick = judge.judge(values, keys, [at_ms] * len(values))
    exact = judge.judge_exactly(values, keys, [at_ms] * len(values))
    assert quick == exact
    for reasons in exact.dead.values():
        dead_letter.encode_reasons(reasons)
    return [verdict_at(exact, place) for place in range(len(values))]


def verdict(judge: Judge, value: bytes | None, key: bytes | None = KEY, at_ms: int = ACCEPTED_AT_MS) -> Verdict:
    """Of one record, alone and between good neighbours, which stay valid."""
    alone = verdicts(judge, [value], [key], at_ms)[0]
    generated_at = wire_time(datetime.fromtimestamp(at_ms // 1000, UTC))
    before, after = (encoded(message_id=message_id, generated_at=generated_at) for message_id in _NEIGHBOURS)
    first, between, last = verdicts(judge, [before, value, after], [KEY, key, KEY], at_ms)
    assert [first, last] == [Verdict(message_id) for message_id in _NEIGHBOURS]
    assert between == alone
    return alone
