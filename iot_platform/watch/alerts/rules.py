"""The rules, read from one TOML file, and which signals each of them means."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from iot_platform.errors import SettingsError
from iot_platform.watch.alerts.signals import Kind, Signal, severity

RuleLevel = Literal["info", "warn", "error"]

ALL_OTHERS = "*"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_FIELDS = {"subject", "name"}


@dataclass(frozen=True)
class Rule:
    """One kind of incident; rules.toml says what each option means."""

    name: str
    kind: Kind
    signals: frozenset[str]
    level: RuleLevel
    for_seconds: float
    cooldown_seconds: float
    resolve_after_seconds: float
    title: str
    what_to_do: str
    above: float | None = None
    not_these: frozenset[str] = frozenset()  # of ALL_OTHERS: what other rules of the kind name, and but_not

    def matches(self, signal: Signal) -> bool:
        """Whether this signal, as it is now, is what the rule looks for."""
        return signal.kind == self.kind and self._names(signal.name) and self._counts(signal)

    def subject_of(self, signal: Signal) -> str:
        """Whose incident it is: a rule for all others has one a signal's name."""
        return f"{signal.name} of {signal.subject}" if ALL_OTHERS in self.signals else signal.subject

    def title_for(self, signal: Signal) -> str:
        return self.title.format(subject=signal.subject, name=signal.name)

    def _names(self, name: str) -> bool:
        return name in self.signals or (ALL_OTHERS in self.signals and name not in self.not_these)

    def _counts(self, signal: Signal) -> bool:
        if self.above is not None and signal.value is not None:
            return signal.value > self.above
        return severity(signal.level) >= severity(self.level)


class _RuleTable(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    kind: Kind
    signals: list[str]
    level: RuleLevel
    for_seconds: float
    cooldown_seconds: float
    resolve_after_seconds: float
    title: str
    what_to_do: str
    above: float | None = None
    but_not: list[str] = msgspec.field(default_factory=list)


class _RulesFile(msgspec.Struct, forbid_unknown_fields=True):
    rules: list[_RuleTable]


def load_rules(path: Path | None = None) -> tuple[Rule, ...]:
    """The rules in `path`, or the built-in ones. Raises SettingsError, which says what in the file does not hold."""
    source = path or Path(str(resources.files("iot_platform.watch.alerts") / "rules.toml"))
    tables = _read(source)
    mistakes = list(_mistakes(tables))
    if mistakes:
        raise _malformed(source, "; ".join(mistakes))
    return tuple(_rule(table, tables) for table in tables)


def _read(path: Path) -> Sequence[_RuleTable]:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_RulesFile).rules
    except OSError as error:
        raise SettingsError(
            f"The alert rules in {path} cannot be read: {error.strerror}.",
            next_step="Set alerts.rules to the path of a TOML file, or unset it for the built-in rules.",
        ) from None
    except (msgspec.MsgspecError, ValueError) as error:  # ValueError: of UTF-8
        raise _malformed(path, str(error)) from None


def _malformed(path: Path, what: str) -> SettingsError:
    return SettingsError(
        f"The alert rules in {path} do not hold: {what}.",
        next_step="Mend the file that alerts.rules names; the built-in iot_platform/watch/alerts/rules.toml shows how.",
    )


def _mistakes(tables: Sequence[_RuleTable]) -> Iterator[str]:
    """A clause for each mistake that the types do not catch."""
    seen = set()
    for table in tables:
        where = f"rule '{table.name}'"
        if not _NAME.match(table.name):
            yield f"{where}: a name has 1 to 64 of a-z, 0-9 and _, and begins with a letter"
        if table.name in seen:
            yield f"{where} is there twice"
        seen.add(table.name)
        yield from (f"{where}: {clause}" for clause in _mistakes_of(table))


def _mistakes_of(table: _RuleTable) -> Iterator[str]:
    if not table.signals or (ALL_OTHERS in table.signals and len(table.signals) > 1):
        yield f'signals must be names, or "{ALL_OTHERS}" alone'
    if table.but_not and ALL_OTHERS not in table.signals:
        yield f'but_not goes with signals = ["{ALL_OTHERS}"] only'
    if not 0 <= table.for_seconds < float("inf"):
        yield "for_seconds must be 0 or more"
    if not 0 <= table.resolve_after_seconds < float("inf"):
        yield "resolve_after_seconds must be 0 or more"
    if not table.cooldown_seconds > 0:
        yield "cooldown_seconds must be above 0 (inf = no reminders)"
    if table.above is not None and not abs(table.above) < float("inf"):
        yield "above must be finite"
    if not _fills(table.title):
        yield "title may hold {subject} and {name}, and must not be empty"
    if not table.what_to_do.strip():
        yield "what_to_do is empty"


def _fills(title: str) -> bool:
    try:
        fields = {
            (name, spec, conversion)
            for _, name, spec, conversion in string.Formatter().parse(title)
            if name is not None
        }
    except ValueError:
        return False
    return bool(title.strip()) and all(
        name in _FIELDS and not spec and not conversion for name, spec, conversion in fields
    )


def _rule(table: _RuleTable, tables: Sequence[_RuleTable]) -> Rule:
    others = {name for other in tables if other.kind == table.kind for name in other.signals}
    return Rule(
        name=table.name,
        kind=table.kind,
        signals=frozenset(table.signals),
        level=table.level,
        for_seconds=table.for_seconds,
        cooldown_seconds=table.cooldown_seconds,
        resolve_after_seconds=table.resolve_after_seconds,
        title=table.title,
        what_to_do=table.what_to_do,
        above=table.above,
        not_these=frozenset({*others, *table.but_not} - {ALL_OTHERS}),
    )
