"""What is said and done of three brokers, without starting them."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.errors import UsageError
from iot_platform.settings import DagsterSettings, KafkaSettings, load_settings
from iot_platform.supervision.brokers import BrokerFacts, can_serve, down_sentence, start_broker, stop_broker
from iot_platform.supervision.plan import plan
from iot_platform.supervision.supervisor import Supervisor
from tests.support.scripts import Script, script

# The supervisor outlives the object that started it, as it should.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


def facts(*up: bool) -> list[BrokerFacts]:
    names = ("broker", "broker-2", "broker-3")
    return [
        BrokerFacts(number, names[number - 1], "127.0.0.1:1", 7, one, Path(f"{number}.log"))
        for number, one in enumerate(up, start=1)
    ]


@pytest.mark.parametrize(
    ("up", "serves", "said"),
    [
        ((), True, ""),
        ((True,), True, ""),
        ((False,), False, ""),  # `kafka_unreachable` says it
        ((True, True, True), True, ""),
        ((True, False, True), True, "1 of 3 brokers is down (broker-2): Kafka goes on with the others, but not"),
        ((False, True, False), False, "2 of 3 brokers are down (broker and broker-3): too few are left to take a"),
        ((False, False, False), False, "3 of 3 brokers are down"),
    ],
)
def test_two_of_three_serve_and_one_alone_does_not(up: tuple[bool, ...], serves: bool, said: str) -> None:
    assert can_serve(facts(*up)) is serves
    assert down_sentence(facts(*up)).startswith(said)
    assert bool(down_sentence(facts(*up))) is bool(said)


@pytest.mark.parametrize(("brokers", "names"), [(1, ["broker"]), (3, ["broker", "broker-2", "broker-3"])])
def test_all_brokers_stop_last_and_at_the_same_time(brokers: int, names: list[str]) -> None:
    settings = load_settings(kafka=KafkaSettings(brokers=brokers), dagster=DagsterSettings(enabled=False))
    programs = plan(settings)
    assert [program.name for program in programs if program.is_broker] == names
    assert len({(program.group, program.priority) for program in programs if program.is_broker}) == 1
    assert min(program.priority for program in programs if not program.is_broker) > programs[0].priority


_STAYS = "import signal\nprint('there', flush=True)\nsignal.pause()\n"


def test_a_program_of_a_group_is_started_stopped_and_seen_by_its_own_name(tmp_path: Path) -> None:
    made = [script(tmp_path / f"{name}.py", _STAYS) for name in ("one", "two", "alone")]
    grouped = [Script(m.name, m.arguments, 1, 5, group="pair") for m in made[:2]]
    supervisor = Supervisor(load_settings(state_dir=tmp_path / "state"))
    supervisor.start([*grouped, made[2]])
    try:
        for name in ("one", "two", "alone"):
            supervisor.start_program(name)
        supervisor.stop_program("two")
        assert {state.name: (state.state, state.group) for state in supervisor.states()} == {
            "one": ("RUNNING", "pair"),
            "two": ("STOPPED", "pair"),
            "alone": ("RUNNING", "alone"),
        }
    finally:
        supervisor.shut_down(30)


@pytest.mark.parametrize(("brokers", "number"), [(3, 4), (1, 2)])
def test_a_broker_that_there_is_not_is_a_wrong_use(brokers: int, number: int) -> None:
    settings = load_settings(kafka=KafkaSettings(brokers=brokers))
    for act in (start_broker, stop_broker):
        with pytest.raises(UsageError, match=f"There is no broker {number}: the settings say {brokers}"):
            act(settings, number, print)
