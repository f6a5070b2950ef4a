"""Make `.venv` from the lock, put the project into it, fetch Apache Kafka; say nothing twice and do nothing twice.

The stamp is removed first and written last, so an interrupted set-up is simply done again. Standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tools import stamp as stamps
from tools.stamp import Stamp
from tools.steps import Runner, StepFailedError

NEEDED_BYTES = 1_500_000_000
_FAILED = 3  # something needed is not there: the same exit code as iot-platform's


@dataclass(frozen=True)
class Checkout:
    """The places of one checkout."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def log(self) -> Path:
        return self.venv / "setup.log"

    @property
    def stamp(self) -> Path:
        return self.venv / "setup.stamp"

    @property
    def lock(self) -> Path:
        return self.root / ".cache" / "setup.lock"

    def requirements(self, *, dev: bool) -> Path:
        return self.root / "requirements" / ("dev.txt" if dev else "runtime.txt")

    def wanted(self, *, dev: bool) -> Stamp:
        """The environment these files ask for, on this Python, at this place (a moved .venv does not work)."""
        files = (self.requirements(dev=False), self.requirements(dev=True), self.root / "pyproject.toml")
        facts = (sys.version, sys.base_prefix, sysconfig.get_platform(), str(self.root))
        return Stamp(stamps.fingerprint((file.read_bytes() for file in files), facts), dev)


@contextmanager
def only_setup(lock: Path) -> Iterator[int]:
    """The right to set this checkout up, as an open file; children keep it too, should we be killed."""
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StepFailedError(
                "Another set-up is at work in this checkout: wait until it has finished and run the same again."
            ) from None
        yield file.fileno()


def check_disk(root: Path, needed_bytes: int = NEEDED_BYTES) -> None:
    free_bytes = shutil.disk_usage(root).free
    if free_bytes < needed_bytes:
        raise StepFailedError(
            f"Set-up needs {needed_bytes / 1e9:.1f} GB of disk, {root} has {free_bytes / 1e9:.1f} GB left: free some."
        )


def install(checkout: Checkout, *, dev: bool) -> None:
    """Everything into place; at once when it is there already."""
    wanted = checkout.wanted(dev=dev)
    found = stamps.read(checkout.stamp)
    with only_setup(checkout.lock) as held_fd:
        runner = Runner(checkout.root, checkout.log, held_fd)
        if found and found.serves(wanted) and checkout.python.exists():
            _fetch_kafka(checkout, runner, dev=dev)
            return
        check_disk(checkout.root)
        print(f"Setting up with Python {sys.version.split()[0]}; the details go to .venv/setup.log", flush=True)
        checkout.stamp.unlink(missing_ok=True)
        if not (found and found.grows_into(wanted)):
            _make_venv(checkout, runner)
        _install_locked(checkout, runner, dev=dev)
        _install_project(checkout, runner)
        _fetch_kafka(checkout, runner, dev=dev)
        stamps.write(checkout.stamp, wanted)


def _make_venv(checkout: Checkout, runner: Runner) -> None:
    """A new one each time: what another lock or a broken set-up left would never be noticed."""
    if checkout.venv.exists():
        shutil.rmtree(checkout.venv)
    checkout.venv.mkdir()
    runner.run("Making .venv", [_base_python(), "-m", "venv", checkout.venv])


def _base_python() -> str:
    """This Python, or, when it runs in a virtual environment, the one beneath: `.venv` must not stand on another."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def _install_locked(checkout: Checkout, runner: Runner, *, dev: bool) -> None:
    lock = checkout.requirements(dev=dev)
    count = sum("==" in line for line in lock.read_text(encoding="utf-8").splitlines())
    seen: list[str] = []

    def progress(line: str) -> str:
        if line.startswith("Collecting "):
            seen.append(line.split()[1])
        return f"{len(seen)} of {count}: {seen[-1]}" if seen else ""

    options: list[str | Path] = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", lock]
    runner.run(f"Installing {count} locked packages", [*_pip(checkout), *options], progress)


def _install_project(checkout: Checkout, runner: Runner) -> None:
    options = ["--no-index", "--no-deps", "--no-build-isolation", "-e", "."]
    runner.run("Installing iot-platform", [*_pip(checkout), *options])


def _pip(checkout: Checkout) -> list[str | Path]:
    quiet: list[str | Path] = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    return [checkout.python, "-m", "pip", "install", *quiet]


def _fetch_kafka(checkout: Checkout, runner: Runner, *, dev: bool) -> None:
    def last_line(output: str, exit_code: int) -> str:
        return (output.splitlines() or [f"Fetching Apache Kafka ended with exit code {exit_code}."])[-1]

    command: list[str | Path] = [checkout.python, "-m", "tools.kafka_jars"]
    if dev:
        command.append("--always")
    runner.run("Apache Kafka's jars, checked", command, lambda line: line, last_line)


def main(arguments: list[str]) -> int:
    """Exit codes: 0 done, 3 something needed is not there, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="tools/setup.py", description="Set this checkout up.")
    parser.add_argument("--dev", action="store_true", help="with the tools that `make check` and `make test` need")
    dev: bool = parser.parse_args(arguments).dev
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        install(Checkout(Path(__file__).resolve().parent.parent), dev=dev)
    except StepFailedError as failure:
        for line in failure.shown:
            print(f"    {line[:200]}", file=sys.stderr)
        print(failure, file=sys.stderr)
        return _FAILED
    except OSError as error:
        print(f"Set-up could not write its files: {error}.", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print("\nInterrupted: run the same again, and set-up starts anew by itself.", file=sys.stderr)
        return 130
    print(f"Ready after {time.monotonic() - started:.1f} s.", flush=True)
    return os.EX_OK


def _interrupt(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
