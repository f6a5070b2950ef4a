"""The last part of a drill that breaks something: what the source gave, against what there is, and the audit."""

from __future__ import annotations

from iot_platform.drills.drill import Drill
from iot_platform.drills.installation import Installation
from iot_platform.errors import UnavailableError
from iot_platform.pipeline.audit import audit
from iot_platform.pipeline.promise import compare, read_promise
from iot_platform.settings import Settings


def settle_and_judge(drill: Drill, installation: Installation, stream: str, timeout_seconds: float) -> None:
    """Stop the sources, wait until all is validated and loaded, and judge. Raises UnavailableError when it is not."""
    installation.run("drain", "--timeout", str(timeout_seconds))
    drill.step("Sources stopped, everything validated and loaded.")
    judge(drill, installation.settings, stream)


def judge(drill: Drill, settings: Settings, stream: str) -> None:
    """Claim that nothing was lost or doubled. Of a stream at rest, whose fleet kept a journal."""
    if settings.fleet.journal is None:
        raise UnavailableError("Without the source's own list there is nothing to compare with.")
    verdict = compare(settings, stream, read_promise(settings.fleet.journal))
    report = audit(settings, stream, drill.clock).as_document()
    drill.step(
        f"The source's own list has {verdict.accepted:,} readings: {verdict.lost:,} lost, {verdict.doubled:,} doubled, "
        f"{verdict.invented:,} that nobody sent. The audit: {report['valid']:,} valid, {report['dead']:,} dead, "
        f"{report['duplicates']:,} duplicates, {report['unaccounted']:,} unaccounted for.",
        sent=verdict.accepted,
        lost=verdict.lost,
        doubled=verdict.doubled,
        invented=verdict.invented,
        unaccounted=report["unaccounted"],
    )
    drill.claim(f"All {verdict.accepted:,} readings arrived, each once.", verdict.holds and verdict.accepted > 0)
    drill.claim("The audit accounts for every one.", not report["unaccounted"] and not report["findings"])
