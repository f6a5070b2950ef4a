"""Incidents and notices as plain rows, for `status`, the UI and `alerts list --json`. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from iot_platform.watch.alerts.delivery import why_not_sent
from iot_platform.watch.alerts.lifecycle import Incident
from iot_platform.watch.alerts.texts import sentence


def firing_row(incident: Incident) -> dict[str, Any]:
    """`what` and `text` as in `status --json`, with the incident's own beside them."""
    return {
        "what": incident.rule,
        "text": sentence(incident),
        "subject": incident.subject,
        "level": incident.level,
        "title": incident.title,
        "figure": incident.text,
        "what_to_do": incident.what_to_do,
        "since": incident.since.isoformat(),
        "fired_at": incident.fired_at.isoformat() if incident.fired_at else None,
        "reminders": incident.reminders,
        "stream": incident.stream or None,
        "runbook": incident.runbook or None,
        "also": list(incident.also),
        "within": incident.covered_by or None,
        "silenced": incident.silenced or None,
        "acknowledged": incident.acknowledged or None,
    }


def notice_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A notice of the book with what became of it: sent, not_sent, or failed (`retrying`: it is tried again)."""
    incident = json.loads(row["incident"])
    deliveries = row["deliveries"]
    outcomes = {delivery["outcome"] for delivery in deliveries}
    detail = " ".join(delivery["detail"] for delivery in deliveries if delivery["detail"])
    return {
        "event": row["event"],
        "at": row["told_at"].isoformat(),
        "rule": incident["rule"],
        "subject": incident["subject"],
        "level": incident["level"],
        "text": row["subject"],
        "outcome": "not_sent" if not outcomes else "sent" if outcomes == {"sent"} else "failed",
        "retrying": "pending" in outcomes,
        "detail": detail if deliveries else why_not_sent(incident["level"], incident.get("silenced", "")),
        "channels": deliveries,
    }
