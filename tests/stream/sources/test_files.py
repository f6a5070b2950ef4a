"""Files as sources: the mapping, bad rows, resuming, and the Air Quality file to the last reading."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from iot_platform.clock import ManualClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.errors import UsageError
from iot_platform.stream.sources.base import Batch, Cursor, Reading
from iot_platform.stream.sources.births import Births
from iot_platform.stream.sources.files import FileSource
from iot_platform.stream.sources.mapping import Mapping, Measurement, Time, load_mapping

EXAMPLE = Path(__file__).parents[3] / "examples" / "air_quality"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
MAPPING = """
format = "csv"
nulls = ["-200", "n/a"]
[time]
columns = ["when"]
[[measurement]]
column = "T"
sensor_id = "station-{site}-t"
sensor_type = "temperature"
unit = "Cel"
location = "roof"
[[measurement]]
column = "RH"
sensor_id = "rh"
sensor_type = "humidity"
"""
HEADER = "when,site,T,RH\n"


def mapping(tmp_path: Path, text: str = MAPPING) -> Mapping:
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    return load_mapping(path)


def csv_source(
    tmp_path: Path, content: str | bytes, text: str = MAPPING, clock: ManualClock | None = None
) -> FileSource:
    path = tmp_path / "data.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FileSource(path, mapping(tmp_path, text), "s", clock or ManualClock(NOW))


def everything(source: FileSource, cursor: Cursor | None = None, limit: int = 3) -> tuple[list[Reading], Batch, int]:
    """All readings, the last batch, and how many rows were skipped."""
    source.start(cursor)
    given_readings: list[Reading] = []
    skipped = 0
    while True:
        batch = source.batch(limit)
        assert len(batch.readings) <= limit
        given_readings += batch.readings
        skipped += batch.skipped
        if batch.exhausted:
            source.close()
            return given_readings, batch, skipped


def documents(given_readings: list[Reading]) -> list[dict[str, Any]]:
    return [json.loads(reading.value or b"") for reading in given_readings]


def test_the_air_quality_file_to_the_last_reading() -> None:
    source = FileSource(
        EXAMPLE / "AirQualityUCI.csv", load_mapping(EXAMPLE / "mapping.toml"), "air_quality", ManualClock(NOW)
    )
    given_readings, _, skipped = everything(source, limit=2_000)
    assert (len(given_readings), skipped) == (121_641, 114)
    found = documents(given_readings)
    assert Counter(document["value"] is None for document in found) == {False: 104_940, True: 16_701}
    assert len({document["message_id"] for document in found}) == 121_641
    types = load_catalogue("air_quality").types
    for document in found:
        kind = types[document["sensor_type"]]
        assert document["unit"] == kind.unit
        assert document["value"] is None or kind.minimum <= document["value"] <= kind.maximum
    assert found[0]["generated_at"] == "2004-03-10T17:00:00Z"


def test_a_row_becomes_one_reading_for_each_measurement(tmp_path: Path) -> None:
    given_readings, _, _ = everything(csv_source(tmp_path, HEADER + "2026-01-01T00:00:00Z,7,21.50,40\n"))
    first, second = documents(given_readings)
    assert given_readings[0].key == b"station-7-t"
    assert first == {
        "message_id": first["message_id"],
        "sensor_id": "station-7-t",
        "sensor_type": "temperature",
        "generated_at": "2026-01-01T00:00:00Z",
        "value": 21.5,
        "unit": "Cel",
        "location": "roof",
        "schema_version": 1,
    }
    assert (second["sensor_id"], second["value"], second["unit"]) == ("rh", 40, None)
    assert b'"value":21.50,' in (given_readings[0].value or b"")


CELLS = [
    ("-200", None),
    ("-200.0", None),
    ("-2e2", None),
    ("n/a", None),
    ("", None),
    ("0", 0),
    ("-0.5", -0.5),
    ("007", 7.0),
    ("+1", 1.0),
    (".5", 0.5),
    ("1e3", 1000.0),
    ("NaN", "NaN"),
    ("inf", "inf"),
    ("1_000", "1_000"),
    ("twenty", "twenty"),
    ("true", "true"),
]


@pytest.mark.parametrize(("cell", "value"), CELLS)
def test_what_a_cell_becomes(tmp_path: Path, cell: str, value: object) -> None:
    given_readings, _, _ = everything(csv_source(tmp_path, HEADER + f"2026-01-01T00:00:00Z,7,{cell},40\n"))
    assert documents(given_readings)[0]["value"] == value


TIMES = [
    ("", "UTC", "2026-01-01T00:00:00.25+02:00", "2025-12-31T22:00:00.250000Z"),
    ("", "Europe/Rome", "2026-07-01 12:00:00", "2026-07-01T10:00:00Z"),
    ("%d.%m.%Y %H:%M", "+01:00", "1.7.2026 12:00", "2026-07-01T11:00:00Z"),
    ("%d.%m.%Y %H:%M", "-0330", "1.7.2026 12:00", "2026-07-01T15:30:00Z"),
    ("", "UTC", "yesterday", "yesterday"),
    ("", "UTC", "2026-02-30T00:00:00", "2026-02-30T00:00:00"),
    ("", "+01:00", "0001-01-01T00:00:00", "0001-01-01T00:00:00"),
]


@pytest.mark.parametrize(("layout", "zone", "cell", "generated_at"), TIMES)
def test_times_become_utc_and_what_is_no_time_stays_as_it_was(
    tmp_path: Path, layout: str, zone: str, cell: str, generated_at: str
) -> None:
    text = MAPPING.replace('columns = ["when"]', f'columns = ["when"]\nformat = "{layout}"\nzone = "{zone}"')
    given_readings, _, _ = everything(csv_source(tmp_path, HEADER + f"{cell},7,1,2\n", text))
    assert documents(given_readings)[0]["generated_at"] == generated_at


def test_the_same_file_gives_the_same_ids_and_another_stream_others(tmp_path: Path) -> None:
    source = csv_source(tmp_path, HEADER + "2026-01-01T00:00:00Z,7,1,2\n")
    first, last, _ = everything(source)
    again, _, _ = everything(source, last.cursor)
    assert [reading.value for reading in again] == [reading.value for reading in first]
    elsewhere, _, _ = everything(FileSource(tmp_path / "data.csv", mapping(tmp_path), "other", ManualClock(NOW)))
    assert {d["message_id"] for d in documents(elsewhere)}.isdisjoint(d["message_id"] for d in documents(first))


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_a_crashed_run_goes_on_where_it_was(tmp_path: Path, limit: int) -> None:
    rows = "".join(f"2026-01-01T00:00:{n:02d}Z,7,{n},{n}\n" + (",,,\n" if n % 3 == 0 else "") for n in range(12))
    source = csv_source(tmp_path, HEADER + rows)
    expected, _, skipped = everything(source)
    cursor: Cursor | None = None
    got: list[Reading] = []
    got_skipped = 0
    while True:
        source.start(cursor)
        batch = source.batch(limit)
        source.close()
        got += batch.readings
        got_skipped += batch.skipped
        cursor = json.loads(json.dumps(batch.cursor))
        if batch.exhausted:
            break
    assert got == expected
    assert got_skipped == skipped == 4


def test_a_file_that_changed_begins_anew(tmp_path: Path) -> None:
    source = csv_source(tmp_path, HEADER + "2026-01-01T00:00:00Z,7,1,2\n2026-01-01T00:00:01Z,7,1,2\n")
    source.start(None)
    cursor = source.batch(2).cursor
    source.close()
    changed = csv_source(tmp_path, HEADER + "2026-01-01T00:00:05Z,7,1,2\n")
    assert len(everything(changed, cursor)[0]) == 2


ODD_ROWS = [
    (b"2026-01-01T00:00:00Z,7\n", 2),
    (b"2026-01-01T00:00:00Z,7,1,2,3,4,5\n", 2),
    (b"nonsense\n", 2),
    (b"2026-01-01T00:00:00Z,7,\xff\xfe,2\n", 2),
    (b"2026-01-01T00:00:00Z,\xe9,1,2\n", 2),
    (b"\x00,\x00,\x00,\x00\n", 2),
    (b",,,\n", 0),
    (b'2026-01-01T00:00:00Z,7,"never ending' + b"x" * 200_000 + b'",2\n', 0),
]


@pytest.mark.parametrize(("row", "sent"), ODD_ROWS)
def test_a_bad_row_never_stops_the_file(tmp_path: Path, row: bytes, sent: int) -> None:
    good = b"2026-01-02T00:00:00Z,7,1,2\n"
    given_readings, _, skipped = everything(csv_source(tmp_path, HEADER.encode() + good + row + good))
    assert len(given_readings) == 4 + sent
    assert given_readings[-2:] == given_readings[:2]
    assert skipped == (1 if sent == 0 else 0)


def test_bytes_that_are_no_text_go_on_as_they_are(tmp_path: Path) -> None:
    given_readings, _, _ = everything(csv_source(tmp_path, HEADER.encode() + b"2026-01-01T00:00:00Z,7,\xff,2\n"))
    assert b'"value":"\xff"' in (given_readings[0].value or b"")


def test_dialect_and_rows_to_skip(tmp_path: Path) -> None:
    text = MAPPING.replace("nulls", "skip_rows = 1\nnulls", 1) + '[csv]\ndelimiter = ";"\ndecimal = ","\n'
    content = "when;site;T;RH\nunits;;Cel;%\n2026-01-01T00:00:00Z;7;21,5;40\n"
    given_readings, _, skipped = everything(csv_source(tmp_path, content, text))
    assert documents(given_readings)[0]["value"] == 21.5
    assert skipped == 1


def test_metadata_columns_become_further_fields(tmp_path: Path) -> None:
    text = 'metadata = { station = "site" }\n' + MAPPING
    given_readings, _, _ = everything(csv_source(tmp_path, HEADER + "2026-01-01T00:00:00Z,roof,1,2\n", text))
    assert [document["station"] for document in documents(given_readings)] == ["roof", "roof"]


def rebased(tmp_path: Path, rebase: str, clock: ManualClock) -> FileSource:
    rows = "2020-01-01T00:00:00Z,7,1,2\n2020-01-01T01:00:00Z,7,1,2\n"
    text = MAPPING.replace('columns = ["when"]', f'columns = ["when"]\nrebase = "{rebase}"')
    return csv_source(tmp_path, HEADER + rows, text, clock)


def test_rebasing_moves_the_first_row_to_the_origin_and_the_origin_is_part_of_the_id(tmp_path: Path) -> None:
    first, _, _ = everything(rebased(tmp_path, "2026-05-01T00:00:00Z", ManualClock(NOW)))
    assert [document["generated_at"] for document in documents(first)] == (
        ["2026-05-01T00:00:00Z"] * 2 + ["2026-05-01T01:00:00Z"] * 2
    )
    second, _, _ = everything(rebased(tmp_path, "2026-06-01T00:00:00Z", ManualClock(NOW)))
    assert {d["message_id"] for d in documents(first)}.isdisjoint(d["message_id"] for d in documents(second))


def test_a_run_that_goes_on_keeps_its_origin(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    source = rebased(tmp_path, "now", clock)
    source.start(None)
    cursor = json.loads(json.dumps(source.batch(3).cursor))
    source.close()
    clock.advance(3600)
    rest, _, _ = everything(source, cursor)
    assert [document["generated_at"] for document in documents(rest)] == ["2026-07-01T13:00:00Z"]


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    rows = [("2026-01-01T00:00:00Z", "7", 21.5, 40.0), ("2026-01-01T00:00:01Z", "7", None, -200.0)]
    table = pa.table(dict(zip(("when", "site", "T", "RH"), map(list, zip(*rows, strict=True)), strict=True)))
    path = tmp_path / "data.parquet"
    pq.write_table(table, path)
    text = MAPPING.replace('"csv"', '"parquet"')
    source = FileSource(path, mapping(tmp_path, text), "s", ManualClock(NOW))
    from_csv, _, _ = everything(
        csv_source(tmp_path, HEADER + "2026-01-01T00:00:00Z,7,21.5,40.0\n2026-01-01T00:00:01Z,7,,-200\n")
    )
    assert documents(everything(source)[0]) == documents(from_csv)


def test_parquet_with_native_times_and_odd_types(tmp_path: Path) -> None:
    table = pa.table({"when": [datetime(2026, 1, 1)], "site": [1], "T": [float("nan")], "RH": [b"\xff"]})  # noqa: DTZ001
    path = tmp_path / "data.parquet"
    pq.write_table(table, path)
    text = MAPPING.replace('"csv"', '"parquet"')
    first, second = documents(everything(FileSource(path, mapping(tmp_path, text), "s", ManualClock(NOW)))[0])
    assert first["generated_at"] == "2026-01-01T00:00:00Z"
    assert first["value"] is None
    assert isinstance(second["value"], str)


def test_ndjson_by_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "data.ndjson"
    path.write_text('{"when":"2026-01-01T00:00:00Z","site":"7","T":1,"RH":-200}\n\nbroken\n[1]\n')
    source = FileSource(path, mapping(tmp_path, MAPPING.replace('"csv"', '"ndjson"')), "s", ManualClock(NOW))
    given_readings, _, skipped = everything(source)
    assert [document["value"] for document in documents(given_readings[:2])] == [1, None]
    assert [reading.value for reading in given_readings[2:]] == [b"broken", b"[1]"]
    assert skipped == 1


def test_readings_ready_for_the_wire_pass_as_they_are(tmp_path: Path) -> None:
    lines = [b'{ "sensor_id": "a", "x":1 }', b"\xff\xfe", b'{"sensor_id":7}', b"[]"]
    path = tmp_path / "ready.ndjson"
    path.write_bytes(b"\r\n".join(lines) + b"\n \n")
    given_readings, _, skipped = everything(FileSource(path, None, "s", ManualClock(NOW)))
    assert [(reading.key, reading.value) for reading in given_readings] == [
        (b"a", lines[0]),
        (None, lines[1]),
        (None, lines[2]),
        (None, lines[3]),
    ]
    assert skipped == 1


MISTAKES = [
    (MAPPING.replace('"csv"', '"xml"'), "malformed"),
    (MAPPING.replace("[[measurement]]", "[[measure]]"), "malformed"),
    (MAPPING + "colour = 1\n", "malformed"),
    ("format = [", "malformed"),
    (MAPPING.replace('columns = ["when"]', 'columns = ["when"]\nzone = "Mars/Crater"'), "no time zone"),
    (MAPPING.replace('columns = ["when"]', 'columns = ["when"]\nzone = "+99:99"'), "no time zone"),
    (MAPPING.replace('columns = ["when"]', 'columns = ["when"]\nrebase = "soon"'), "no moment"),
    ('metadata = { value = "site" }\n' + MAPPING, "own place"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_mistakes_in_a_mapping_are_told_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        mapping(tmp_path, text)


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "when,T\n")
    source.start(None)
    with pytest.raises(UsageError, match="no column 'site', 'RH'; it has when, T"):
        source.batch(1)


def test_a_missing_file_and_a_missing_mapping_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        FileSource(tmp_path / "none.csv", None, "s", ManualClock(NOW))
    (tmp_path / "data.csv").write_text("")
    with pytest.raises(UsageError, match="--mapping"):
        FileSource(tmp_path / "data.csv", None, "s", ManualClock(NOW))


cells = st.none() | st.text() | st.integers() | st.floats() | st.booleans() | st.binary() | st.datetimes()


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow])  # the first text() builds a table of Unicode
@given(st.dictionaries(st.sampled_from(["when", "v", "id"]), cells))
def test_any_cells_at_all_give_one_record_and_the_same_one_again(row: dict[str, Any]) -> None:
    rules = Mapping(
        format="csv", time=Time(["when"]), measurement=[Measurement("v", "{id}", "temperature")], nulls=["-200"]
    )
    (first,) = Births(rules, "s").of(row)
    (second,) = Births(rules, "s").of(row)
    assert first == second
    assert isinstance(first[1], bytes)
    json.loads(first[1].decode("utf-8", "replace"))
