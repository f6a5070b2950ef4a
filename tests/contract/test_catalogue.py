"""Catalogues: extended by a file without code, and refused in one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from iot_platform.errors import SettingsError
from tests.contract.records import MAX_BYTES, VALID, encoded, verdict, verdicts

_SOIL = """
[types.soil_moisture]
unit = "%"
minimum = 0
maximum = 100
interval_seconds = 60
"""


def _file(folder: Path, text: str | bytes, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_a_new_sensor_type_is_judged_without_code(tmp_path: Path) -> None:
    catalogue = load_catalogue(_file(tmp_path, 'extends = "iot_data"' + _SOIL))
    judge = Judge(catalogue, Freshness(86_400, 300), MAX_BYTES)
    assert verdict(judge, encoded(sensor_type="soil_moisture", unit="%", value=33)) == VALID
    assert verdict(judge, encoded(sensor_type="soil_moisture", unit="%", value=101)).codes == ["range:value"]
    assert verdict(judge, encoded()) == VALID
    filled = verdict(judge, encoded(sensor_type="soil_moisture", unit=None)).repair
    assert filled is not None
    assert b'"unit": "%"' in filled.value


def test_a_catalogue_of_its_own_has_only_its_own_types(tmp_path: Path) -> None:
    catalogue = load_catalogue(_file(tmp_path, _SOIL))
    assert list(catalogue.types) == ["soil_moisture"]
    assert catalogue.name == "mine"
    judge = Judge(catalogue, Freshness(86_400, 300), MAX_BYTES)
    assert verdicts(judge, [encoded()])[0].codes == ["unknown_sensor_type:sensor_type"]


def test_a_unit_of_any_characters_is_a_unit(tmp_path: Path) -> None:
    for unit in ("\N{GREEK SMALL LETTER MU}g/m3", '[arb"U]', "back\\slash", "\U0001f600"):
        text = _SOIL.replace('"%"', f"'{unit}'")
        catalogue = load_catalogue(_file(tmp_path, text))
        judge = Judge(catalogue, Freshness(86_400, 300), MAX_BYTES)
        sound = encoded(sensor_type="soil_moisture", unit=catalogue.types["soil_moisture"].unit, value=1)
        assert verdicts(judge, [sound]) == [VALID]


def test_a_catalogue_extends_a_neighbour_wherever_the_process_was_started(tmp_path: Path) -> None:
    _file(tmp_path, 'extends = "iot_data"' + _SOIL, "base.toml")
    catalogue = load_catalogue(_file(tmp_path, 'extends = "base.toml"\n[nulls]\nlocation = "dead"\n'))
    assert "soil_moisture" in catalogue.types
    assert "temperature" in catalogue.types
    assert catalogue.nulls["location"] == "dead"
    assert catalogue.nulls["unit"] == "fill"


def test_null_policies_are_inherited_and_chosen_anew(tmp_path: Path) -> None:
    _file(tmp_path, 'extends = "iot_data"\n[nulls]\nlocation = "dead"\nunit = "dead"\n', "base.toml")
    catalogue = load_catalogue(_file(tmp_path, 'extends = "base.toml"\n[nulls]\nlocation = "keep"\n'))
    assert (catalogue.nulls["location"], catalogue.nulls["unit"]) == ("keep", "dead")


def test_the_fingerprint_follows_each_rule_and_no_description(tmp_path: Path) -> None:
    def fingerprint(text: str) -> str:
        return load_catalogue(_file(tmp_path, text)).fingerprint

    before = fingerprint(_SOIL)
    assert fingerprint(_SOIL + 'description = "wet"\n') == before
    changes = [("= 0", "= 1"), ("= 100", "= 99"), ("= 60", "= 61"), ('"%"', '"%RH"'), ("soil", "leaf")]
    changed = {fingerprint(_SOIL.replace(*change)) for change in changes} | {
        fingerprint(_SOIL + "[nulls]\nunit='dead'")
    }
    assert len({*changed, before}) == len(changes) + 2


_MISTAKES = {
    "no TOML": ("[types", "malformed"),
    "not UTF-8": (b'extends = "\xff"', "not UTF-8"),
    "empty": ("", "no sensor type"),
    "unknown table": ("[sensors]\n", "sensors"),
    "unknown word": (_SOIL + "unitt = 1\n", "unitt"),
    "unit missing": (_SOIL.replace('unit = "%"\n', ""), "unit"),
    "unit empty": (_SOIL.replace('"%"', '""'), "unit is empty"),
    "unit a number": (_SOIL.replace('"%"', "1"), "unit"),
    "minimum a string": (_SOIL.replace("= 0", '= "0"'), "minimum"),
    "minimum above maximum": (_SOIL.replace("= 0", "= 101"), "minimum at most maximum"),
    "maximum infinite": (_SOIL.replace("= 100", "= inf"), "finite"),
    "maximum beyond a double": (_SOIL.replace("= 100", "= 1e400"), "finite"),
    "minimum not a number": (_SOIL.replace("= 0", "= nan"), "finite"),
    "interval of nothing": (_SOIL.replace("= 60", "= 0"), "interval_seconds"),
    "name in upper case": (_SOIL.replace("soil_", "Soil_"), "Soil_moisture"),
    "name of a line break": (_SOIL.replace("soil_moisture", '"soil\\n"'), "a-z"),
    "policy for a critical field": (_SOIL + "[nulls]\nvalue = 'keep'\n", "value"),
    "policy for an unknown field": (_SOIL + "[nulls]\ncolour = 'keep'\n", "colour"),
    "unknown policy": (_SOIL + "[nulls]\nunit = 'guess'\n", "guess"),
    "extends nothing there": ('extends = "nowhere"', "nowhere"),
    "extends itself": ('extends = "mine.toml"', "circle"),
    "extends a folder": ('extends = "."', "neither built in"),
    "extends a name with NUL": ('extends = "a\\u0000b"', "neither built in"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), _MISTAKES.values(), ids=list(_MISTAKES))
def test_a_mistake_is_said_in_one_sentence(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_catalogue(path)
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert "Catalogue" in caught.value.message


def test_two_files_that_extend_each_other_are_a_circle(tmp_path: Path) -> None:
    _file(tmp_path, 'extends = "mine.toml"', "other.toml")
    with pytest.raises(SettingsError, match=r"circle: .*mine\.toml -> .*other\.toml -> .*mine\.toml"):
        load_catalogue(_file(tmp_path, 'extends = "./other.toml"'))


def test_a_name_that_is_neither_built_in_nor_a_file_names_the_setting() -> None:
    with pytest.raises(SettingsError) as caught:
        load_catalogue("no_such_catalogue")
    assert "`catalogue`" in caught.value.next_step
