"""What sensors in trouble share that the others do not: a table of cases."""

from __future__ import annotations

import pytest

from iot_platform.quality.common_cause import Share, cause_sentence, suspects

HUMIDITY = Share("sensor type", "humidity", 7, 7)
SITE = Share("location", "site-a", 7, 8)
ALL_ONE = Share("schema version", "1", 7, 50)


@pytest.mark.parametrize(
    ("shares", "affected", "sensors", "found"),
    [
        ([], 0, 0, []),
        ([HUMIDITY, ALL_ONE], 7, 50, [HUMIDITY]),  # what all have tells nothing
        ([SITE, HUMIDITY], 7, 50, [HUMIDITY, SITE]),  # the closer fit first
        ([SITE, ALL_ONE], 7, 50, [SITE]),  # one healthy sensor there: chance
        ([Share("location", "site-a", 7, 20)], 7, 50, []),  # most of those there are well
        ([Share("location", "site-a", 4, 4), Share("location", "site-b", 3, 3)], 7, 50, []),  # two places
        ([Share("sensor type", "humidity", 6, 6), Share("sensor type", "co2", 1, 9)], 7, 50,
         [Share("sensor type", "humidity", 6, 6)]),  # one more for reasons of its own
        ([Share("sensor type", "humidity", 3, 4), ALL_ONE], 3, 24,
         [Share("sensor type", "humidity", 3, 4)]),  # the fourth has not shown it yet
        ([Share("sensor type", "humidity", 8, 10)], 10, 12, []),  # as many of the others
        ([Share("schema version", "1", 48, 48)], 48, 50, []),  # all of them
    ],
)  # fmt: skip
def test_what_affected_sensors_share_and_others_do_not(
    shares: list[Share], affected: int, sensors: int, found: list[Share]
) -> None:
    assert suspects(shares, affected, sensors) == found


def test_the_sentence_says_how_well_a_suspicion_fits() -> None:
    assert cause_sentence([SITE, HUMIDITY, ALL_ONE], 7, 50) == (
        "Suspected cause: sensor type humidity, which 7 of the 7 have and 0 of the others; or location site-a."
    )
    assert cause_sentence([ALL_ONE], 48, 50) == (
        "Suspected cause: something that all of the stream share (48 of 50 sensors)."
    )
    assert cause_sentence([ALL_ONE], 7, 50).startswith("No suspected cause: they share no location")
