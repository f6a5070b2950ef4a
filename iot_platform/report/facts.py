"""The facts of a report, each a row of one query of sql/report/. Shares and rates are from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from iot_platform.quality.advice import FINDING_ADVICE, NAMES

Since = date | datetime | None
"""When it began: a moment within the period, a day before it, or None where it cannot be said."""


@dataclass(frozen=True)
class Totals:
    """A stream, or all together (stream '')."""

    stream: str
    sensors: int
    valid: int
    repaired: int
    dead: int
    duplicates: int
    nulls: int
    share_dead: float
    share_null: float
    share_duplicate: float
    score: float

    @property
    def records(self) -> int:
        return self.valid + self.dead


@dataclass(frozen=True)
class DayScore:
    """One day of all streams together."""

    day: date
    records: int
    dead: int
    share_dead: float
    score: float


@dataclass(frozen=True)
class Place:
    """A location; `score_before` is None when it had no record in the period before."""

    stream: str
    location: str
    sensors: int
    records: int
    share_dead: float
    share_null: float
    score: float
    score_before: float | None


@dataclass(frozen=True)
class Sensor:
    """A sensor that scores low, with its score hour by hour (None: no record in that hour)."""

    stream: str
    sensor_id: str
    sensor_type: str | None
    location: str | None
    valid: int
    dead: int
    duplicates: int
    share_dead: float
    share_null: float
    share_duplicate: float
    score: float
    score_before: float | None
    cause: str = ""
    since: Since = None
    hours: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Mover:
    """A sensor whose score changed by 10 points or more; `fell` and `rose` count all such sensors."""

    stream: str
    sensor_id: str
    location: str | None
    score: float
    score_before: float
    fell: int
    rose: int


@dataclass(frozen=True)
class Sample:
    """The newest dead letter of a reason. What it holds is whatever the sender wrote."""

    stream: str
    code: str
    accepted_at: datetime
    sensor_id: str
    detail: str
    source: str
    payload: str


@dataclass(frozen=True)
class Culprit:
    """A sensor behind a reason."""

    stream: str
    code: str
    sensor_id: str
    records: int
    location: str


@dataclass(frozen=True)
class Reason:
    """Dead letters of one reason, once each; shares are of the stream's records, None where it had none then."""

    stream: str
    code: str
    records: int
    records_before: int
    records_earlier: int
    sensors: int
    locations: int
    first_at: datetime | None
    last_at: datetime | None
    share: float = 0.0
    share_before: float | None = None
    share_earlier: float | None = None
    since: Since = None
    hours: tuple[int, ...] = ()
    culprits: tuple[Culprit, ...] = ()
    sample: Sample | None = None
    what_to_do: str = ""


@dataclass(frozen=True)
class Redrive:
    """Dead letters that came to a status in the period because somebody worked on them."""

    stream: str
    status: str
    dead_letters: int
    last_at: datetime


@dataclass(frozen=True)
class NullRate:
    """How often a field was null at a location ('(all)': in the whole stream); `total` counts the locations."""

    stream: str
    location: str
    field: str
    readings: int
    nulls: int
    rate: float
    total: int


@dataclass(frozen=True)
class NullSensor:
    """A sensor that leaves out a field often; `total` counts such sensors."""

    stream: str
    sensor_id: str
    location: str
    field: str
    nulls: int
    readings: int
    rate: float
    total: int


@dataclass(frozen=True)
class Silent:
    """A sensor that should have reported by the end of the period and had not."""

    stream: str
    sensor_id: str
    sensor_type: str
    location: str | None
    since: datetime
    silent_seconds: float
    expected_seconds: float
    missed: int
    expected_by: str  # given or learnt
    gaps: int


@dataclass(frozen=True)
class Odd:
    """A rule over many readings that named a sensor; `excess` and `evidence` are of the worst of its `hours`."""

    stream: str
    sensor_id: str
    sensor_type: str
    location: str | None
    rule: str
    hours: int
    since: datetime
    excess: float
    evidence: str

    @property
    def name(self) -> str:
        return NAMES[self.rule]

    @property
    def what_to_do(self) -> str:
        return FINDING_ADVICE[self.rule]


@dataclass(frozen=True)
class Duplicates:
    stream: str
    duplicates: int
    valid: int
    rate: float
    rate_before: float | None


@dataclass(frozen=True)
class DuplicateSensor:
    stream: str
    sensor_id: str
    duplicates: int
    valid: int
    rate: float
    total: int


@dataclass(frozen=True)
class Drift:
    """A field beyond the contract in a type that it did not have before; no types before: it is new."""

    stream: str
    field: str
    json_type: str
    since: datetime
    readings: int
    sensors: int
    types_before: list[str]
    total: int
