"""Every option, in one typed place; the only reader of the environment.

Order of precedence: environment (`IOT_…`, nested by `__`), then `iot.toml` in the working directory
(or the file named by `IOT_CONFIG`), then the defaults below. A name that is no setting is a mistake.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import (
    SettingsError as UnreadableError,
)

from iot_platform.errors import SettingsError
from iot_platform.kafka_settings import KafkaSettings
from iot_platform.orchestration_settings import (
    AlertSettings,
    DagsterSettings,
    LagSettings,
    QualitySettings,
    ReportSettings,
    ScalingSettings,
)
from iot_platform.setting_names import (
    CONFIG_VARIABLE,
    ENV_DELIMITER,
    ENV_PREFIX,
    closest,
    dotted,
    env_name,
    unknown_keys,
    unknown_variables,
)
from iot_platform.stream_settings import (
    BUILT_IN_STREAMS,
    SPOOL_AGE_HOURS,
    CanBeNone,
    Port,
    RetentionSettings,
    StreamName,
    StreamSettings,
    default_streams,
    none_by_name,
)
from iot_platform.stream_settings import Section as _Section

__all__ = [
    "BUILT_IN_STREAMS",
    "AlertSettings",
    "DagsterSettings",
    "DlqSettings",
    "FleetSettings",
    "HealthSettings",
    "KafkaSettings",
    "LagSettings",
    "ProducerSettings",
    "QualitySettings",
    "ReportSettings",
    "RetentionSettings",
    "ScalingSettings",
    "Settings",
    "StreamSettings",
    "ValidatorSettings",
    "WarehouseSettings",
    "load_settings",
]


class FleetSettings(_Section):
    """The simulated fleet that `up` runs."""

    enabled: bool = True
    stream: StreamName = "iot_data"
    producers: int = Field(1, ge=1, le=64, description="how many producers share the sensors, each a process")
    sensors: int = Field(50, ge=1)
    rate: float = Field(10.0, gt=0, description="messages a second in all; 10 = 864,000 a day")
    seed: int = 2026
    history_hours: float = Field(
        0, ge=0, le=20, description="what it would have sent before its first start is sent too"
    )
    journal: Path | None = Field(None, description="the fleet's own fsynced list of what it gave, for proofs")
    null_share: float = Field(0.0, ge=0, le=1, description="share of the nullable fields that is null …")
    null_sensors: str = Field("*", min_length=1, description="… in these sensors (* and ? in their ids)")

    @model_validator(mode="after")
    def _each_has_a_sensor(self) -> Self:
        if self.producers > self.sensors:
            raise ValueError(f"{self.producers} producers for {self.sensors} sensors: lower producers")
        return self


class ProducerSettings(_Section):
    """Delivery and spool. Idempotence, acks=all and 5 requests in flight are fixed, not settings."""

    delivery_timeout_seconds: float = Field(10, gt=0, description="an attempt has failed after this long")
    retries: int = Field(5, ge=0, description="attempts before Kafka counts as away")
    backoff_seconds: float = Field(0.5, gt=0, description="first wait; doubles, with jitter")
    backoff_max_seconds: float = Field(15, gt=0)
    spool_max_bytes: int = Field(1_073_741_824, ge=1_048_576)
    spool_max_age_hours: float = Field(
        SPOOL_AGE_HOURS, gt=0, description="what has waited for longer must go before more is taken"
    )
    takeover_seconds: float = Field(30, ge=1, description="a spool whose producer is dead for this long is taken over")
    batch_readings: int = Field(2_000, ge=1)
    linger_ms: float = Field(5, ge=0)
    compression: str = "lz4"


class ValidatorSettings(_Section):
    # 20,000 ids fill 640 kB of a ledger entry, which may have 900 kB.
    batch_max: int = Field(10_000, ge=1, le=20_000, description="most records in one transaction")
    linger_seconds: float = Field(0.01, ge=0, description="wait for company after the first record")
    transaction_timeout_seconds: float = Field(15, ge=1)
    session_timeout_seconds: float = Field(6, ge=6)
    dedup_store: Literal["memory", "rocksdb"] = Field("memory", description="where accepted ids are kept")
    overflow_share: Annotated[float | None, CanBeNone] = Field(
        0.95, ge=0, le=1, description='share of dead records at which a stream pauses; 0 or "none" = never'
    )
    overflow_records: int = Field(2_000, ge=1, description="… of the newest records, at least so many")
    overflow_seconds: float = Field(30, ge=0, description="… that span at least so much of the stream's time")


class HealthSettings(_Section):
    port: Annotated[Port | None, CanBeNone] = Field(
        8090, description='each stream process serves its health at the first free port from here on; "none" = nowhere'
    )


class WarehouseSettings(_Section):
    load_interval_seconds: float = Field(5, gt=0)
    batch_rows: int = Field(50_000, ge=1)
    publish_interval_seconds: float = Field(30, gt=0, description="age at which the reader's copy is renewed")
    busy_timeout_seconds: float = Field(30, ge=0, description="wait for a DuckDB file held by another process")
    memory_limit_mb: int = Field(2_048, ge=256)
    retention_days: Annotated[int | None, CanBeNone] = Field(
        400, ge=1, description='rows loaded longer ago are removed; "none" = kept'
    )


class DlqSettings(_Section):
    """The dead-letter workbench."""

    patches_dir: Path = Field(Path("patches"), description="where `dlq fix NAME` looks for NAME.toml")
    max_attempts: int = Field(5, ge=1, description="a record that was dead this often is parked")
    rate: float = Field(1_000, gt=0, description="records a second that are sent again")


class Settings(BaseSettings):
    """All settings. Build it once at the edge (`load_settings`) and hand it on."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter=ENV_DELIMITER, frozen=True, extra="forbid"
    )

    instance: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,60}$", description="tells installations on one cluster apart")
    state_dir: Path = Path(".iot")
    cache_dir: Path = Path("~/.cache/iot-platform")
    kafka: KafkaSettings = KafkaSettings()
    streams: dict[StreamName, StreamSettings] = Field(default_factory=default_streams)
    fleet: FleetSettings = FleetSettings()
    producer: ProducerSettings = ProducerSettings()
    validator: ValidatorSettings = ValidatorSettings()
    health: HealthSettings = HealthSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    dlq: DlqSettings = DlqSettings()
    dagster: DagsterSettings = DagsterSettings()
    quality: QualitySettings = QualitySettings()
    report: ReportSettings = ReportSettings()
    lag: LagSettings = LagSettings()
    scaling: ScalingSettings = ScalingSettings()
    alerts: AlertSettings = AlertSettings()
    faultpoint: str = Field("", description="for tests: see faultpoints.py")

    @field_validator("streams", mode="before")
    @classmethod
    def _over_the_built_in(cls, streams: object) -> object:
        """Who changes one option of a built-in stream keeps its others; "none" is no stream."""
        if not isinstance(streams, Mapping):
            return streams
        return {
            name: {**BUILT_IN_STREAMS.get(name, {}), **given} if isinstance(given, Mapping) else given
            for name, given in streams.items()
            if none_by_name(given) is not None
        }

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
        # pydantic merges what the sources say of streams, but a program that names streams means just those.
        exact = "streams" in getattr(init_settings, "init_kwargs", {})
        built_in = {} if exact else {"streams": dict(BUILT_IN_STREAMS)}
        return (
            init_settings,
            env_settings,
            InitSettingsSource(settings_cls, _config_document()),
            InitSettingsSource(settings_cls, built_in),
        )

    @property
    def own_broker(self) -> bool:
        return self.kafka.bootstrap_servers is None

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap_servers or self.kafka.own_servers

    @property
    def warehouse_path(self) -> Path:
        return self.state_dir / "warehouse" / "warehouse.duckdb"

    @property
    def published_dir(self) -> Path:
        return self.state_dir / "published"

    @property
    def reports_dir(self) -> Path:
        return self.state_dir / "reports"

    @property
    def heartbeat_dir(self) -> Path:
        return self.state_dir / "heartbeats"

    @property
    def lease_dir(self) -> Path:
        return self.state_dir / "leases"

    @property
    def targets_dir(self) -> Path:
        return self.state_dir / "targets"

    @property
    def log_dir(self) -> Path:
        return self.state_dir / "logs"

    @property
    def dagster_home(self) -> Path:
        return self.state_dir / "dagster"

    @property
    def alert_book_path(self) -> Path:
        return self.state_dir / "alerts" / "alerts.duckdb"

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
    """Settings from the environment and iot.toml; SettingsError with one sentence a mistake."""
    mistakes = list(_misnamed())
    if not mistakes:
        try:
            return Settings(**overrides)  # type: ignore[arg-type]
        except ValidationError as error:
            mistakes = [
                f"{env_name(item['loc'])}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()
            ]
        except UnreadableError as error:  # says which, but not what
            mistakes = [f"a section given as one variable must be JSON: {error}"]
    raise SettingsError(
        f"The settings do not hold: {'; '.join(mistakes)}.", next_step=f"Mend the environment or {_config_path()}."
    )


def _config_path() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE) or "iot.toml")


def _config_document() -> dict[str, Any]:
    """What the file of settings says; nothing where there is none and none was asked for."""
    path = _config_path()
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if os.environ.get(CONFIG_VARIABLE):
            raise SettingsError(
                f"There is no file {path}.", next_step=f"Mend {CONFIG_VARIABLE}, which names it, or unset it."
            ) from None
        return {}
    except OSError as error:
        raise SettingsError(f"The settings in {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:  # of TOML, and of UTF-8
        raise SettingsError(f"{path} is not TOML: {error}.", next_step="Mend it there.") from None


def _misnamed() -> Iterator[str]:
    """A sentence for each name that is no setting."""
    for name, place in unknown_variables(os.environ, Settings).items():
        yield f"{name} is no setting; the closest is {env_name(closest(place, Settings))}"
    for place in unknown_keys(_config_document(), Settings):
        yield f"{dotted(place)} in {_config_path()} is no setting; the closest is {dotted(closest(place, Settings))}"
