"""Rates, prices and single numbers from files and the command line, and the case that they make."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from iot_platform.errors import UsageError
from iot_platform.planning.inputs import Case, Load, Origin, Policy, Prices, Rates, checked, fields_of
from iot_platform.settings import Settings

EXAMPLE = "example"
_OPTIONS = {"devices": "--devices", "readings_each_per_second": "--rate"}


@dataclass(frozen=True)
class Found:
    """Numbers by name, and where each is from."""

    values: Mapping[str, float]
    origins: Mapping[str, Origin]

    def over(self, other: Found) -> Found:
        return Found({**other.values, **self.values}, {**other.origins, **self.origins})


def read_rates(path: Path | None) -> Found:
    """From a file, over the built-in rates, which were measured where this was written. Raises UsageError."""
    built_in = _rates_of(_built_in("rates.toml"), "rates.toml").over(_rates_of(_built_in("stores.toml"), "stores.toml"))
    return built_in if path is None else _rates_of(_document(path), str(path)).over(built_in)


def _rates_of(document: dict[str, Any], name: str) -> Found:
    measured_on, command, machine = (document.pop(key, None) for key in ("measured_on", "command", "machine"))
    if list(document) != ["rates"] or not isinstance(document["rates"], dict):
        raise UsageError(
            f"{name} is no file of rates: it needs a table [rates] and may have measured_on, command and machine.",
            next_step="`iot-platform plan --measure --save FILE` writes one.",
        )
    origin = Origin("given", name)
    if isinstance(measured_on, date) and command:
        origin = Origin("measured", f"{measured_on}, {command}, on {machine or 'a machine that is not told'}")
    return _numbers(document["rates"], origin, Rates, name)


def read_prices(which: str) -> tuple[Found, str]:
    """Prices and their currency, from a file or, by the name `example`, from the one that comes with this."""
    document = _built_in("prices_example.toml") if which == EXAMPLE else _document(Path(which))
    dated, currency = document.pop("dated", None), document.pop("currency", "")
    if not isinstance(dated, date):
        raise UsageError(
            f"The prices in {which} have no date: add `dated = 2026-11-26`, the day on which they were looked up.",
        )
    where = "an EXAMPLE, no offer of anybody" if which == EXAMPLE else which
    return _numbers(document, Origin("given", f"{where}, dated {dated}"), Prices, which), str(currency)


def from_settings(settings: Settings, stream: str) -> Found:
    """What the settings of an installation say of the policy."""
    options = settings.stream(stream)
    place = f"streams.{stream}"
    said = {
        "raw_days": (options.retention.raw_days, f"{place}.retention.raw_days"),
        "validated_days": (options.retention.validated_days, f"{place}.retention.validated_days"),
        "dlq_days": (options.retention.dlq_days, f"{place}.retention.dlq_days"),
        "ledger_days": (options.retention.ledger_days, f"{place}.retention.ledger_days"),
        "window_hours": (options.dedup_window_hours, f"{place}.dedup_window_hours"),
        "batch_max": (settings.validator.batch_max, "validator.batch_max"),
        "batch_readings": (settings.producer.batch_readings, "producer.batch_readings"),
        "rocksdb": (float(settings.validator.dedup_store == "rocksdb"), "validator.dedup_store"),
    }
    if settings.warehouse.retention_days is not None:
        said["warehouse_days"] = (settings.warehouse.retention_days, "warehouse.retention_days")
    return Found(
        {name: float(value) for name, (value, _) in said.items()},
        {name: Origin("given", f"setting {setting}") for name, (_, setting) in said.items()},
    )


def from_pairs(pairs: Iterable[str]) -> Found:
    """Of NAME=VALUE. Raises UsageError, with the closest name, for one that is none."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, mark, text = pair.partition("=")
        try:
            values[name.strip()] = float(text)
        except ValueError:
            raise UsageError(
                f"--set {pair} gives no number." if mark else f"--set {pair} has no '='.",
                next_step="Write it as --set NAME=NUMBER, such as --set dead_share=0.02.",
            ) from None
    return _numbers(values, Origin("given", "--set"), (Load, Rates, Policy, Prices), "--set")


def case_of(found: Found, currency: str = "") -> Case:
    """The case that the numbers make; what the load and the policy leave open is as usual. Raises UsageError."""
    usual = {
        one.name: Origin("assumed", "usual; --set changes it")
        for one in fields_of(Load, Policy)
        if one.name not in found.values
    }
    priced = any(one.name in found.values for one in fields(Prices))
    return Case(
        checked(_made(Load, found)),
        checked(_made(Rates, found)),
        checked(_made(Policy, found)),
        checked(_made(Prices, found)) if priced else None,
        currency,
        {**usual, **found.origins},
    )


def _made(kind: Any, found: Found) -> Any:
    named = {one.name: found.values[one.name] for one in fields(kind) if one.name in found.values}
    try:
        return kind(**named)
    except TypeError:
        missing = [one.name for one in fields(kind) if one.name not in named and one.default is MISSING]
        raise UsageError(
            f"There is no {', no '.join(missing)}: a plan needs it.",
            next_step=f"Give it by {_OPTIONS.get(missing[0], f'--set {missing[0]}=NUMBER, or in the file')}.",
        ) from None


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:  # of TOML, and of UTF-8
        raise UsageError(f"{path} is not TOML: {error}.", next_step="Mend it there.") from None


def _built_in(name: str) -> dict[str, Any]:
    return tomllib.loads((files("iot_platform.planning") / name).read_text(encoding="utf-8"))


def _numbers(table: Mapping[str, Any], origin: Origin, kind: Any, where: str) -> Found:
    known = [one.name for one in fields_of(*(kind if isinstance(kind, tuple) else (kind,)))]
    for name, value in table.items():
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0)
            raise UsageError(
                f"{name} in {where} is no number that a plan knows; the closest is {close[0]}.",
                next_step="`iot-platform plan --json` lists all, under `inputs`.",
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{name} in {where} is {value!r}, not a number.")
    return Found({name: float(value) for name, value in table.items()}, dict.fromkeys(table, origin))
