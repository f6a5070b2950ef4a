"""How many validators a stream should have. Pure: what is known, what is remembered and the time go in, a number with
its reason comes out.

Each rule is one function; the first that has something to say decides.

    not to be scaled, or a person's number   as it is said, whatever the lag
    out of its limits                        back into them, at once
    lag unknown or old, changing, settling   as it is
    nobody would be helped by more           as it is, and why
    behind, and for too long                 out: as many as are enough, at most twice as many in one step
    level for long                           in by one, where the rest carries what arrives with ease
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from iot_platform.clock import duration
from iot_platform.watch.scaling import room, words
from iot_platform.watch.scaling.known import Change, Decision, Known, Load, Memory, Policy
from iot_platform.watch.scaling.learning import SCALING, changed, learnt, settled, trusted_seconds

_OLD_SECONDS = 60.0
_MOST_AT_ONCE = 2


@dataclass(frozen=True)
class Case:
    """All that the rules look at; `memory` is after this look."""

    known: Known
    memory: Memory
    policy: Policy
    now: datetime

    @property
    def load(self) -> Load:
        assert self.known.load is not None
        return self.known.load

    @property
    def ceiling(self) -> int:
        """More than partitions would be idle; the settings' least is what people want whatever we think."""
        return max(self.known.least, min(self.known.most, max(1, self.known.partitions)))


Verdict = tuple[int, str]
Rule = Callable[[Case], Verdict | None]


def decide(known: Known, memory: Memory, policy: Policy, now: datetime) -> Decision:
    """The number of validators from now on."""
    remembered = learnt(known, memory, policy, now)
    case = Case(known, remembered, policy, now)
    wanted, why = next(verdict for rule in _RULES if (verdict := rule(case)) is not None)
    if wanted != known.wanted:
        remembered = changed(remembered, Change(now, known.wanted, wanted, SCALING, why), policy)
    return Decision(wanted, f"{why}{words.of_loader(known)}", remembered)


def _stays(case: Case, why: str) -> Verdict:
    return case.known.wanted, why


def _as_a_person_says(case: Case) -> Verdict | None:
    known = case.known
    if known.off:
        return _stays(case, f"Not scaled: {known.off}.")
    if known.fixed is not None:
        return _stays(case, f"Not scaled: a person wants {known.fixed}.")
    return None


def _within_limits(case: Case) -> Verdict | None:
    known, least, most = case.known, case.known.least, case.ceiling
    if least <= known.wanted <= most:
        return None
    return min(max(known.wanted, least), most), f"There may be {words.span(least, most)}, not {known.wanted}."


def _unknown(case: Case) -> Verdict | None:
    load = case.known.load
    if load is None:
        return _stays(case, "As it is: Kafka did not tell of the lag.")
    age_seconds = (case.now - load.at).total_seconds()
    if age_seconds > _OLD_SECONDS:
        return _stays(case, f"As it is: what is known of the lag is {duration(age_seconds)} old.")
    return None


def _in_motion(case: Case) -> Verdict | None:
    known, policy = case.known, case.policy
    if known.running < known.wanted:
        return _stays(case, f"As it is until all run: {known.running} of {known.wanted} do.")
    if known.running > known.wanted:
        return _stays(case, f"As it is while more run than are wanted: {known.running}, not {known.wanted}.")
    if not settled(case.memory, policy, case.now):
        return _stays(case, f"As it is: partitions were shared out anew less than {policy.settle_seconds:g} s ago.")
    if case.load.measured_seconds < policy.out_after_seconds:
        told = f"{case.load.measured_seconds:.0f} of {policy.out_after_seconds:g} s"
        return _stays(case, f"As it is: the lag has been looked at for {told}.")
    return None


def _is_late(case: Case) -> bool:
    """Behind in the whole of the time, and not about to catch up."""
    catch_up = case.load.catch_up_seconds
    return case.load.behind and (catch_up is None or catch_up > case.policy.catch_up_seconds)


def _no_help(case: Case) -> Verdict | None:
    """More validators would change nothing."""
    load = case.load
    if not _is_late(case):
        return None
    if load.trouble:
        return _stays(case, f"As it is: more validators would not help. {load.trouble}")
    if load.outflow == 0:
        return _stays(case, f"As it is: {words.waiting(load)}, and none is taken: more validators would not be faster.")
    if (hot := room.hot_partition(load, case.policy.catch_up_seconds)) is not None:
        number, share = hot
        told = f"{100 * share:.0f} % of the work is in partition {number}, which one validator has"
        return _stays(case, f"As it is: {told}. See which sensors send so much.")
    if room.has_own_validator(case.known, load):
        return _stays(case, f"As it is: {words.waiting(load)} in partitions that have a validator of their own.")
    return None


def _out(case: Case) -> Verdict | None:
    if not _is_late(case):
        return None
    known, load, policy = case.known, case.load, case.policy
    if known.wanted >= case.ceiling:
        return _stays(case, f"{words.behind(known, load)} More are not to be: {words.ceiling(known)}.")
    carried, short = room.carried(known, policy.cpu_share)
    if carried <= known.wanted:
        return _stays(case, f"{words.behind(known, load)} The machine carries no more: {short}.")
    rate = case.memory.rate or load.outflow / max(1, known.running)
    enough = max(known.wanted + 1, room.enough(load, rate, policy.catch_up_seconds, known.partitions))
    wanted = min(enough, _MOST_AT_ONCE * max(1, known.wanted), case.ceiling, carried)
    return wanted, f"{words.behind(known, load)} {words.enough(enough, wanted, policy.catch_up_seconds)}"


def _catching_up(case: Case) -> Verdict | None:
    if case.load.level:
        return None
    seconds = case.load.catch_up_seconds
    ahead = "" if seconds is None else f", and will be taken in {duration(seconds)}"
    return _stays(case, f"As it is: {words.waiting(case.load)}{ahead}.")


def _in(case: Case) -> Verdict | None:
    known, load, policy, memory = case.known, case.load, case.policy, case.memory
    fewer = known.wanted - 1
    if fewer < max(1, known.least) or memory.level_since is None:
        return None
    level_seconds = (case.now - memory.level_since).total_seconds()
    if level_seconds < policy.in_after_seconds:
        told = f"{duration(level_seconds)} of {duration(policy.in_after_seconds)}"
        return _stays(case, f"Nothing waits for long; one less after {told} of that.")
    idle = room.rate_while_idle(known, load) or 0.0
    rates = [rate for rate in (memory.rate, idle) if rate]
    if rates and room.carry(load, max(rates), fewer):
        return fewer, f"Nothing has waited for {duration(level_seconds)}, and {words.carries(fewer, load)}."
    if memory.rate_at is None or (case.now - memory.rate_at).total_seconds() > trusted_seconds(memory, policy):
        return (
            fewer,
            f"Nothing has waited for {duration(level_seconds)}: whether {words.carries(fewer, load)} is tried.",
        )
    return _stays(case, f"Nothing waits for long; {words.carries_not(fewer, load, max(rates))}.")


def _well(case: Case) -> Verdict:
    return _stays(case, "Nothing waits for long.")


_RULES: tuple[Rule, ...] = (
    _as_a_person_says,
    _within_limits,
    _unknown,
    _in_motion,
    _no_help,
    _out,
    _catching_up,
    _in,
    _well,
)
