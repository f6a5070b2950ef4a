"""A stream whose dead letters a test works on."""

from __future__ import annotations

from collections import Counter
from typing import Any

from iot_platform.clock import SystemClock
from iot_platform.contract.patches import Patch, parse_patch
from iot_platform.contract.topology import Topology
from iot_platform.lifecycle import Stop
from iot_platform.pipeline.audit import audit
from iot_platform.pipeline.load import load_once
from iot_platform.pipeline.statement import Statement
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.marts import ask_rows
from iot_platform.warehouse.workbench import ask_letters
from iot_platform.workbench.jobs import Job
from iot_platform.workbench.letters import Asked, Letter
from iot_platform.workbench.redriving import Redriven, redrive
from tests.support.pipeline import validated

FIX_UNIT = '[when]\nreason = "unit"\n[[steps]]\nop = "convert"\nfrom = "degF"\nto = "Cel"\n'
FIX_TYPE = '[when]\nreason = "type"\n[[steps]]\nop = "cast"\nfield = "value"\nto = "number"\n'


class Bench:
    """Validates, loads and sends again, in the test's own process."""

    def __init__(self, settings: Settings, topology: Topology) -> None:
        self.settings = settings
        self.topology = topology

    def judged(self, *values: bytes) -> None:
        """Send raw values, validate all there is, load it."""
        validated(self.settings, self.topology, list(values))
        self.load()

    def load(self) -> None:
        load_once(self.settings, Clients(self.settings), SystemClock())

    def asked(self, patch: Patch | None = None, **more: Any) -> Asked:
        return Asked(self.topology.stream, **({"when": patch.when} if patch else {}), **more)

    def again(self, patch: str = "", name: str = "patch", asked: Asked | None = None, **options: Any) -> Redriven:
        made = parse_patch(name, patch) if patch else None
        job = Job(asked or self.asked(made), made, **options)
        return redrive(self.settings, job, clock=SystemClock(), stop=Stop())

    def letters(self) -> list[Letter]:
        """Every dead letter as the warehouse has it, in the order of the raw topic."""
        (named,) = self.asked().named()
        with open_warehouse(self.settings, read_only=True) as connection:
            return [Letter.of(row) for row in ask_letters(connection, "in_order", named)]

    def statuses(self) -> Counter[str]:
        return Counter(letter.status for letter in self.letters())

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with open_warehouse(self.settings, read_only=True) as connection:
            return ask_rows(connection, sql, {})

    def audited(self) -> Statement:
        made = audit(self.settings, self.topology.stream, SystemClock())
        assert made.balanced, made.findings
        assert made.raw == made.valid + made.dead + made.duplicates + made.in_flight
        return made
