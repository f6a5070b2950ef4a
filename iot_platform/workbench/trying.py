"""What a patch would do, judged by the validator's own rules, without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from iot_platform.clock import unix_millis
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.judge import Judge
from iot_platform.contract.patches import Patch
from iot_platform.contract.patching import Change, UnpatchableError
from iot_platform.contract.reading import Freshness
from iot_platform.contract.reasons import Reason
from iot_platform.settings import Settings
from iot_platform.warehouse.workbench import Connection, ask_letters
from iot_platform.workbench.letters import Asked, Letter, published
from iot_platform.workbench.preparing import Prepared, prepare

_BATCH = 2_000
_MOST = 1 << 31


@dataclass(frozen=True)
class Sample:
    """One record as it would be; `still` says why it would be dead again, empty when it would be valid."""

    source: str
    changes: tuple[Change, ...]
    still: str


@dataclass
class Trial:
    """Counts of dead letters: matched = valid + dead + unchanged + unrecoverable."""

    matched: int = 0
    valid: int = 0
    dead: int = 0
    unchanged: int = 0
    unrecoverable: int = 0
    dead_because: Counter[str] = field(default_factory=Counter)
    unrecoverable_because: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    def as_document(self) -> dict[str, Any]:
        return asdict(self)


def try_patch(settings: Settings, asked: Asked, patch: Patch, samples: int) -> Trial:
    """Try a patch on the dead letters that `dlq fix --apply` would take, from the reader's copy.

    Deduplication is not asked: a reading that was accepted meanwhile counts as valid here, and becomes a duplicate.
    """
    options = settings.stream(asked.stream)
    freshness = Freshness(options.max_age_seconds, options.max_ahead_seconds)
    judge = Judge(load_catalogue(options.catalogue), freshness, options.max_message_bytes)
    asked = replace(asked, statuses=("untouched", "unrecoverable"))
    trial = Trial()
    with published(settings) as connection:
        for named in asked.named():
            keys = ask_letters(connection, "places", {**named, "most": _MOST})
            for start in range(0, len(keys), _BATCH):
                _try(trial, judge, _letters(connection, named, keys[start : start + _BATCH]), patch, samples)
    return trial


def _letters(connection: Connection, named: dict[str, Any], keys: Sequence[dict[str, Any]]) -> list[Letter]:
    """Keys are in order, so most batches are of one partition."""
    letters = []
    for partition in sorted({key["source_partition"] for key in keys}):
        offsets = [key["source_offset"] for key in keys if key["source_partition"] == partition]
        rows = ask_letters(connection, "in_order", {**named, "source_partition": partition, "source_offsets": offsets})
        letters += [Letter.of(row) for row in rows]
    return letters


def _try(trial: Trial, judge: Judge, letters: Sequence[Letter], patch: Patch, samples: int) -> None:
    ready: list[tuple[Letter, Prepared]] = []
    for letter in letters:
        trial.matched += 1
        try:
            prepared = prepare(letter, patch)
        except UnpatchableError as error:
            trial.unrecoverable += 1
            trial.unrecoverable_because[str(error)] += 1
            continue
        if prepared is None:
            trial.unchanged += 1
        else:
            ready.append((letter, prepared))
    judgement = judge.judge(
        [prepared.value for _, prepared in ready],
        [letter.key for letter, _ in ready],
        [unix_millis(letter.accepted_at) for letter, _ in ready],
    )
    for place, (letter, prepared) in enumerate(ready):
        reasons: tuple[Reason, ...] = judgement.dead.get(place, ())
        trial.valid += not reasons
        trial.dead += bool(reasons)
        trial.dead_because.update({f"{reason.code.value} {reason.field}".strip() for reason in reasons})
        if len(trial.samples) < samples:
            trial.samples.append(Sample(letter.source, prepared.changes, "; ".join(one.detail for one in reasons)))
