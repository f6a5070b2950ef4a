"""The rules' file: the built-in one holds and names what there is; a mistake is told in one sentence."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iot_platform.errors import SettingsError
from iot_platform.quality.checks import CHECKS
from iot_platform.settings import Settings
from iot_platform.watch.alerts import signals
from iot_platform.watch.alerts.rules import Rule, load_rules
from iot_platform.watch.alerts.signals import Kind, Level, Signal, lag_signal
from tests.support.command_lines import refused

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

GOOD = """
[[rules]]
name = "one"
kind = "check"
signals = ["freshness"]
level = "warn"
for_seconds = 0
cooldown_seconds = inf
resolve_after_seconds = 0
title = "{name} of {subject}"
what_to_do = "Look."
"""


def signal(kind: Kind, name: str, level: Level = "error", value: float | None = None) -> Signal:
    return Signal(kind, name, "iot_data", level, "1 %", NOON, value)


def meant(rules: tuple[Rule, ...], given: Signal) -> list[str]:
    return [rule.name for rule in rules if rule.matches(given)]


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        (signal("check", "dead_letter_share"), ["dead_letters"]),
        (signal("check", "dead_letter_share", "warn"), []),
        (signal("check", "dead_letter_share", "ok"), []),
        (signal("check", "unaccounted"), ["unaccounted"]),
        (signal("check", "a_check_of_tomorrow"), ["other_check"]),
        (signal("check", "a_check_of_tomorrow", "warn"), []),
        (signal("check", "lag"), []),  # the rules of kind lag tell of it
        (signal("platform", "dead_letter_share"), ["other_platform"]),  # a name counts within its kind
        (signal("stream", signals.STREAM_NOT_RUNNING, "warn"), ["stream_down"]),
        (signal("stream", signals.STREAM_FAILING), ["stream_down"]),
        (signal("stream", signals.STREAM_STOPPED, "info"), ["stream_stopped"]),
        (signal("stream", signals.STREAM_STOPPED, "ok"), []),
        (signal("stream", signals.STREAM_PAUSED), ["stream_paused"]),
        (lag_signal("loader-iot_data", 120, NOON), []),
        (lag_signal("loader-iot_data", 121, NOON), ["behind"]),
        (lag_signal("loader-iot_data", 1801, NOON), ["behind", "far_behind"]),
        (lag_signal("loader-iot_data", 20, NOON, level="warn"), ["falling_behind"]),  # by its course
        (lag_signal("loader-iot_data", 20, NOON, level="error"), ["not_moving", "falling_behind"]),
        (
            lag_signal("loader-iot_data", 1801, NOON, level="error"),
            ["not_moving", "falling_behind", "behind", "far_behind"],
        ),
        (signal("lag", signals.LAG_SECONDS, "warn"), ["falling_behind", "behind"]),  # without a figure its level counts
        (signal("platform", signals.KAFKA_UNREACHABLE), ["kafka_unreachable"]),
        (signal("platform", signals.WAREHOUSE_LOCKED, "warn"), ["warehouse_locked"]),
        (signal("platform", signals.DISK_LOW, "warn"), ["disk_low"]),
    ],
)
def test_which_built_in_rules_a_signal_meets(given: Signal, rules: list[str]) -> None:
    assert meant(load_rules(), given) == rules


def test_a_rule_for_all_others_has_an_incident_for_each_of_them() -> None:
    (other,) = (rule for rule in load_rules() if rule.name == "other_check")
    first, second = signal("check", "first"), signal("check", "second")
    assert other.subject_of(first) != other.subject_of(second)
    assert other.title_for(first) == "check first of iot_data"


def test_every_check_there_is_has_a_rule() -> None:
    for name in set(CHECKS) - {"lag"}:
        assert meant(load_rules(), signal("check", name)) != []
        assert meant(load_rules(), signal("check", name)) != ["other_check"]


def test_what_to_do_names_commands_and_settings_that_there_are() -> None:
    for rule in load_rules():
        for words in re.findall(r"`iot-platform ([^`]+)`", rule.what_to_do):
            assert refused(f"iot-platform {words}", whole=False) == ""
        for path in re.findall(r"\b(?:streams\.NAME|warehouse|alerts)\.[a-z_.]*[a-z]", rule.what_to_do):
            assert exists(path), path


def exists(path: str) -> bool:
    found: object = Settings()
    for part in path.split("."):
        found = found["iot_data"] if part == "NAME" else getattr(found, part, None)  # type: ignore[index]
    return found is not None


def test_another_file_takes_the_place_of_the_built_in_rules(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    (rule,) = load_rules(path)
    assert (rule.name, rule.level, rule.cooldown_seconds) == ("one", "warn", float("inf"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("signals =", "signal ="), "unknown field `signal`"),
        (('"check"', '"cheque"'), "Invalid enum value 'cheque' - at `$.rules[0].kind`"),
        (('"warn"', '"ok"'), "Invalid enum value 'ok' - at `$.rules[0].level`"),
        (("for_seconds = 0", 'for_seconds = "soon"'), "Expected `float`, got `str`"),
        (("for_seconds = 0", "for_seconds = -1"), "rule 'one': for_seconds must be 0 or more"),
        (("for_seconds = 0", "for_seconds = nan"), "rule 'one': for_seconds must be 0 or more"),
        (("resolve_after_seconds = 0", "resolve_after_seconds = inf"), "resolve_after_seconds must be 0 or more"),
        (("cooldown_seconds = inf", "cooldown_seconds = 0"), "cooldown_seconds must be above 0"),
        (("cooldown_seconds = inf", "cooldown_seconds = nan"), "cooldown_seconds must be above 0"),
        (('["freshness"]', "[]"), 'signals must be names, or "*" alone'),
        (('["freshness"]', '["*", "lag"]'), 'signals must be names, or "*" alone'),
        (('["freshness"]', '["freshness"]\nbut_not = ["lag"]'), 'but_not goes with signals = ["*"] only'),
        (("{name} of {subject}", "{value}"), "title may hold {subject} and {name}"),
        (("{name} of {subject}", "{subject.__class__}"), "title may hold {subject} and {name}"),
        (("{name} of {subject}", "{subject:9999999999}"), "title may hold {subject} and {name}"),
        (("{name} of {subject}", "{subject"), "title may hold {subject} and {name}"),
        (("{name} of {subject}", ""), "title may hold {subject} and {name}"),
        (('"Look."', '" "'), "what_to_do is empty"),
        (('"one"', '"One"'), "a name has 1 to 64 of a-z, 0-9 and _"),
        (("[[rules]]", "[[rules]"), "do not hold:"),
        (("level =", 'explains = ["two/a-*"]\nlevel ='), "rule 'one': it explains 'two', which is no rule"),
        (("level =", 'explains = ["one/a-*"]\nlevel ='), "rule 'one': it explains itself, at once or by others"),
        (('level = "warn"', 'explains = ["one"]\nlevel = "info"'), "of level info nobody is told"),
        (("level =", 'runbook = "a page"\nlevel ='), "rule 'one': runbook is a page's name or an address"),
        (('what_to_do = "Look."', 'what_to_do = "Look."\nabove = inf'), "above must be finite"),
        (('what_to_do = "Look."', 'what_to_do = "Look."' + GOOD), "rule 'one' is there twice"),
    ],
)
def test_a_mistake_is_told_in_one_sentence_with_the_file(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(*change, 1))
    with pytest.raises(SettingsError) as caught:
        load_rules(path)
    assert told in caught.value.message
    assert str(path) in caught.value.message
    assert "\n" not in str(caught.value)
    assert "alerts.rules" in caught.value.next_step


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b""])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match="The alert rules in"):
        load_rules(path)
