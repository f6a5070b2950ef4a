"""Does the suite bite? Ten ways to break the promise, each put into a copy of the tree, and the cases that must go red.

    make mutants [ARGS="name …"]

Prints a table; exit code 0 when all were caught.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_COPIED = ("iot_platform", "tests", "sql", "dagster_home", "tools", "docs", "pyproject.toml")
_MOST_SECONDS = 900
_TESTS_FAILED = 1
"""pytest's exit code; others mean that it could not even run them."""


@dataclass(frozen=True)
class Change:
    """In one file, a text that is there once, and what takes its place."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        found = text.count(self.old)
        assert found == 1, f"{self.file} holds this {found} times, not once:\n{self.old}"
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Mutant:
    """`cases` are what must see it, as arguments of pytest."""

    name: str
    changes: tuple[Change, ...]
    cases: tuple[str, ...]


_SESSION = "iot_platform/stream/session.py"
_TRANSACTION = "iot_platform/stream/transaction.py"
_CHANGELOG = "iot_platform/stream/changelog.py"
_LOAD = "iot_platform/pipeline/load.py"
_CLIENTS = "iot_platform/stream/clients.py"
_VALIDATOR_CASES = "tests/faults/test_validator_faults.py"
_LOADER_CASES = "tests/faults/test_loader_faults.py"
_POISON_CASES = "tests/faults/test_poison.py"

MUTANTS = (
    Mutant(
        "offsets committed before anything is produced",
        (
            Change(
                _SESSION,
                "        self._transactions.begin()\n",
                "        self._consumer.commit(offsets=offsets, asynchronous=False)\n"
                "        self._transactions.begin()\n",
            ),
        ),
        (f"{_VALIDATOR_CASES}::test_f13_a_kill_at_any_step_of_a_transaction_loses_and_doubles_nothing",),
    ),
    Mutant(
        "no seek after an abort",
        (
            Change(
                _SESSION,
                "            self._transactions.abort()\n        self._seek_back()\n",
                "            self._transactions.abort()\n",
            ),
        ),
        (f"{_POISON_CASES}::test_f30_what_makes_its_batch_fail_again_and_again_is_dead_and_harms_no_neighbour",),
    ),
    Mutant(
        "ids remembered before Kafka has committed",
        (
            Change(
                _SESSION,
                "            self._transact(outcomes)\n",
                "            self._remember(outcomes)\n            self._transact(outcomes)\n",
            ),
        ),
        (f"{_POISON_CASES}::test_f30_what_makes_its_batch_fail_again_and_again_is_dead_and_harms_no_neighbour",),
    ),
    Mutant(
        "the loader's offsets outside its transaction",
        (
            Change(
                _LOAD,
                "        transaction.advance(ids, before, moved)\n",
                "",
            ),
            Change(
                _LOAD,
                '    faultpoint("loader.after_commit")\n',
                '    faultpoint("loader.after_commit")\n'
                "    with open_warehouse(settings) as connection, LoadTransaction(connection, clock.now()) as later:\n"
                "        later.advance(ids, before, moved)\n",
            ),
        ),
        (f"{_LOADER_CASES}::test_f32_a_kill_at_any_step_of_a_load_loses_and_doubles_nothing",),
    ),
    Mutant(
        "the loader reads what is not committed",
        (
            Change(
                _CLIENTS,
                '                "isolation.level": "read_committed",\n',
                '                "isolation.level": "read_uncommitted" if "loader" in group else "read_committed",\n',
            ),
        ),
        (f"{_LOADER_CASES}::test_f32_a_kill_at_any_step_of_a_load_loses_and_doubles_nothing",),
    ),
    Mutant(
        "a spooled batch is let go before Kafka has it",
        (
            Change(
                "iot_platform/stream/producer/delivery.py",
                "            attempt.send(batch)\n",
                "            attempt.send(batch)\n            self._spool.acknowledge(batch.id, {}, {})\n",
            ),
        ),
        (
            "tests/faults/test_producer_faults.py::test_f5_a_flipped_bit_sets_its_batch_aside_counted_and_the_rest_arrives",
        ),
    ),
    Mutant(
        "the spool does not wait for the disk",
        (
            Change(
                "iot_platform/stream/spool/writer.py",
                '"PRAGMA synchronous = FULL"',
                '"PRAGMA synchronous = OFF"',
            ),
        ),
        ("tests/faults/test_producer_faults.py::test_f1_a_commit_of_the_spool_waits_for_the_disk",),
    ),
    Mutant(
        "an error of a transaction that could be tried again counts as success",
        (
            Change(
                _TRANSACTION,
                "                meaning = _meaning(error)\n                if not",
                "                return\n                meaning = _meaning(error)\n                if not",
            ),
        ),
        (f"{_POISON_CASES}::test_f30_what_makes_its_batch_fail_again_and_again_is_dead_and_harms_no_neighbour",),
    ),
    Mutant(
        "auto.offset.reset = latest",
        (Change(_CLIENTS, '"auto.offset.reset": "error"', '"auto.offset.reset": "latest"'),),
        (f"{_LOADER_CASES}::test_f37_raw_records_that_are_gone_before_they_were_validated_stop_the_validator_loudly",),
    ),
    Mutant(
        "a restore does not wait for open transactions",
        (
            Change(
                _CHANGELOG,
                "committed = self._committed(consumer, partition, pending_over_at)",
                "committed = self._committed(self._clients.observer(self._topology.validator_group), partition, 0.0)",
            ),
            Change(_CHANGELOG, "        self._refuse_open_transaction(at, high)\n", ""),
        ),
        (f"{_VALIDATOR_CASES}::test_f15_a_validator_that_slept_after_it_sent_offsets_doubles_nothing",),
    ),
)


def put_into(mutant: Mutant, tree: Path) -> None:
    for change in mutant.changes:
        path = tree / change.file
        path.write_text(change.applied(path.read_text()))


def copied(tree: Path) -> None:
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)


def is_caught(mutant: Mutant) -> bool:
    """Whether the cases go red on a copy of the tree with this mutant in it."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
        tree = Path(directory)
        copied(tree)
        put_into(mutant, tree)
        command = (sys.executable, "-m", "pytest", "-q", "-x", "-m", "", "-p", "no:cacheprovider", *mutant.cases)
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, timeout=_MOST_SECONDS)
        if done.returncode not in (0, _TESTS_FAILED):
            raise RuntimeError(f"pytest could not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.returncode == _TESTS_FAILED


def main(words: Sequence[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    caught = 0
    for mutant in chosen:
        began = time.monotonic()
        seen = is_caught(mutant)
        caught += seen
        case = mutant.cases[0].rpartition("::test_")[2].split("_")[0].upper()
        verdict = "caught" if seen else "MISSED"
        print(f"{verdict}  {time.monotonic() - began:5.0f} s  by {case:<4}  {mutant.name}", flush=True)
    print(f"{caught} of {len(chosen)} caught")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
