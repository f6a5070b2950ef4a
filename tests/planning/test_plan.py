"""A plan is arithmetic on numbers whose places are known: worked out by hand, and true of any numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from iot_platform.errors import UsageError
from iot_platform.planning.inputs import Load, Policy, Prices, Rates, fields_of
from iot_platform.planning.plan import Plan, plan_of
from iot_platform.planning.text import plan_document, plan_text
from tests.planning.cases import PRICED, ROUND, SMALL, any_case, case, plausible_case

_DAY = 86_400
_MONTH_HOURS = 730.5


def planned(**changed: float) -> Plan:
    return plan_of(case(**changed))


BY_HAND: Mapping[str, tuple[dict[str, float], dict[str, float]]] = {
    "a thousand a second is no load": (
        {},
        {
            "readings": 1_000,
            "readings_per_day": 86_400_000,
            "partitions": 3,
            "validators": 1,
            "producers": 1,
            "validator_most": 60_000,  # 60 % of a core, 10 us a reading
            "validators_cpu": 0.01,
            "producers_cpu": 0.02,
            "loader_cpu": 0.01,
            "writer": 0.01,
            "brokers": 3,
            "machines": 1,
            "compression": 3,
        },
    ),
    "disk is bytes, days and copies": (
        {"replicas": 3, "raw_days": 7, "ledger_days": 30},
        {
            "raw_written": 100_000,
            "raw_disk": 100_000 * 7 * _DAY * 3,
            "ledger_disk": 32_000 * 30 * _DAY * 3,
            "dead_disk": 0,
            "network_in": 232_000,
            "network_out": 232_000,
            "network_replicas": 464_000,
        },
    ),
    "a batch costs where many partitions get little": (
        # A cycle of 50 ms gathers 50 readings and the one that it waited for: nearly each has a partition for itself.
        {"partitions": 1e6, "raw_bytes_per_batch": 100},
        {"raw_written": 200_000, "compression": 1.5},
    ),
    "dead readings are letters, and no ids": (
        {"dead_share": 0.1, "window_hours": 12},
        {"dead_written": 50_000, "validated_written": 90_000, "ids": 900 * 12 * 3_600 * 13 / 12},
    ),
    "ids in memory": (
        {"window_hours": 12},
        {"ids_memory": 46_800_000 * 40, "ids_disk": 0, "restart": 46.8, "validators_memory": 46_800_000 * 40 + 200e6},
    ),
    "ids on disk cost lookups": (
        {"window_hours": 12, "rocksdb": 1},
        {
            "ids_memory": 3 * 80e6,
            "ids_disk": 46_800_000 * 36,
            "restart": 140.4,
            "validators_cpu": 0.1,
            "validator_most": 6_000,
        },
    ),
    "what one carries more of takes more": (
        {"devices": 200_000},
        {"validators": 4, "partitions": 8, "producers": 7, "validators_cpu": 2, "writer": 2},
    ),
    "readers outside take validated readings": (
        {"readers": 3, **PRICED},
        {
            "network_outside": 300_000,
            "network_out": 532_000,
            "cost_egress": 300_000 * _MONTH_HOURS * 3_600 / 1e9 * 0.05,
        },
    ),
    "machines are paid for whole, and disk with its headroom": (
        {"warehouse_days": 0, "raw_days": 7, "validated_days": 0, "ledger_days": 0, "full": 0.5, **PRICED},
        {
            "cost_machines": 4 * (8 * 0.04 + 32 * 0.005) * _MONTH_HOURS,
            "cost_disk": 100_000 * 7 * _DAY * 3 / 0.5 / 1e9 * 0.1,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_figures_are_what_a_person_works_out(changed: dict[str, float], expected: dict[str, float]) -> None:
    plan = planned(**changed)
    assert {name: plan.value(name) for name in expected} == pytest.approx(expected, rel=1e-4)


LIMITS: Mapping[str, tuple[dict[str, float], str, float | None]] = {
    "one writer": ({"devices": 70_000}, "one_writer", 60_000),
    "one file": ({"warehouse_days": 1e6}, "one_file", 2.8e12 / (100 * 1e6 * _DAY)),
    "ids in memory": ({"devices": 10_000}, "ids_in_memory", 22.4e9 / (72 * 3_600 * 13 / 12 * 40)),
    "ids beyond what was measured": ({"rocksdb": 1}, "ids_not_tried", 150e6 / (72 * 3_600 * 13 / 12)),
    "a long start": ({"devices": 10_000}, "restart", 300e6 / (72 * 3_600 * 13 / 12)),
    "too few partitions": ({"devices": 200_000, "partitions": 2}, "partitions", 120_000),
    "too few validators": ({"devices": 200_000, "validators": 1}, "validators", 60_000),
    "more than a machine": ({"devices": 500_000}, "one_machine", None),
    "more than three brokers": ({"machine_disk": 1e9}, "own_brokers", None),
}


@pytest.mark.parametrize(("changed", "name", "up_to"), LIMITS.values(), ids=LIMITS)
def test_what_would_not_hold_is_told_with_the_load_at_which_it_breaks(
    changed: dict[str, float], name: str, up_to: float | None
) -> None:
    found = {limit.name: limit for limit in planned(**changed).limits}
    assert name in found
    assert found[name].holds_up_to == (None if up_to is None else pytest.approx(up_to))
    assert found[name].text.endswith(".")
    assert found[name].instead.endswith(".")


@pytest.mark.parametrize(("changed", "name", "up_to"), [row for row in LIMITS.values() if row[2]], ids=str)
def test_a_load_just_below_the_figure_holds_and_one_just_above_does_not(
    changed: dict[str, float], name: str, up_to: float
) -> None:
    def told(factor: float) -> bool:
        load = {"devices": 1e6, "readings_each_per_second": up_to * factor / 1e6}
        return any(limit.name == name for limit in planned(**{**changed, **load}).limits)

    assert (told(0.99), told(1.01)) == (False, True)


def test_a_small_load_meets_no_limit() -> None:
    assert planned(devices=10).limits == ()


@hypothesis_settings(max_examples=25)
@given(any_case())
def test_every_figure_is_finite_not_negative_and_says_what_it_rests_on(values: dict[str, float]) -> None:
    plan = plan_of(case(**values))
    for line in plan.lines:
        assert math.isfinite(line.value), line
        assert line.value >= 0, line
        assert line.rests_on, line
        assert set(line.rests_on) <= set(plan.case.origins), line
    assert plan_text(plan)
    for line in plan_document(plan)["lines"]:
        assert line["kinds"]


_NO_NEED = frozenset({"compression", "validator_most", "restart", "transactions"})
"""What is no need: ratios, what a validator has to itself, and transactions, which are fewer when they are larger."""


@hypothesis_settings(max_examples=50)
@given(plausible_case(), st.floats(1, 100))
def test_more_sensors_never_need_less_of_anything(values: dict[str, float], times: float) -> None:
    less, more = plan_of(case(**values)), plan_of(case(**{**values, "devices": values["devices"] * times}))
    for line in less.lines:
        if line.name not in _NO_NEED:
            assert more.value(line.name) >= line.value * (1 - 1e-9), line


_OF_COPIES = frozenset(
    {"raw_disk", "validated_disk", "dead_disk", "ledger_disk", "kafka_disk", "network_replicas", "brokers",
     "brokers_cpu", "brokers_memory", "cost", "cost_machines", "cost_disk"}
)  # fmt: skip


@hypothesis_settings(max_examples=20)
@given(plausible_case(), st.integers(2, 5))
def test_copies_multiply_kafkas_disk_and_are_nothing_to_anybody_but_the_brokers(
    values: dict[str, float], copies: int
) -> None:
    one, several = (plan_of(case(**values, **PRICED, replicas=replicas)) for replicas in (1, copies))
    for line in one.lines:
        if line.name.endswith("_disk") and line.name in _OF_COPIES - {"cost_disk"}:
            assert several.value(line.name) == pytest.approx(copies * line.value)
        elif line.name not in _OF_COPIES:
            assert several.value(line.name) == line.value, line


def _moved(values: dict[str, float], factor: float) -> Iterator[tuple[str, Plan]]:
    for one in fields_of(Load, Rates, Policy, Prices):
        value = values.get(one.name, one.default)
        moved = min(one.metadata["most"], max(one.metadata["least"], value * factor))
        yield one.name, plan_of(case(**{**values, one.name: moved}))


@pytest.mark.parametrize("factor", [0.2, 5])
@pytest.mark.parametrize("rocksdb", [0, 1])
def test_a_line_names_every_input_that_moves_it(rocksdb: int, factor: float) -> None:
    values: dict[str, float] = {**ROUND, **SMALL, **PRICED, "rocksdb": rocksdb, "readers": 1, "dead_share": 0.1}
    values |= {"devices": 300_000, "validator_cpu_per_transaction": 1e-3, "validator_cpu_per_entry": 1e-4}
    before = plan_of(case(**values))
    moved: set[str] = set()
    for name, after in _moved(values, factor):
        for line in before.lines:
            if after.value(line.name) != line.value:
                assert name in line.rests_on, f"{line.name} is moved by {name}"
                moved.add(line.name)
    assert moved == {line.name for line in before.lines} - {"ids_disk" if not rocksdb else ""}


@given(
    st.sampled_from([one.name for one in fields_of(Load, Rates, Policy, Prices)]),
    st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 1e300]),
)
def test_a_number_that_cannot_be_is_a_sentence_that_names_it(name: str, number: float) -> None:
    with pytest.raises(UsageError) as caught:
        case(**{**PRICED, name: number})
    assert caught.value.message.startswith(f"{name} (")
    assert caught.value.next_step


def test_a_load_beyond_all_measure_is_a_sentence() -> None:
    with pytest.raises(UsageError, match="a plan is made for at most 1e\\+12"):
        case(devices=1e12, readings_each_per_second=10)


@pytest.mark.parametrize("name", ["devices", "raw_bytes_per_reading"])
def test_what_is_missing_is_named_with_where_to_give_it(name: str) -> None:
    from iot_platform.planning.files import Found, case_of  # noqa: PLC0415
    from iot_platform.planning.inputs import Origin  # noqa: PLC0415

    values = {key: value for key, value in ROUND.items() if key != name}
    with pytest.raises(UsageError) as caught:
        case_of(Found(values, {key: Origin("given", "here") for key in values}))
    assert caught.value.message == f"There is no {name}: a plan needs it."
    assert ("--devices" if name == "devices" else "--set raw_bytes_per_reading=") in caught.value.next_step


def test_without_prices_nothing_is_said_of_money() -> None:
    assert [line.name for line in planned(**PRICED).lines if line.unit == "money"]
    assert not [line.name for line in planned().lines if line.unit == "money"]
