"""All rules, in no order: verdicts are ordered by their weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from iot_platform.watch.diagnosis import around, within
from iot_platform.watch.diagnosis.facts import Facts
from iot_platform.watch.diagnosis.limits import Limits
from iot_platform.watch.diagnosis.verdict import Verdict

_RULES: tuple[Callable[[Facts, Limits], Iterator[Verdict]], ...] = (
    around.kafka_unreachable,
    around.slow_broker,
    around.starved_cpu,
    around.warehouse_locked,
    around.slow_loader,
    within.nobody_validates,
    within.fewer_validators,
    within.paused,
    within.poison,
    within.rebalances,
    within.hot_partition,
    within.slow_code,
    within.too_few_validators,
    within.much_dead,
)


def verdicts_of(facts: Facts, limits: Limits | None = None) -> list[Verdict]:
    """All causes that were found, the heaviest first; none: it is well."""
    found = [verdict for rule in _RULES for verdict in rule(facts, limits or Limits())]
    return sorted(found, key=lambda verdict: (-verdict.weight, verdict.subject))


def summary_of(facts: Facts, verdicts: list[Verdict]) -> str:
    """One sentence: the first cause, or that all is well."""
    if verdicts:
        more = f" And {len(verdicts) - 1} more." if len(verdicts) > 1 else ""
        return verdicts[0].text + more
    waiting = sum(one.messages for one in facts.partitions)
    running = sum(one.alive for one in facts.processes)
    return f"Well: {running} processes run, {waiting:,} offsets wait, and nothing holds them up."
