"""Where the SQL is: in `sql/` at the top of the checkout, as it is reviewed and run by hand."""

from __future__ import annotations

from pathlib import Path

SQL_DIRECTORY = Path(__file__).resolve().parents[2] / "sql"


def migrations() -> list[Path]:
    return sorted((SQL_DIRECTORY / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql"))


def examples() -> dict[str, str]:
    """Name -> SQL of the example queries."""
    return _by_name("examples")


def marts() -> dict[str, str]:
    """Name of the table -> the SELECT that it is built from; a name in braces stands for that rule of sql/findings/."""
    selects = _by_name("marts")
    for rule, select in findings().items():
        selects["sensor_findings"] = selects["sensor_findings"].replace(f"{{{rule}}}", f"\n{select}")
    return selects


def findings() -> dict[str, str]:
    """Name of the rule -> SELECT of what it finds in the readings of many; part of the mart sensor_findings."""
    return _by_name("findings")


def figures() -> dict[str, str]:
    """Name of the table -> SELECT of one row of numbers that tell of it over time."""
    return _by_name("figures")


def checks() -> dict[str, str]:
    """Name of the check -> SELECT of what it judges."""
    return _by_name("checks")


def report() -> dict[str, str]:
    """Name -> SELECT of what the quality report says."""
    return _by_name("report")


def workbench() -> dict[str, str]:
    """Name -> SQL of the questions and entries of the dead-letter workbench."""
    return _by_name("workbench")


def _by_name(folder: str) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((SQL_DIRECTORY / folder).glob("*.sql"))}
