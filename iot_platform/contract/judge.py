"""The verdict on a batch of raw records: valid, repaired or dead with reasons. Pure: the same input, the same output.

Two ways lead to it. The fast way accepts what is surely clean; the exact way judges the rest with the rules of the
Pandera schema. The schema itself costs 16 to 50 ms a call, so the exact way evaluates the schema's own rule
expressions in one pass (1 ms); `Judge` refuses to be built when the two disagree on the odd records below.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl

from iot_platform.contract.catalogue import Catalogue
from iot_platform.contract.decode import Document, decode
from iot_platform.contract.fast import FastPath
from iot_platform.contract.frame import build_frame
from iot_platform.contract.laps import Lap, no_lap
from iot_platform.contract.reading import FIELDS, Freshness
from iot_platform.contract.reasons import Reason
from iot_platform.contract.rules import Rule, build_rules
from iot_platform.contract.schemas import broken_rules, build_schema
from iot_platform.contract.splice import fill
from iot_platform.errors import IntegrityError

RULES_VERSION = "1"
"""Counts up when the meaning of a rule changes in the code; the catalogue's fingerprint covers the rest."""


@dataclass(frozen=True)
class Repair:
    """A record that was filled: its new bytes and the fields that were added."""

    value: bytes
    fields: tuple[str, ...]


@dataclass
class Judgement:
    """Verdicts by place in the batch. `message_ids` is None exactly where `dead` has an entry."""

    message_ids: list[str | None]
    dead: dict[int, tuple[Reason, ...]] = field(default_factory=dict)
    repaired: dict[int, Repair] = field(default_factory=dict)


class Judge:
    """Judges the records of one stream."""

    def __init__(self, catalogue: Catalogue, freshness: Freshness, max_bytes: int) -> None:
        """`max_bytes` is the largest raw value accepted. Raises IntegrityError when the ways disagree."""
        self._catalogue = catalogue
        self._max_bytes = max_bytes
        self._rules = build_rules(catalogue, freshness)
        self._schema = build_schema(self._rules)
        self._fast = FastPath(catalogue, freshness)
        limits = f"{freshness.max_age_seconds}/{freshness.max_ahead_seconds}/{max_bytes}"
        digest = hashlib.sha256(f"{catalogue.fingerprint}/{limits}".encode()).hexdigest()[:8]
        self.rule_version = f"{RULES_VERSION}-{catalogue.name}-{digest}"
        self._agree_with_the_schema()

    def judge(
        self,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        accepted_at_ms: Sequence[int],
        lap: Lap = no_lap,
    ) -> Judgement:
        """One verdict a record; the three sequences have one item each a record, in order.

        `lap` hears when the fast way has decoded. What the exact way decodes is among its rules.
        """
        judgement = Judgement(self._fast.accept(values, keys, accepted_at_ms, self._max_bytes, lap))
        rest = [place for place, message_id in enumerate(judgement.message_ids) if message_id is None]
        if rest:
            self._judge_exactly(rest, values, keys, accepted_at_ms, judgement)
        return judgement

    def judge_exactly(
        self, values: Sequence[bytes | None], keys: Sequence[bytes | None], accepted_at_ms: Sequence[int]
    ) -> Judgement:
        """The same verdicts without the fast way."""
        judgement = Judgement([None] * len(values))
        self._judge_exactly(range(len(values)), values, keys, accepted_at_ms, judgement)
        return judgement

    def _judge_exactly(
        self,
        places: Sequence[int],
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        accepted_at_ms: Sequence[int],
        judgement: Judgement,
    ) -> None:
        documents: list[Document] = []
        decoded: list[int] = []
        for place in places:
            document = decode(values[place], self._max_bytes)
            if isinstance(document, Reason):
                judgement.dead[place] = (document,)
            else:
                documents.append(document)
                decoded.append(place)
        if not documents:
            return
        frame = build_frame(documents, [keys[p] for p in decoded], [accepted_at_ms[p] for p in decoded])
        broken = evaluate(self._rules, frame)
        for row, (place, document) in enumerate(zip(decoded, documents, strict=True)):
            if row in broken:
                rules = broken[row]
                judgement.dead[place] = tuple(Reason(rule.code, rule.field, rule.tell(document)) for rule in rules)
                continue
            judgement.message_ids[place] = document["message_id"]
            additions = self._additions(document)
            if additions:
                value = values[place]
                assert value is not None
                judgement.repaired[place] = Repair(fill(value, additions), tuple(additions))

    def _additions(self, document: Document) -> dict[str, Any]:
        """What the null policies fill from the catalogue; nothing here depends on what came before."""
        additions: dict[str, Any] = {}
        if document.get("unit") is None:
            additions["unit"] = self._catalogue.types[document["sensor_type"]].unit
        if document.get("schema_version") is None:
            additions["schema_version"] = 1
        return additions

    def _agree_with_the_schema(self) -> None:
        documents = odd_documents(self._catalogue)
        keys = [_key(document) for document in documents]
        frame = build_frame(documents, keys, [0] * len(documents))
        if evaluate(self._rules, frame) != broken_rules(self._schema, self._rules, frame):
            raise IntegrityError("The rules and the Pandera schema built from them disagree: this is a defect.")


def evaluate(rules: Sequence[Rule], frame: pl.DataFrame) -> dict[int, list[Rule]]:
    """For each row that breaks any rule, the rules it breaks, in their order: `schemas.broken_rules` in one pass."""
    verdicts = frame.select(rule.holds.alias(rule.name) for rule in rules)
    broken: dict[int, list[Rule]] = {}
    for rule in rules:
        column = verdicts.get_column(rule.name)
        if not column.all(ignore_nulls=False):
            for row in (~column.fill_null(value=False)).arg_true().to_list():
                broken.setdefault(row, []).append(rule)
    return broken


def odd_documents(catalogue: Catalogue) -> list[Document]:
    """A sound document of each sensor type, and each again with one field missing or of a wrong kind or size."""
    wrongs: list[Any] = [None, True, "", "x" * 300, 2.5, 1e308, -1e308, [], {}]
    documents: list[Document] = []
    for kind in catalogue.types.values():
        sound: Document = {
            "message_id": "00000000-0000-4000-8000-000000000000",
            "sensor_id": "sensor",
            "sensor_type": kind.name,
            "generated_at": "1970-01-01T00:00:00Z",
            "value": kind.maximum,
            "unit": kind.unit,
            "schema_version": 1,
        }
        documents.append(sound)
        documents.extend({**sound, name: wrong} for name in FIELDS for wrong in wrongs)
    return documents


def _key(document: Document) -> bytes | None:
    sensor_id = document.get("sensor_id")
    return sensor_id.encode() if isinstance(sensor_id, str) else None


def repaired_header(repair: Repair) -> bytes:
    """The value of the header that names the filled fields."""
    return msgspec.json.encode(repair.fields)
