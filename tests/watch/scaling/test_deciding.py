"""How many validators: a table of cases, each with the number and the figures that its sentence must have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from iot_platform.watch.scaling.deciding import decide
from iot_platform.watch.scaling.known import Change, Known, Machine, Memory, Policy
from tests.watch.scaling.cases import LATE, MACHINE, NOON, POLICY, STEADY, ago, known, load

BEHIND = load(360_000, inflow=12_000, outflow=9_000)
"""One validator of 9,000 a second, 12,000 arrive."""
LEVEL = load(300, inflow=600, outflow=600, seconds=0.5)
QUIET = replace(STEADY, level_since=ago(301))


def stepped_in(seconds_ago: float, undone: int = 0) -> Memory:
    return replace(STEADY, undone=undone, changes=(Change(ago(seconds_ago), 2, 1, "scaling", "quiet"),))


@dataclass(frozen=True)
class Case:
    known: Known
    wanted: int
    says: Sequence[str]
    memory: Memory = STEADY
    policy: Policy = POLICY


CASES = {
    # as a person says
    "a paused stream is not scaled": Case(known(BEHIND, off="it is paused"), 1, ["Not scaled: it is paused."]),
    "a person's number stays, however far behind": Case(known(BEHIND, fixed=1), 1, ["a person wants 1"]),
    "a person's number stays, however quiet": Case(known(LEVEL, 5, fixed=5), 5, ["a person wants 5"], QUIET),
    # limits
    "more than the settings allow goes back at once": Case(known(BEHIND, 5, most=2), 2, ["1 to 2, not 5"]),
    "less than the settings want comes up at once": Case(known(LEVEL, 1, least=2), 2, ["2 to 3, not 1"]),
    "more than partitions goes back at once": Case(known(LEVEL, 4), 3, ["1 to 3, not 4"]),
    "limits hold also where the lag is not known": Case(known(None, 5, most=2), 2, ["1 to 2, not 5"]),
    # unknown, in motion
    "an unknown lag changes nothing": Case(known(None, 2), 2, ["Kafka did not tell"]),
    "an old lag changes nothing": Case(known(replace(BEHIND, at=ago(61))), 1, ["61 s old"]),
    "while one is missing nothing changes": Case(known(BEHIND, 2, running=1), 2, ["1 of 2 do"]),
    "while one too many runs nothing changes": Case(known(BEHIND, 1, running=2), 1, ["than are wanted: 2, not 1"]),
    "a rebalance just made is waited out": Case(
        known(BEHIND), 1, ["less than 30 s ago"], replace(STEADY, steady_since=ago(29))
    ),
    "a first look changes nothing": Case(known(BEHIND), 1, ["less than 30 s ago"], Memory()),
    "a course too short changes nothing": Case(known(replace(BEHIND, measured_seconds=20)), 1, ["20 of 30 s"]),
    # where more would not help
    "who stands still gets no help": Case(
        known(load(360_000, 100, 90, trouble="raw_s/1: Stalled: it stands at offset 5")), 1, ["Stalled", "not help"]
    ),
    "what is not taken at all is not taken faster by more": Case(known(load(360_000, 100, 0)), 1, ["none is taken"]),
    "one hot partition is one validator's": Case(
        known(load(360_000, 12_000, 9_000, share=(0.05, 0.9, 0.05))), 1, ["90 % of the work is in partition 1"]
    ),
    "partitions that have a validator of their own have all that can be had": Case(
        known(load(360_000, 12_000, 9_000, share=(0.5, 0.5)), 2, owners={0: (0,), 1: (1,)}, partitions=4),
        2, ["a validator of their own"],
    ),
    # out
    "behind and losing: as many as catch up in time, two at first": Case(
        known(BEHIND), 2, ["360,000 readings wait, the oldest for 60 s", "1 validator takes 9,000 a second of 12,000",
                           "3 validators are enough to catch up in 2 min; for now 2"],
    ),
    "two that lose become three": Case(known(load(270_000, 20_000, 18_000), 2), 3, ["2 validators take 18,000"]),
    "gaining too slowly: one more": Case(known(load(96_000, 8_900, 9_000)), 2, ["which takes 16 min to catch up"]),
    "gaining fast enough: none": Case(known(load(110_000, 8_000, 9_000)), 1, ["will be taken in 110 s"]),
    "a lag that arrives within the allowed time is none": Case(known(load(9_000, 1_000, 900)), 1, ["Nothing waits"]),
    "never more than the settings allow": Case(known(BEHIND, 2, most=2), 2, ["validators_most is 2"]),
    "never more than partitions": Case(known(BEHIND, 3), 3, ["the topic has 3 partitions"]),
    "never more than processors": Case(
        known(BEHIND, machine=replace(MACHINE, cores=1)), 1, ["carries no more: it has 1 processor."]
    ),
    "never more than memory": Case(
        known(BEHIND, machine=Machine(8, 700_000_000, 250_000_000)), 1, ["700 MB of memory are free", "takes 250 MB"]
    ),
    "none on a machine that is busy with something else": Case(
        known(BEHIND, machine=replace(MACHINE, cpu_share=0.97)), 1, ["97 % of its processors"]
    ),
    "a busy machine is not looked at where nobody wants that": Case(
        known(BEHIND, machine=replace(MACHINE, cpu_share=0.97)), 2, ["for now 2"],
        policy=replace(POLICY, cpu_share=None),
    ),
    "at most twice as many in one step": Case(
        known(load(900_000, 80_000, 9_000, share=(1 / 8,) * 8), most=8), 2, ["for now 2"]
    ),
    # in
    "quiet for long: one less, where one is known to carry it": Case(
        known(LEVEL, 2), 1, ["Nothing has waited for 5 min", "1 carries the 600 a second"],
        replace(QUIET, rate=9_000, rate_at=ago(60)),
    ),
    "one less at a time": Case(known(LEVEL, 3), 2, ["2 carry the 600"], replace(QUIET, rate=9_000, rate_at=ago(60))),
    "quiet, but not for long": Case(
        known(LEVEL, 2), 2, ["one less after 3 min of 5 min"], replace(QUIET, level_since=ago(200))
    ),
    "one less would not carry it": Case(
        known(load(300, 15_000, 15_000), 2), 2, ["1 alone would not carry 15,000", "one takes 9,000"],
        replace(QUIET, rate=9_000, rate_at=ago(60)),
    ),
    "one less would carry it, but without ease": Case(
        known(load(300, 7_300, 7_300), 2), 2, ["would not carry 7,300 a second with ease"],
        replace(QUIET, rate=9_000, rate_at=ago(60)),
    ),
    "partitions are shared out by number: 2 of 3 on one would be too much": Case(
        known(load(300, 12_000, 12_000), 3), 3, ["2 would not carry 12,000"],
        replace(QUIET, rate=9_000, rate_at=ago(60)),
    ),
    "who works a tenth of its time could do ten times as much": Case(
        known(LEVEL, 2, busy_share=0.1), 1, ["1 carries"], replace(QUIET, rate=500, rate_at=ago(60))
    ),
    "nobody knows what one carries: it is tried": Case(known(LEVEL, 2), 1, ["is tried"], QUIET),
    "what was seen an hour ago speaks against it no more": Case(
        known(load(300, 15_000, 15_000), 2), 1, ["is tried"], replace(QUIET, rate=9_000, rate_at=ago(3_601))
    ),
    "after a try that failed it speaks against it twice as long": Case(
        known(load(300, 15_000, 15_000), 2), 2, ["would not carry"],
        replace(QUIET, rate=9_000, rate_at=ago(3_601), undone=1),
    ),
    "never less than the settings want": Case(known(LEVEL, 2, least=2), 2, ["Nothing waits"], QUIET),
    "never less than one": Case(known(LEVEL, 1, least=0), 1, ["Nothing waits"], QUIET),
    # the loader
    "the loader's lag starts no validator, and is told with what helps": Case(
        known(LEVEL, loader=LATE), 1,
        ["The loader is late: 400,000 offsets wait for it, the oldest for 15 min", "would not help", "one writer"],
    ),
    "validators that are behind get help also where the loader is late": Case(
        known(BEHIND, loader=LATE), 2, ["for now 2", "The loader is late"]
    ),
    "a loader in time is not spoken of": Case(known(LEVEL, loader=replace(LATE, late=False)), 1, ["Nothing waits"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_number_and_its_reason(case: Case) -> None:
    decision = decide(case.known, case.memory, case.policy, NOON)
    assert decision.wanted == case.wanted, decision.why
    for words in case.says:
        assert words in decision.why
    told = [change.after for change in decision.memory.changes[len(case.memory.changes) :]]
    assert told == ([case.wanted] if case.wanted != case.known.wanted else [])


def test_a_step_in_that_is_taken_back_makes_the_next_one_wait_twice_as_long() -> None:
    taken_back = decide(known(BEHIND), stepped_in(500), POLICY, NOON)
    assert (taken_back.wanted, taken_back.memory.undone) == (2, 1)
    again = decide(known(BEHIND), stepped_in(500, undone=3), POLICY, NOON)
    assert again.memory.undone == 4
    long_after = decide(known(BEHIND), stepped_in(1_000, undone=3), POLICY, NOON)
    assert (long_after.wanted, long_after.memory.undone) == (2, 0), "it had held: more comes now, that is all"


def test_the_rate_of_one_is_seen_while_it_is_behind_and_settled_and_never_else() -> None:
    assert decide(known(BEHIND), STEADY, POLICY, NOON).memory.rate == 9_000
    assert decide(known(LEVEL), STEADY, POLICY, NOON).memory.rate is None
    assert decide(known(BEHIND), Memory(), POLICY, NOON).memory.rate is None
    assert decide(known(BEHIND, 2, running=1), STEADY, POLICY, NOON).memory.rate is None


def test_only_who_has_a_partition_that_lags_counts_for_the_rate_of_one() -> None:
    seen = load(150_000, 12_000, 11_000, share=(0.75, 0.125, 0.125))
    one_lags = replace(seen, parts=(seen.parts[0], *(replace(part, lagging=False) for part in seen.parts[1:])))
    asked = known(one_lags, 2, owners={0: (0,), 1: (1, 2)})
    assert decide(asked, STEADY, POLICY, NOON).memory.rate == pytest.approx(8_250)


def test_changes_are_kept_with_who_and_why_and_not_for_ever() -> None:
    many = tuple(Change(ago(9_000), 1, 2, "scaling", "before") for _ in range(50))
    memory = decide(known(BEHIND), replace(STEADY, changes=many), POLICY, NOON).memory
    assert len(memory.changes) == 50
    last = memory.changes[-1]
    assert (last.at, last.before, last.after, last.who) == (NOON, 1, 2, "scaling")
    assert "360,000 readings wait" in last.why
