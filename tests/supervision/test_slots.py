"""What people decided is kept whole, whoever changes it at the same time; and a lease tells who lives."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from iot_platform.errors import AlreadyRunningError, DamagedError, UsageError
from iot_platform.lifecycle import is_held, lease
from iot_platform.settings import DagsterSettings, FleetSettings, Settings, StreamSettings, load_settings
from iot_platform.supervision.plan import plan
from iot_platform.supervision.slots import (
    Desired,
    Draining,
    Hold,
    Role,
    Slot,
    all_slots,
    change_desired,
    find_slot,
    read_desired,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SLOT = Slot(Role.VALIDATOR, "iot_data", 1)
FLEET = Slot(Role.PRODUCER, "iot_data")


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path / "state", streams={"iot_data": StreamSettings(validators=2)})


names = st.text(max_size=20)
moments = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
decisions = st.builds(
    Desired,
    draining=st.sampled_from(Draining),
    validators=st.dictionaries(names, st.integers(0, 99), max_size=3),
    scaled=st.dictionaries(names, st.integers(0, 99), max_size=3),
    held=st.dictionaries(names, st.builds(Hold, at=moments, why=st.text(max_size=40)), max_size=3),
    released=st.dictionaries(names, moments, max_size=3),
)


@hypothesis(deadline=None)  # a busy machine proves nothing
@given(decisions)
def test_what_was_decided_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, desired: Desired) -> None:
    settings = load_settings(state_dir=tmp_path_factory.mktemp("state"))
    assert change_desired(settings, lambda _before: desired) == desired
    assert read_desired(settings) == desired


def test_the_first_producer_keeps_its_names_and_the_others_are_numbered(tmp_path: Path) -> None:
    settings = load_settings(
        state_dir=tmp_path, streams={"iot_data": StreamSettings()}, fleet=FleetSettings(producers=3)
    )
    producers = [slot for slot in all_slots(settings, Desired()) if slot.role is Role.PRODUCER]
    assert [slot.name for slot in producers] == ["producer-iot_data", "producer-iot_data-1", "producer-iot_data-2"]
    leases = [slot.lease_path(settings).name for slot in producers]
    assert leases == [f"producer-iot_data-fleet{number}.lock" for number in ("", "-1", "-2")]
    programs = [
        program.name for program in plan(settings.model_copy(update={"dagster": DagsterSettings(enabled=False)}))
    ]
    assert set(programs) >= {slot.name for slot in producers}


def test_nothing_decided_is_the_default_and_makes_no_file(here: Settings) -> None:
    assert read_desired(here) == Desired()
    assert change_desired(here, lambda before: before) == Desired()
    assert not (here.state_dir / "desired.json").exists()


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "{}", '"held"', '{"held": {}}',
        '{"draining": "a bit", "validators": {}, "held": {}, "released": {}}',
        '{"draining": "nothing", "validators": {}, "held": {"a": {}}, "released": {}}',
        '{"draining": "nothing", "validators": {}, "held": [], "released": {}}',
        '{"draining": "nothing", "validators": {}, "held": {}, "released": {}, "more": 1}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_told_by_name_with_what_to_do(here: Settings, text: str) -> None:
    path = here.state_dir / "desired.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DamagedError) as raised:
        read_desired(here)
    assert raised.value.message.startswith(f"{path} is not what `iot-platform` wrote there: ")
    assert raised.value.next_step == "Remove the file: then the settings alone say what runs."
    with pytest.raises(DamagedError):
        change_desired(here, lambda before: before)
    assert path.read_text(encoding="utf-8") == text, "nobody overwrites what somebody may want to mend"


def test_a_change_that_fails_changes_nothing_and_lets_the_next_one_in(here: Settings) -> None:
    before = change_desired(here, partial(Desired.hold, slot=SLOT, why="a", now=NOON))

    def fail(_desired: Desired) -> Desired:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        change_desired(here, fail)
    assert read_desired(here) == before
    change_desired(here, partial(Desired.release, slot=SLOT, now=NOON))


_HOLD_MANY = """
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from iot_platform.settings import load_settings
from iot_platform.supervision.slots import Desired, Role, Slot, change_desired
settings = load_settings(state_dir=Path(sys.argv[1]))
for number in range(25):
    slot = Slot(Role.VALIDATOR, sys.argv[2], number)
    change_desired(settings, partial(Desired.hold, slot=slot, why="by a test", now=datetime.now(UTC)))
"""


def test_changes_of_several_processes_at_once_lose_nothing(here: Settings) -> None:
    streams = ["a", "b", "c", "d"]
    line = [sys.executable, "-c", _HOLD_MANY, str(here.state_dir)]
    processes = [subprocess.Popen([*line, stream]) for stream in streams]
    assert [process.wait(120) for process in processes] == [0] * len(streams)
    expected = {Slot(Role.VALIDATOR, stream, number).name for stream in streams for number in range(25)}
    assert read_desired(here).held.keys() == expected


def test_a_hold_lasts_until_the_slot_is_started_again() -> None:
    held = Desired().hold(SLOT, "terminated", NOON)
    assert not held.lets_run(SLOT)
    assert held.lets_run(SLOT, held=False)
    assert held.lets_run(replace(SLOT, number=0))
    released = held.release(SLOT, NOON + timedelta(hours=1))
    assert released.lets_run(SLOT)
    assert released.released == {SLOT.name: "2026-01-01T13:00:00+00:00"}


@pytest.mark.parametrize(
    ("draining", "validator", "producer"),
    [(Draining.NOTHING, True, True), (Draining.SOURCES, True, False), (Draining.ALL, False, False)],
)
def test_a_drain_stops_sources_first(draining: Draining, validator: bool, producer: bool) -> None:
    desired = Desired(draining=draining)
    assert (desired.lets_run(SLOT), desired.lets_run(FLEET)) == (validator, producer)
    assert (desired.lets_run(SLOT, held=False), desired.lets_run(FLEET, held=False)) == (validator, producer)


def test_the_slots_are_those_of_the_settings_unless_somebody_decided_otherwise(here: Settings) -> None:
    validators = [Slot(Role.VALIDATOR, "iot_data", number) for number in range(3)]
    assert all_slots(here, Desired()) == [*validators[:2], FLEET]
    assert all_slots(here, Desired(validators={"iot_data": 3})) == [*validators, FLEET]
    assert all_slots(here, Desired(validators={"iot_data": 0}).hold(FLEET, "off", NOON)) == [FLEET]


def test_a_slot_is_found_by_its_name_and_a_wrong_name_tells_the_right_ones(here: Settings) -> None:
    assert find_slot(here, "validator-iot_data-1") == SLOT
    with pytest.raises(UsageError) as raised:
        find_slot(here, "validator-iot_data-2")
    assert str(raised.value) == (
        "There is no 'validator-iot_data-2' here. There are: producer-iot_data, validator-iot_data-0, "
        "validator-iot_data-1."
    )


def test_a_slot_is_held_as_long_as_somebody_has_its_lease(here: Settings) -> None:
    path = SLOT.lease_path(here)
    assert not is_held(path)
    assert not path.exists(), "to ask leaves nothing behind"
    with lease(path, "The test"):
        assert is_held(path)
        assert is_held(path)
        assert path.read_text() != ""
    assert not is_held(path)


def test_to_ask_takes_nothing_from_who_comes_next(here: Settings) -> None:
    path = SLOT.lease_path(here)
    with ExitStack() as stack:
        with lease(path, "The first"):
            pass
        assert not is_held(path)
        stack.enter_context(lease(path, "The second"))
        assert is_held(path)
        with pytest.raises(AlreadyRunningError):
            stack.enter_context(lease(path, "The third"))


def test_a_lease_ends_with_the_death_of_its_holder(here: Settings) -> None:
    code = (
        "import sys; from pathlib import Path; from iot_platform.lifecycle import is_held, lease\n"
        "with lease(Path(sys.argv[1]), 'It'):\n print('has it', flush=True); sys.stdin.read()"
    )
    path = SLOT.lease_path(here)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "has it\n"
        assert is_held(path)
        holder.kill()
        holder.wait(30)
        assert not is_held(path)


def test_the_file_is_plain_to_read(here: Settings) -> None:
    change_desired(here, partial(Desired.hold, slot=SLOT, why="by hand", now=NOON))
    assert json.loads((here.state_dir / "desired.json").read_text()) == {
        "draining": "nothing",
        "validators": {},
        "scaled": {},
        "held": {"validator-iot_data-1": {"at": "2026-01-01T12:00:00+00:00", "why": "by hand"}},
        "released": {},
    }
