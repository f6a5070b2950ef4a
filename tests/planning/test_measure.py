"""Rates are measured on a real Kafka, and make a plan."""

from __future__ import annotations

import pytest

from iot_platform.clock import SystemClock
from iot_platform.planning.files import Found, case_of, read_rates
from iot_platform.planning.inputs import Origin, Rates, fields_of
from iot_platform.planning.measure import Trial, measure
from iot_platform.planning.plan import plan_of
from iot_platform.settings import load_settings

_SMALL = Trial(seconds=12, rate=200, readings=20_000, few=3, many=12, sensors=500, least_transactions=0)


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_a_short_run_gives_every_rate_but_those_of_stores_and_a_plan_is_made_from_them() -> None:
    told: list[str] = []
    rates = measure(load_settings().cache_dir, SystemClock(), _SMALL, told.append)
    names = {one.name for one in fields_of(Rates) if not one.name.startswith(("dedup_", "rocksdb_", "network_"))}
    assert names <= set(rates)
    assert any("left" in text for text in told)
    assert 50 < rates["raw_bytes_per_reading"] < 400
    assert 24 * 4 / 3 <= rates["ledger_bytes_per_reading"] < 60  # 24 bytes an id, in base64
    values = {"devices": 1_000.0, "readings_each_per_second": 1.0, **rates}
    found = Found(values, dict.fromkeys(values, Origin("measured", "here"))).over(read_rates(None))
    assert plan_of(case_of(found)).value("validators") == 1
