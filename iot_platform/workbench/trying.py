"""What a patch would do, judged by the validator's own rules, without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
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
from iot_platform.workbench.jobs import Job, oldest_to_send
from iot_platform.workbench.letters import Letter, published
from iot_platform.workbench.preparing import Prepared, prepare

_BATCH = 2_000


@dataclass(frozen=True)
class Sample:
    """One record as it would be; `still` says why it would be dead again, empty when it would be valid."""

    source: str
    changes: tuple[Change, ...]
    still: str


@dataclass
class Trial:
    """Counts of dead letters: matched = valid + dead + unchanged + unrecoverable; too old ones are not tried."""

    matched: int = 0
    too_old: int = 0
    valid: int = 0
    dead: int = 0
    unchanged: int = 0
    unrecoverable: int = 0
    dead_because: Counter[str] = field(default_factory=Counter)
    unrecoverable_because: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """As the run's own, of what it would do."""
        old = (
            f" {self.too_old:,} are older than Kafka keeps records of the stream, and would not be sent."
            if self.too_old
            else ""
        )
        return (
            f"{self.matched:,} matched: {self.valid:,} would be valid, {self.dead:,} dead again, "
            f"{self.unrecoverable:,} cannot be patched, {self.unchanged:,} would not change.{old} Nothing was sent"
        )

    def as_document(self) -> dict[str, Any]:
        reasons = {name: dict(getattr(self, name)) for name in ("dead_because", "unrecoverable_because")}
        return {**vars(self), **reasons, "samples": [asdict(sample) for sample in self.samples]}


def try_patch(settings: Settings, job: Job, samples: int, now: datetime) -> Trial:
    """Try the job's patch on the dead letters that it would send, from the reader's copy.

    Deduplication is not asked: a reading that was accepted meanwhile counts as valid here, and becomes a duplicate.
    """
    assert job.patch is not None
    options = settings.stream(job.asked.stream)
    freshness = Freshness(options.max_age_seconds, options.max_ahead_seconds)
    judge = Judge(load_catalogue(options.catalogue), freshness, options.max_message_bytes)
    oldest = oldest_to_send(options.retention, now)
    trial = Trial()
    with published(settings) as connection:
        for named in job.taken.named():
            keys = ask_letters(connection, "places", {**named, "most": job.limit - trial.matched - trial.too_old})
            for start in range(0, len(keys), _BATCH):
                letters = _letters(connection, named, keys[start : start + _BATCH])
                young = [letter for letter in letters if letter.accepted_at >= oldest]
                trial.too_old += len(letters) - len(young)
                _try(trial, judge, young, job.patch, samples)
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
