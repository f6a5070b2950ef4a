"""Make kafka.lock again: what the coordinates in broker/fetch.py resolve to, by SHA-256. Run by `make lock-kafka`."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from iot_platform.broker.fetch import KAFKA_VERSION, resolve, sha256_of
from iot_platform.errors import PlatformError

LOCK = Path(__file__).resolve().parent.parent / "iot_platform" / "broker" / "kafka.lock"
_HEADER = "# SHA-256 of Apache Kafka's jars and of all they need; made by: make lock-kafka\n"


def strangers(names: list[str], version: str) -> list[str]:
    """Kafka's own jars of another version: the sign that one coordinate pulled the others down."""
    own = re.compile(r"(kafka|connect|trogdor)[a-z0-9_.-]*?-(?P<version>\d+\.\d+\.\d+)\.jar")
    return sorted(name for name in names if (found := own.fullmatch(name)) and found["version"] != version)


def lock_text(digests: dict[str, str]) -> str:
    return _HEADER + "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="lock-kafka-") as workspace:
        try:
            jars = resolve(Path(workspace))
        except PlatformError as error:
            print(error, file=sys.stderr)
            return error.exit_code
        digests = {jar.name: sha256_of(jar) for jar in jars}
    if wrong := strangers(list(digests), KAFKA_VERSION):
        print(f"Not locked: {wrong[0]} is not of {KAFKA_VERSION}; add `!` in ENDPOINT of fetch.py.", file=sys.stderr)
        return 1
    LOCK.write_text(lock_text(digests), encoding="utf-8")
    print(f"Locked {len(digests)} jars of Apache Kafka {KAFKA_VERSION} in {LOCK.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
