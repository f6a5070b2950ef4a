"""Every option, in one typed place; the only reader of the environment.

Order of precedence: environment (`IOT_…`, nested by `__`), then `iot.toml` in the working directory
(or the file named by `IOT_CONFIG`), then the defaults below.
"""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from iot_platform.errors import SettingsError

Port = Annotated[int, Field(ge=1024, le=65535)]
StreamName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Section):
    """Where Kafka is. Without `bootstrap_servers` the platform runs a broker of its own on this machine."""

    bootstrap_servers: str | None = None
    broker_port: Port = 29092
    controller_port: Port = 29093
    heap_mb: int = Field(512, ge=256)
    replication_factor: int = Field(-1, description="-1 = the broker's default")
    properties: dict[str, str] = Field(
        default_factory=dict, description="further librdkafka properties, such as security.protocol"
    )


class RetentionSettings(_Section):
    raw_days: float = Field(7, gt=0)
    validated_days: float = Field(7, gt=0)
    dlq_days: float = Field(30, gt=0)
    ledger_days: float = Field(30, gt=0)


class StreamSettings(_Section):
    """One stream of readings: its topics are named after it (see contract/topology.py)."""

    catalogue: str = Field("iot_data", description="a built-in catalogue's name, or a path to a TOML file")
    partitions: int = Field(3, ge=1)
    validators: int = Field(1, ge=0, description="how many validators `up` runs")
    max_age_seconds: float | None = Field(86_400, description="older than this on arrival is dead; none = no limit")
    max_ahead_seconds: float | None = Field(300, description="further ahead than this is dead; none = no limit")
    dedup_window_hours: float = Field(72, gt=0)
    max_message_bytes: int = Field(1_000_000, ge=1_000, description="largest raw record")
    retention: RetentionSettings = RetentionSettings()


class FleetSettings(_Section):
    """The simulated fleet that `up` runs."""

    enabled: bool = True
    stream: StreamName = "iot_data"
    sensors: int = Field(50, ge=1)
    rate: float = Field(10.0, gt=0, description="messages a second in all; 10 = 864,000 a day")
    seed: int = 2026
    journal: Path | None = Field(None, description="the fleet's own fsynced list of what it gave, for proofs")
    null_share: float = Field(0.0, ge=0, le=1, description="share of the nullable fields that is null, in every sensor")


class ProducerSettings(_Section):
    """Delivery and spool. Idempotence, acks=all and 5 requests in flight are fixed, not settings."""

    delivery_timeout_seconds: float = Field(10, gt=0, description="an attempt has failed after this long")
    retries: int = Field(5, ge=0, description="attempts before Kafka counts as away")
    backoff_seconds: float = Field(0.5, gt=0, description="first wait; doubles, with jitter")
    backoff_max_seconds: float = Field(15, gt=0)
    spool_max_bytes: int = Field(1_073_741_824, ge=1_048_576)
    batch_readings: int = Field(2_000, ge=1)
    linger_ms: float = Field(5, ge=0)
    compression: str = "lz4"


class ValidatorSettings(_Section):
    # 20,000 ids fill 640 kB of a ledger entry, which may have 900 kB.
    batch_max: int = Field(10_000, ge=1, le=20_000, description="most records in one transaction")
    linger_seconds: float = Field(0.01, ge=0, description="wait for company after the first record")
    transaction_timeout_seconds: float = Field(15, ge=1)
    session_timeout_seconds: float = Field(6, ge=6)


class WarehouseSettings(_Section):
    load_interval_seconds: float = Field(5, gt=0)
    batch_rows: int = Field(50_000, ge=1)
    publish_interval_seconds: float = Field(30, gt=0, description="age at which the reader's copy is renewed")
    busy_timeout_seconds: float = Field(30, ge=0, description="wait for a DuckDB file held by another process")
    memory_limit_mb: int = Field(2_048, ge=256)
    retention_days: int | None = Field(400, ge=1, description="rows loaded longer ago are removed; none = kept")


def _default_streams() -> dict[StreamName, StreamSettings]:
    return {
        "iot_data": StreamSettings(),
        "air_quality": StreamSettings(catalogue="air_quality", max_age_seconds=None, max_ahead_seconds=None),
    }


class Settings(BaseSettings):
    """All settings. Build it once at the edge (`load_settings`) and hand it on."""

    model_config = SettingsConfigDict(
        env_prefix="IOT_", env_nested_delimiter="__", frozen=True, extra="ignore", toml_file=None
    )

    instance: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,60}$", description="tells installations on one cluster apart")
    state_dir: Path = Path(".iot")
    cache_dir: Path = Path("~/.cache/iot-platform")
    kafka: KafkaSettings = KafkaSettings()
    streams: dict[StreamName, StreamSettings] = Field(default_factory=_default_streams)
    fleet: FleetSettings = FleetSettings()
    producer: ProducerSettings = ProducerSettings()
    validator: ValidatorSettings = ValidatorSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    faultpoint: str = Field("", description="for tests: see faultpoints.py")

    def model_post_init(self, _context: object) -> None:
        # The model is frozen for its users; here it is still being made.
        object.__setattr__(self, "state_dir", self.state_dir.expanduser().absolute())
        object.__setattr__(self, "cache_dir", self.cache_dir.expanduser().absolute())
        if not self.instance:
            seed = f"{socket.gethostname()}:{self.state_dir}".encode()
            object.__setattr__(self, "instance", "iot-" + hashlib.sha256(seed).hexdigest()[:8])

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic names the parameters
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, Path(os.environ.get("IOT_CONFIG", "iot.toml")))
        return init_settings, env_settings, toml

    @property
    def own_broker(self) -> bool:
        return self.kafka.bootstrap_servers is None

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap_servers or f"127.0.0.1:{self.kafka.broker_port}"

    @property
    def warehouse_path(self) -> Path:
        return self.state_dir / "warehouse" / "warehouse.duckdb"

    @property
    def published_dir(self) -> Path:
        return self.state_dir / "published"

    @property
    def heartbeat_dir(self) -> Path:
        return self.state_dir / "heartbeats"

    @property
    def lease_dir(self) -> Path:
        return self.state_dir / "leases"

    @property
    def log_dir(self) -> Path:
        return self.state_dir / "logs"

    @property
    def spool_dir(self) -> Path:
        return self.state_dir / "spool"

    def stream(self, name: str) -> StreamSettings:
        """The settings of one stream; SettingsError names those that exist."""
        try:
            return self.streams[name]
        except KeyError:
            known = ", ".join(sorted(self.streams))
            raise SettingsError(
                f"There is no stream '{name}'; configured are: {known}.",
                next_step=f"Add [streams.{name}] to iot.toml, or name one of these.",
            ) from None


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment and iot.toml; SettingsError with one line per mistake."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        mistakes = "; ".join(
            f"IOT_{'__'.join(str(part).upper() for part in item['loc'])}: {item['msg']}" for item in error.errors()
        )
        raise SettingsError(
            f"The settings do not hold: {mistakes}.", next_step="Mend the environment or iot.toml."
        ) from None
