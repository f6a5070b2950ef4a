"""The rules, read from one TOML file, and which signals each of them means."""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
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


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of incident; rules.toml says what each option means. `but_not` is what ALL_OTHERS leaves out: once read,
    also what other rules of the kind name."""

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
    but_not: frozenset[str] = frozenset()
    explains: frozenset[str] = frozenset()
    runbook: str | None = None

    def matches(self, signal: Signal) -> bool:
        """Whether this signal, as it is now, is what the rule looks for."""
        return signal.kind == self.kind and self._names(signal.name) and self._counts(signal)

    def subject_of(self, signal: Signal) -> str:
        """Whose incident it is: a rule for all others has one a signal's name."""
        return f"{signal.name} of {signal.subject}" if ALL_OTHERS in self.signals else signal.subject

    @property
    def explained(self) -> frozenset[str]:
        """The names of the rules that it explains, of whichever subjects."""
        return frozenset(one.partition("/")[0] for one in self.explains)

    def accounts_for(self, name: str, subject: str) -> bool:
        """Whether it explains an incident of rule `name` and of that subject."""
        return any(one == name or fnmatchcase(f"{name}/{subject}", one) for one in self.explains)

    def title_for(self, signal: Signal) -> str:
        return self.title.format(subject=signal.subject, name=signal.name)

    def _names(self, name: str) -> bool:
        return name in self.signals or (ALL_OTHERS in self.signals and name not in self.but_not)

    def _counts(self, signal: Signal) -> bool:
        if self.above is not None and signal.value is not None:
            return signal.value > self.above
        return severity(signal.level) >= severity(self.level)


class _RulesFile(msgspec.Struct, forbid_unknown_fields=True):
    rules: list[Rule]


def load_rules(path: Path | None = None) -> tuple[Rule, ...]:
    """The rules in `path`, or the built-in ones. Raises SettingsError, which says what in the file does not hold."""
    built_in = Path(str(resources.files("iot_platform.watch.alerts") / "rules.toml"))
    rules = _read(path or built_in)
    mistakes = [*_mistakes(rules), *_mistakes_of_causes(rules)]
    if mistakes:
        raise _malformed(path or built_in, "; ".join(mistakes))
    pages = {rule.name for rule in (_read(built_in) if path else rules)}
    return tuple(_completed(rule, rules, pages) for rule in rules)


def in_order(rules: Sequence[Rule]) -> list[Rule]:
    """Causes before what they explain; of these the worse first: they may cover others."""
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            depths[name] = max((depth(rule.name) + 1 for rule in rules if name in rule.explained), default=0)
        return depths[name]

    return sorted(rules, key=lambda rule: (depth(rule.name), -severity(rule.level)))


def _read(path: Path) -> Sequence[Rule]:
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


def _mistakes(rules: Sequence[Rule]) -> Iterator[str]:
    """A clause for each mistake that the types do not catch."""
    seen = set()
    for rule in rules:
        where = f"rule '{rule.name}'"
        if not _NAME.match(rule.name):
            yield f"{where}: a name has 1 to 64 of a-z, 0-9 and _, and begins with a letter"
        if rule.name in seen:
            yield f"{where} is there twice"
        seen.add(rule.name)
        yield from (f"{where}: {clause}" for clause in _mistakes_of(rule))


def _mistakes_of(rule: Rule) -> Iterator[str]:
    if not rule.signals or (ALL_OTHERS in rule.signals and len(rule.signals) > 1):
        yield f'signals must be names, or "{ALL_OTHERS}" alone'
    if rule.but_not and ALL_OTHERS not in rule.signals:
        yield f'but_not goes with signals = ["{ALL_OTHERS}"] only'
    if not 0 <= rule.for_seconds < float("inf"):
        yield "for_seconds must be 0 or more"
    if not 0 <= rule.resolve_after_seconds < float("inf"):
        yield "resolve_after_seconds must be 0 or more"
    if not rule.cooldown_seconds > 0:
        yield "cooldown_seconds must be above 0 (inf = no reminders)"
    if rule.above is not None and not abs(rule.above) < float("inf"):
        yield "above must be finite"
    if not _fills(rule.title):
        yield "title may hold {subject} and {name}, and must not be empty"
    if rule.runbook is not None and any(sign in rule.runbook for sign in "\n\r "):
        yield "runbook is a page's name or an address"
    if not rule.what_to_do.strip():
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


def _mistakes_of_causes(rules: Sequence[Rule]) -> Iterator[str]:
    by_name = {rule.name: rule for rule in rules}
    for rule in rules:
        for name in sorted(rule.explained - by_name.keys()):
            yield f"rule '{rule.name}': it explains '{name}', which is no rule"
        if rule.explains and rule.level == "info":
            yield f"rule '{rule.name}': of level info nobody is told, so it must explain nothing"
        if _leads_back(rule, by_name):
            yield f"rule '{rule.name}': it explains itself, at once or by others"


def _leads_back(rule: Rule, by_name: Mapping[str, Rule]) -> bool:
    reached: set[str] = set()
    ahead = set(rule.explained)
    while ahead:
        name = ahead.pop()
        reached.add(name)
        ahead |= (by_name[name].explained if name in by_name else frozenset()) - reached
    return rule.name in reached


def _completed(rule: Rule, rules: Sequence[Rule], pages: Collection[str]) -> Rule:
    """With what follows from its neighbours, and with its page: its own where there is one of its name."""
    others = {name for other in rules if other.kind == rule.kind for name in other.signals}
    page = rule.runbook if rule.runbook is not None else rule.name if rule.name in pages else ""
    return msgspec.structs.replace(rule, but_not=frozenset({*others, *rule.but_not} - {ALL_OTHERS}), runbook=page)
