"""The rules stand once: the Pandera schema, the exact pass and the fast way follow the catalogue and agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iot_platform.contract.catalogue import Catalogue, load_catalogue
from iot_platform.contract.fast import FastPath
from iot_platform.contract.frame import build_frame
from iot_platform.contract.judge import Judge, evaluate, odd_documents
from iot_platform.contract.reading import FIELDS, Freshness
from iot_platform.contract.reasons import Reason
from iot_platform.contract.rules import build_rules
from iot_platform.contract.schemas import broken_rules, build_schema
from tests.contract.mutations import TEXTS, moments
from tests.contract.records import ACCEPTED_AT_MS, KEY, MAX_BYTES, SOUND, encoded, verdict, without

_FRESHNESS = Freshness(86_400, 300)
_NUMBERS = st.one_of(
    st.sampled_from([0, -0.0, 1, 1.5, 2, 85, 85.1, -40, 100, 100.1, -150, -151, 2**70, 10**350, -(10**350), 1e308]),
    st.integers(),
    st.floats(allow_nan=False),
)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | _NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)
_WORDS = st.sampled_from(["temperature", "humidity", "Cel", "%RH", "sensor-1", "a b", "", "x" * 129, "x" * 257])


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Any decoded object: a sound one with some fields missing, of any kind, at a bound or beyond it."""
    document = dict(SOUND)
    for name in draw(st.lists(st.sampled_from(list(FIELDS)), max_size=5)):
        what = draw(st.integers(0, 4))
        if what == 0:
            document.pop(name, None)
        elif what == 1:
            document[name] = draw(_ANYTHING)
        elif FIELDS[name].kind != "string":
            document[name] = draw(_NUMBERS)
        else:
            document[name] = draw(moments(ACCEPTED_AT_MS) if name == "generated_at" else _WORDS | TEXTS)
    return document


_KEYS = st.sampled_from([KEY, KEY, KEY, None, b"", b"\xff"])
_BATCHES = st.lists(st.tuples(documents(), _KEYS), min_size=1, max_size=40)

_IOT = load_catalogue("iot_data")
CATALOGUES = {"iot_data": _IOT, "nulls dead": Catalogue("dead", _IOT.types, dict.fromkeys(_IOT.nulls, "dead"))}


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=list(CATALOGUES))
@pytest.mark.parametrize("freshness", [_FRESHNESS, Freshness(None, None), Freshness(0.5, 0)], ids=str)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch=_BATCHES)
def test_the_schema_and_the_exact_pass_find_the_same_rules_broken(
    catalogue: Catalogue, freshness: Freshness, batch: list[tuple[dict[str, Any], bytes | None]]
) -> None:
    rules = build_rules(catalogue, freshness)
    bodies = [document for document, _ in batch]
    frame = build_frame(bodies, [key for _, key in batch], [ACCEPTED_AT_MS] * len(batch))
    broken = evaluate(rules, frame)
    assert broken == broken_rules(build_schema(rules), rules, frame)
    for row, found in broken.items():
        details = [Reason(rule.code, rule.field, rule.tell(bodies[row])).detail for rule in found]
        assert all(0 < len(detail) <= 300 for detail in details)


def test_every_rule_can_break_and_none_breaks_on_a_sound_document() -> None:
    catalogue = CATALOGUES["nulls dead"]
    rules = build_rules(catalogue, _FRESHNESS)
    wrong = odd_documents(catalogue)
    wrong += [dict(SOUND, generated_at=text) for text in ("0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z")]
    frame = build_frame([dict(SOUND), *wrong], [KEY] + [None] * len(wrong), [ACCEPTED_AT_MS] * (1 + len(wrong)))
    broken = evaluate(rules, frame)
    assert 0 not in broken
    assert {rule.name for found in broken.values() for rule in found} == {rule.name for rule in rules}


def test_names_of_rules_are_unique() -> None:
    names = [rule.name for rule in build_rules(CATALOGUES["iot_data"], _FRESHNESS)]
    assert len(names) == len(set(names))


def _verdicts_of_85_and_86(catalogue: Catalogue) -> dict[str, tuple[list[str], list[str]]]:
    """What each of the three says of two values: the rules broken."""
    rules = build_rules(catalogue, _FRESHNESS)
    judge, fast = Judge(catalogue, _FRESHNESS, MAX_BYTES), FastPath(catalogue, _FRESHNESS)
    said: dict[str, tuple[list[str], list[str]]] = {}
    values = [encoded(value=85.5), encoded(value=86)]
    exact = judge.judge_exactly(values, [KEY] * 2, [ACCEPTED_AT_MS] * 2)
    frame = build_frame([{**SOUND, "value": 85.5}, {**SOUND, "value": 86}], [KEY] * 2, [ACCEPTED_AT_MS] * 2)
    pandera = broken_rules(build_schema(rules), rules, frame)
    accepted = fast.accept(values, [KEY] * 2, [ACCEPTED_AT_MS] * 2, MAX_BYTES)
    said["exact"] = tuple([str(r.code) for r in exact.dead.get(place, ())] for place in (0, 1))  # type: ignore[assignment]
    said["schema"] = tuple([str(r.code) for r in pandera.get(place, ())] for place in (0, 1))  # type: ignore[assignment]
    said["fast"] = tuple([] if accepted[place] else ["range"] for place in (0, 1))  # type: ignore[assignment]
    return said


def test_a_bound_changed_in_the_catalogue_changes_all_three_and_the_version_of_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "hot.toml"
    file.write_text(
        'extends = "iot_data"\n[types.temperature]\nunit = "Cel"\nminimum = -40\nmaximum = 85.5\ninterval_seconds = 5\n'
    )
    before, after = load_catalogue("iot_data"), load_catalogue(str(file))
    assert set(map(str, _verdicts_of_85_and_86(before).values())) == {str((["range"], ["range"]))}
    assert set(map(str, _verdicts_of_85_and_86(after).values())) == {str(([], ["range"]))}
    assert after.fingerprint != before.fingerprint
    versions = {Judge(catalogue, _FRESHNESS, MAX_BYTES).rule_version for catalogue in (before, after)}
    assert len(versions) == 2


def test_limits_change_the_version_of_the_rules_too() -> None:
    catalogue = load_catalogue("iot_data")
    limits = [(_FRESHNESS, 1_000), (_FRESHNESS, 1_001), (Freshness(86_401, 300), 1_000), (Freshness(None, 300), 1_000)]
    assert len({Judge(catalogue, freshness, size).rule_version for freshness, size in limits}) == len(limits)


@pytest.mark.parametrize("name", ["unit", "location", "battery_level", "signal_strength", "schema_version"])
@pytest.mark.parametrize("absent", ["null", "missing"])
def test_a_field_whose_null_is_dead_is_required(name: str, absent: str) -> None:
    iot = load_catalogue("iot_data")
    judge = Judge(Catalogue("strict", iot.types, {**iot.nulls, name: "dead"}), _FRESHNESS, MAX_BYTES)
    document = without(name) if absent == "missing" else without(**{name: None})
    found = verdict(judge, json.dumps(document).encode())
    assert found.codes == [f"null_critical:{name}"]
    assert absent in found.reasons[0].detail


@pytest.mark.parametrize("name", ["iot_data", "air_quality"])
def test_a_reading_of_each_sensor_type_at_its_bounds_is_valid_by_the_fast_way(name: str) -> None:
    catalogue = load_catalogue(name)
    judge, fast = Judge(catalogue, _FRESHNESS, MAX_BYTES), FastPath(catalogue, _FRESHNESS)
    for kind in catalogue.types.values():
        values: list[bytes | None] = [
            encoded(sensor_type=kind.name, unit=kind.unit, value=bound) for bound in (kind.minimum, kind.maximum)
        ]
        assert None not in judge.judge_exactly(values, [KEY] * 2, [ACCEPTED_AT_MS] * 2).message_ids
        assert None not in fast.accept(values, [KEY] * 2, [ACCEPTED_AT_MS] * 2, MAX_BYTES)
