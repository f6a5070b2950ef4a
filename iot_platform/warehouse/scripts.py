"""Where the SQL is: in `sql/` at the top of the checkout, as it is reviewed and run by hand."""

from __future__ import annotations

from pathlib import Path

SQL_DIRECTORY = Path(__file__).resolve().parents[2] / "sql"


def migrations() -> list[Path]:
    return sorted((SQL_DIRECTORY / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql"))


def examples() -> dict[str, str]:
    """Name -> SQL of the example queries."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((SQL_DIRECTORY / "examples").glob("*.sql"))}
