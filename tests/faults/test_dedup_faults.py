"""F23, F26 to F28: repeats of every age, and a memory of accepted ids that is lost, cut short and half restored."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import pytest
from confluent_kafka import TopicPartition

from iot_platform.clock import SystemClock, unix_millis
from iot_platform.errors import ChangelogTooShortError
from iot_platform.settings import StreamSettings
from iot_platform.stream.clients import Clients
from tests.faults.conftest import Case, MakeScene
from tests.faults.scene import Scene
from tests.support.given import Given, many
from tests.support.readings import encoded
from tests.support.topics import read_all, read_ledger, send

pytestmark = pytest.mark.kafka

WINDOW_HOURS = 24.0
AGES = (
    (timedelta(seconds=1), "duplicate"),
    (timedelta(hours=1), "duplicate"),
    (timedelta(hours=23, minutes=59), "duplicate"),
    (timedelta(hours=60), "accepted again"),
)
"""What becomes of a repeat at that age. An id is kept for the window at least. It goes with all that were accepted in
the same span, so in a stream with few readings it may stay for another window."""


@pytest.mark.parametrize("restarts", [False, True], ids=["one validator", "a new one each time"])
def test_f23_a_repeat_within_the_window_is_dropped_and_one_beyond_it_is_accepted(
    make_scene: MakeScene, case: Case, restarts: bool
) -> None:
    ageless = StreamSettings(
        partitions=1, dedup_window_hours=WINDOW_HOURS, max_age_seconds=None, max_ahead_seconds=None
    )
    scene = make_scene(options=ageless)
    born_ms = unix_millis(SystemClock().now() - timedelta(hours=70))
    first = encoded()
    story = [(first, timedelta(0))]
    for age, fate in AGES:
        if fate != "duplicate":
            story.append((encoded(), timedelta(hours=27)))
        story += [(encoded(), age - timedelta(milliseconds=1)), (first, age)]  # time goes on with another reading first
    with ExitStack() as stack:
        if not restarts:
            stack.enter_context(scene.process(*scene.validator()))
        for value, age in story:
            record = {"key": b"sensor-1", "value": value, "timestamp": born_ms + age // timedelta(milliseconds=1)}
            send(scene.settings, scene.topology.raw, [record])
            if restarts:
                scene.validate()
            scene.await_covered(200)
    again = sum(fate == "accepted again" for _, fate in AGES)
    valid, entries = read_all(scene.settings, scene.topology.validated), read_ledger(scene.settings, scene.stream)
    assert Counter(kept.value for kept in valid)[first] == 1 + again
    assert len(valid) == 1 + len(AGES) + 2 * again
    assert sum(entry.duplicates for entry in entries) == len(AGES) - again
    case.note()


def test_f26_a_ledger_cut_within_the_window_stops_the_validator_loudly(scene: Scene, case: Case) -> None:
    for _ in range(3):
        scene.send(100)
        scene.validate()
    admin, topic = Clients(scene.settings).admin(), scene.topology.ledger
    cut = [TopicPartition(topic, at, span.end - 2) for (_, at), span in scene.spans(topic).items()]
    for future in admin.delete_records(cut).values():
        future.result(30)
    scene.send(100)
    with pytest.raises(ChangelogTooShortError, match="within the deduplication window"):
        scene.validate()
    sent = {kept.value for kept in read_all(scene.settings, scene.topology.raw)}
    assert {kept.value for kept in read_all(scene.settings, scene.topology.validated)} < sent
    case.note()


def test_f27_a_kill_and_a_rebalance_in_the_middle_of_restoring_leave_no_hole(scene: Scene, case: Case) -> None:
    """Repeats of all that was accepted are sent while nobody has restored: each must still be known."""
    given = many(300)
    scene.give(Given(given))
    scene.validate()
    scene.give(Given([*given, *many(50)], "again"))
    scene.dies(*scene.validator(), IOT_FAULTPOINT="validator.restoring:kill:2")
    slow = {"IOT_FAULTPOINT": "validator.restoring:sleep=2:*"}
    with scene.process(*scene.validator(), **slow), scene.process(*scene.validator(1), **slow):
        scene.await_covered(90)
    case.holds(scene)
    assert sum(entry.duplicates for entry in read_ledger(scene.settings, scene.stream)) == 300


def test_f28_a_restore_ends_at_the_end_of_the_log_whatever_stands_there(scene: Scene, case: Case) -> None:
    """The ledger ends in control records, then in an aborted batch, and the window is whole each time."""
    given = many(100)
    for number in range(3):
        scene.give(Given(given, f"given-{number}"))
        scene.validate()
        for _ in range(number):
            scene.sing()
    case.holds(scene)
    assert sum(entry.duplicates for entry in read_ledger(scene.settings, scene.stream)) == 200
