"""The Pandera schema of a stream's readings, built from the rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.errors import SchemaErrors

from iot_platform.contract.reading import FIELDS
from iot_platform.contract.rules import Rule
from iot_platform.errors import IntegrityError


def build_schema(rules: Sequence[Rule]) -> pa.DataFrameSchema:
    """A schema over the frame of `frame.build_frame`; each check is named after its rule."""
    columns = {
        field.name: pa.Column(pl.String if field.kind == "string" else pl.Float64, nullable=True)
        for field in FIELDS.values()
    }
    return pa.DataFrameSchema(columns, checks=[_check(rule) for rule in rules], name="reading")


def _check(rule: Rule) -> pa.Check:
    def holds(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(rule.holds)

    return pa.Check(holds, name=rule.name, error=rule.name)


def broken_rules(schema: pa.DataFrameSchema, rules: Sequence[Rule], frame: pl.DataFrame) -> dict[int, list[Rule]]:
    """For each row that breaks any rule, the rules it breaks, in the order of `rules`.

    Raises IntegrityError when the schema itself could not be applied: that is our mistake, never the record's.
    """
    if frame.is_empty():
        return {}
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        failures = errors.failure_cases
    else:
        return {}
    order = {rule.name: (number, rule) for number, rule in enumerate(rules)}
    broken: dict[int, set[int]] = defaultdict(set)
    for index, check in failures.select("index", "check").iter_rows():
        if index is None or check not in order:
            raise IntegrityError(f"The schema could not be applied: {failures.head(3).to_dicts()}.")
        broken[index].add(order[check][0])
    return {index: [rules[number] for number in sorted(numbers)] for index, numbers in broken.items()}
