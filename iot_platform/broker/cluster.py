"""What our own brokers have in common: the cluster's id and how many they are, decided once, by whoever comes first."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from iot_platform.broker.config import new_cluster_id
from iot_platform.errors import DamagedError, SettingsError
from iot_platform.settings import Settings

_META = "meta.properties"  # Kafka's own, in a formatted data directory
_ID = "cluster.id="


@dataclass(frozen=True)
class Cluster:
    """An Apache Kafka of our own, as its data was made."""

    cluster_id: str
    brokers: int


def kafka_dir(settings: Settings, number: int) -> Path:
    """Where broker `number`, counted from 1, keeps its configuration and its data."""
    return settings.state_dir / named("kafka", number)


def named(what: str, number: int) -> str:
    """The first is named as if it were the only one."""
    return what if number == 1 else f"{what}-{number}"


def ensure_cluster(settings: Settings) -> Cluster:
    """The cluster of this state directory, decided now if there is none. Three may ask at once: all get the same.

    Raises SettingsError when its data was made with another number of brokers than the settings say.
    """
    path = kafka_dir(settings, 1) / "cluster.json"
    if not path.exists():
        _decide(path, _made_before(settings) or Cluster(new_cluster_id(), settings.kafka.brokers))
    cluster = _read(path)
    check_brokers(settings, cluster)
    return cluster


def check_cluster(settings: Settings) -> None:
    """Raises SettingsError as `ensure_cluster`, and decides nothing."""
    path = kafka_dir(settings, 1) / "cluster.json"
    cluster = _read(path) if path.exists() else _made_before(settings)
    if cluster is not None:
        check_brokers(settings, cluster)


def check_brokers(settings: Settings, cluster: Cluster) -> None:
    if cluster.brokers != settings.kafka.brokers:
        there, wanted = cluster.brokers, settings.kafka.brokers
        raise SettingsError(
            f"Kafka's data in {settings.state_dir} was made with {_counted(there)}, the settings say {wanted}.",
            next_step=f"Set IOT_KAFKA__BROKERS={there}, or begin with another IOT_STATE_DIR; how to take the warehouse "
            "along is in docs/operations.md, under Three brokers.",
        )


def _counted(brokers: int) -> str:
    return "1 broker" if brokers == 1 else f"{brokers} brokers"


def _made_before(settings: Settings) -> Cluster | None:
    """Of data that is older than `cluster.json`: there was always one broker."""
    try:
        lines = (kafka_dir(settings, 1) / "data" / _META).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    found = [line.removeprefix(_ID).strip() for line in lines if line.startswith(_ID)]
    return Cluster(found[0], brokers=1) if found else None


def _decide(path: Path, cluster: Cluster) -> None:
    """Link a whole file into place: the first one stays, and nobody reads a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    temporary.write_text(json.dumps(asdict(cluster)), encoding="utf-8")
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass  # another broker was first
    finally:
        temporary.unlink()


def _read(path: Path) -> Cluster:
    try:
        return Cluster(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DamagedError(
            f"{path} is damaged: {error}.",
            next_step='Write {"cluster_id": "…", "brokers": 1 or 3} into it; the id is in data/meta.properties.',
        ) from error
