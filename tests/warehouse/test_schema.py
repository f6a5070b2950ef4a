"""Tables are described by the words of the migration that made them."""

from __future__ import annotations

from iot_platform.warehouse.schema import described_tables


def test_columns_carry_type_and_the_words_behind_them() -> None:
    tables = described_tables()
    readings = {column.name: column for column in tables["readings"]}
    assert (readings["value"].kind, readings["value"].comment) == ("DOUBLE", "")
    assert readings["battery_level"].comment == "per cent"
    assert readings["generated_at"].kind == "TIMESTAMP WITH TIME ZONE"
    assert readings["generated_at"].comment == "by the sensor"
    assert next(column for column in tables["lag_snapshots"] if column.name == "seconds").comment.startswith("age of")
