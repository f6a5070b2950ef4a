"""Names of a stream's topics and groups. Fixed: outside readers rely on them (docs/reference/interfaces.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Topology:
    """The topics and consumer groups of the stream `stream`."""

    stream: str

    @property
    def raw(self) -> str:
        return f"raw_{self.stream}"

    @property
    def validated(self) -> str:
        return f"validated_{self.stream}"

    @property
    def dead_letters(self) -> str:
        return f"{self.stream}_dlq"

    @property
    def ledger(self) -> str:
        return f"{self.stream}_ledger"

    @property
    def topics(self) -> tuple[str, str, str, str]:
        return self.raw, self.validated, self.dead_letters, self.ledger

    @property
    def validator_group(self) -> str:
        return f"validator-{self.stream}"

    @property
    def loader_group(self) -> str:
        return f"loader-{self.stream}"

    def transactional_id(self, instance: str, slot: int) -> str:
        return f"{instance}-validator-{self.stream}-{slot}"
