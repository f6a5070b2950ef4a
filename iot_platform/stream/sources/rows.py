"""Rows of CSV, Parquet and NDJSON files, one at a time, with memory bounded by the longest row or row group."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from iot_platform.errors import UsageError
from iot_platform.stream.sources import mapping as mappings

LONGEST_LINE_BYTES = 16 * 1024 * 1024
"""Of a longer line only this much is kept; it is refused as too large anyway."""
READ_ERRORS = (OSError, UnicodeError, pa.ArrowException)
"""What reading on may raise: of the disk, of an encoding, of a Parquet file cut short."""
_PARQUET_ROWS = 5_000


class Row(NamedTuple):
    """A row's cells by column; or bytes that are no row and go on as they are; or neither: passed over and counted."""

    cells: Mapping[str, Any] | None = None
    raw: bytes | None = None


SKIPPED = Row()


def read_rows(path: Path, mapping: mappings.Mapping) -> Generator[Row, None, None]:
    """Every row of the file in order, those to be skipped too. UsageError when a column is missing."""
    readers = {"csv": _csv_rows, "parquet": _parquet_rows, "ndjson": _ndjson_rows}
    for number, row in enumerate(readers[mapping.format](path, mapping)):
        if number < mapping.skip_rows or (mapping.skip_empty_rows and _is_empty(row)):
            yield SKIPPED
        else:
            yield row


def read_lines(path: Path) -> Generator[Row, None, None]:
    """Lines as they are, without their end; empty ones are skipped."""
    with path.open("rb") as file:
        for line in _lines(file):
            yield Row(raw=line) if line.strip() else SKIPPED


def _is_empty(row: Row) -> bool:
    return row.raw is None and (row.cells is None or all(cell is None or cell == "" for cell in row.cells.values()))


def _csv_rows(path: Path, mapping: mappings.Mapping) -> Generator[Row, None, None]:
    dialect = mapping.csv
    # Bytes of another encoding become lone surrogates: such a cell is sent, and dies with a reason.
    encoding = "utf-8-sig" if dialect.encoding.lower() in {"utf-8", "utf8"} else dialect.encoding
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=dialect.delimiter, quotechar=dialect.quote)
        header = next(reader, [])
        _check_columns(path, header, mapping)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:  # a quote that never ends: the reader gives up on a bounded piece and goes on
                yield SKIPPED
            else:
                yield Row(dict(itertools.zip_longest(header, cells[: len(header)])))


def _parquet_rows(path: Path, mapping: mappings.Mapping) -> Generator[Row, None, None]:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{path} is not a Parquet file: {error}.", next_step="Check the mapping's `format`.") from None
    with file:
        _check_columns(path, file.schema_arrow.names, mapping)
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
            for cells in batch.to_pylist():
                yield Row(cells)


def _ndjson_rows(path: Path, mapping: mappings.Mapping) -> Generator[Row, None, None]:  # noqa: ARG001 - as the other readers
    for row in read_lines(path):
        if row.raw is None:
            yield row
            continue
        try:
            document = msgspec.json.decode(row.raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            document = None
        yield Row(document) if isinstance(document, dict) else row


def _lines(file: BinaryIO) -> Generator[bytes, None, None]:
    while line := file.readline(LONGEST_LINE_BYTES):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE_BYTES)
        yield line.rstrip(b"\r\n")


def _check_columns(path: Path, present: Sequence[str], mapping: mappings.Mapping) -> None:
    missing = [name for name in mapping.columns if name not in present]
    if missing:
        raise UsageError(
            f"{path} has no column {', '.join(map(repr, missing))}; it has {', '.join(filter(None, present))}.",
            next_step="Mend the mapping, or its [csv] delimiter.",
        )
