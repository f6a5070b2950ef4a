"""Where a validator's time goes adds up to the time that went."""

from __future__ import annotations

from time import perf_counter

from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from iot_platform.stream.stages import Stages
from iot_platform.stream.totals import Totals
from iot_platform.watch.diagnosis.facts import STAGES
from tests.support.readings import document, encoded


def test_each_lap_ends_a_stage_and_together_they_are_all_the_time_since_the_beginning() -> None:
    stages, began = Stages(), perf_counter()
    stages.begin()
    for stage in ("fetch", "decode", "rules", "fetch"):
        stages.lap(stage)
    passed = perf_counter() - began
    told = stages.facts()
    assert list(told) == ["fetch", "decode", "rules"]
    assert sum(told.values()) <= passed + 3 * 0.00005  # rounded to a ten thousandth each


def test_what_was_before_the_beginning_is_no_stages() -> None:
    stages = Stages()
    sum(range(2_000_000))
    began = perf_counter()
    stages.begin()
    stages.lap("fetch")
    assert stages.facts()["fetch"] <= perf_counter() - began + 0.0001


def test_the_judge_tells_when_the_fast_way_has_decoded() -> None:
    heard: list[str] = []
    judge = Judge(load_catalogue("iot_data"), Freshness(None, None), 1_000_000)
    judgement = judge.judge([encoded(sensor_id="sensor-1"), b"{"], [b"sensor-1", b"x"], [0, 0], heard.append)
    assert heard == ["decode"]
    assert list(judgement.dead) == [1]
    assert document()["message_id"] != judgement.message_ids[0]


def test_a_sign_of_life_tells_the_stages_by_names_that_a_diagnosis_knows() -> None:
    totals = Totals()
    for stage in STAGES:
        totals.stages.lap(stage)
    assert tuple(totals.facts()["stages"]) == STAGES
    assert totals.facts()["rebalances"] == 0
