"""The sentences of scaling, each with its figures in it."""

from __future__ import annotations

from iot_platform.clock import duration
from iot_platform.watch.scaling.known import Change, Known, Load, Memory

LOADER_HELP = (
    "More validators would not help it: DuckDB has one writer. While it is late it loads more at once; should it stay "
    "late, raise dagster.load_interval_seconds, and see docs/lag.md, When the loader lags."
)


def span(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def validators(number: int) -> str:
    return counted(number, "validator")


def waiting(load: Load) -> str:
    return f"{load.messages:,} readings wait, the oldest for {duration(load.seconds)}"


def behind(known: Known, load: Load) -> str:
    catch_up = load.catch_up_seconds
    ahead = "" if catch_up is None else f", which takes {duration(catch_up)} to catch up"
    verb = "takes" if known.running == 1 else "take"
    pace = f"{validators(known.running)} {verb} {load.outflow:,.0f} a second of {load.inflow:,.0f} that arrive"
    return f"{waiting(load)}; {pace}{ahead}."


def enough(needed: int, wanted: int, catch_up_seconds: float) -> str:
    told = f"{validators(needed)} {'is' if needed == 1 else 'are'} enough to catch up in {duration(catch_up_seconds)}"
    return f"{told}; for now {wanted}." if wanted < needed else f"{told}."


def ceiling(known: Known) -> str:
    if known.partitions <= known.most:
        return f"the topic has {counted(known.partitions, 'partition')}"
    return f"validators_most is {known.most}"


def carries(number: int, load: Load) -> str:
    verb = "carries" if number == 1 else "carry"
    return f"{number} {verb} the {load.inflow:,.0f} a second that arrive"


def carries_not(number: int, load: Load, rate: float) -> str:
    verb = "would not carry" if number > 1 else "alone would not carry"
    return f"{number} {verb} {load.inflow:,.0f} a second with ease, for one takes {rate:,.0f}"


def of_loader(known: Known) -> str:
    """What the loader's lag has to do with it: nothing, and what helps there."""
    loader = known.loader
    if loader is None or not loader.late:
        return ""
    waits = f"{loader.messages:,} offsets wait for it, the oldest for {duration(loader.seconds)}"
    return f" The loader is late: {waits}. {LOADER_HELP}"


def told(wanted: int, least: int, most: int, why: str, memory: Memory) -> str:
    """One line for people: the number, why, and the last change."""
    last = memory.last
    before = "" if last is None else f" {change(last)}"
    return f"{validators(wanted)} ({span(least, most)}). {why}{before}"


def change(one: Change) -> str:
    way = "out" if one.after > one.before else "in"
    by = "" if one.who == "scaling" else f" by {one.who}"
    return f"Scaled {way} {one.before} → {one.after} at {one.at:%H:%M} UTC{by}."
