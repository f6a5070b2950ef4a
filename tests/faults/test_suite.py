"""The suite itself: a test for each case, a table that adds up, and mutants that still fit the code."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import report
from tests.faults.cases import EXPECTED, MEANINGS
from tests.faults.mutants import MUTANTS, ROOT, Mutant
from tests.faults.random_plan import Plan, faults
from tests.faults.report import Run


def test_every_case_has_a_test_that_is_named_by_its_id() -> None:
    there = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        names = [node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
        there |= {case for name in names if (case := report.case_of(name))}
    assert there == MEANINGS.keys()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_code_and_its_cases_are_there(mutant: Mutant) -> None:
    for change in mutant.changes:
        assert change.applied((ROOT / change.file).read_text()) != change.old
    for case in mutant.cases:
        file, _, name = case.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text()


PLAN = Plan(seconds=3_600, rate=2_000, kills=60, sleeps=40, seed=7)


def test_random_faults_are_those_of_their_seed_hit_all_and_leave_quiet_phases() -> None:
    made = faults(PLAN)
    assert made == faults(PLAN) != faults(replace(PLAN, seed=8))
    assert Counter(fault.seconds is None for fault in made) == {True: 60, False: 40}
    assert Counter(fault.victim for fault in made) == dict.fromkeys(PLAN.victims, 25)
    assert [fault.at for fault in made] == sorted(fault.at for fault in made)
    assert all(fault.at % 200 < 150 for fault in made)
    assert all(5 <= fault.seconds <= 20 for fault in made if fault.seconds is not None)


RUNS = [Run("F2", seconds=2.0), Run("F13", 1, 2, 9.5, passed=False), Run("F2", seconds=3.26), Run("F20")]


def test_the_table_adds_up_the_runs_of_a_case_in_the_order_of_the_numbers() -> None:
    assert report.rows(RUNS, EXPECTED) == [
        ("F2", "2", "0", "0", "3.3", "held"),
        ("F13", "1", "1", "2", "9.5", "FAILED"),
        ("F20", "1", "0", "0", "-", "detected loudly"),
    ]


def test_the_page_keeps_its_words_and_gets_new_figures() -> None:
    page = "before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n"
    made = report.written(page, report.rows(RUNS, EXPECTED), {"F1": "one", "F2": "two"}, "Measured today.")
    assert made.startswith("before\n<!-- figures -->\nMeasured today.\n")
    assert made.endswith("\n<!-- end of figures -->\nafter\n")
    assert "| F1 | one |  |  |  |  |  |\n" in made
    assert "| F2 | two | 2 | 0 | 0 | 3.3 | held |\n" in made
    assert report.written(made, [], {"F1": "one"}, "Measured today.").count("| F1 |") == 1
