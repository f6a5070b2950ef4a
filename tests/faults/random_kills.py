"""Kill and put to sleep at random, with everything running, and then ask what became of each reading.

    python -m tests.faults.random_kills --seconds 3600 --rate 2000 --kills 60 --sleeps 60 [--seed N] [--brokers 3]

A victim is killed (SIGKILL), or sleeps for 5 to 20 s (SIGSTOP, SIGCONT), and several may at the same time. The time
is in rounds, each with a quiet phase at its end. Prints its seed first: the same seed does the same to the same
processes in the same order. `--state DIR` keeps the state. Of three brokers one is broken only while the two others are
up, unless `--several` says otherwise: then too few may be left for a while. Exit code 0 when nothing was lost, doubled
or invented, and the audit accounts for every reading.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from iot_platform.broker.node import local_brokers
from iot_platform.drills.installation import own_kafka
from iot_platform.settings import (
    BUILT_IN_STREAMS,
    DagsterSettings,
    FleetSettings,
    KafkaSettings,
    Settings,
    StreamSettings,
    load_settings,
)
from iot_platform.supervision.brokers import broker_facts
from iot_platform.supervision.plan import broker_program
from iot_platform.supervision.supervisor import Supervisor
from tests.faults.journal import Verdict, compare, read_promise
from tests.faults.random_plan import Plan, faults
from tests.support.brokers import are_up
from tests.support.processes import command
from tests.support.waiting import eventually

STREAM = "iot_data"
_BACK_SECONDS = 120.0
"""How long another broker is waited for before one more is killed; a busy machine takes a minute to start one."""
_DRAIN_SECONDS, _DRAIN_SHARE = 280.0, 0.25
"""The longer the story, the more a busy machine may have to catch up with."""


def proof_settings(directory: Path, plan: Plan) -> Settings:
    return load_settings(
        state_dir=directory / "state",
        kafka=own_kafka(plan.brokers),
        streams={STREAM: StreamSettings()},
        fleet=FleetSettings(rate=plan.rate, journal=directory / "journal.ndjson"),
        dagster=DagsterSettings(enabled=False),
    )


def environment_of(settings: Settings) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("IOT_")},
        "IOT_STATE_DIR": str(settings.state_dir),
        "IOT_CACHE_DIR": str(settings.cache_dir),
        "IOT_KAFKA__BROKERS": str(settings.kafka.brokers),
        "IOT_KAFKA__BROKER_PORT": str(settings.kafka.broker_port),
        "IOT_KAFKA__CONTROLLER_PORT": str(settings.kafka.controller_port),
        "IOT_STREAMS": json.dumps({**dict.fromkeys(BUILT_IN_STREAMS, "none"), STREAM: {}}),
        "IOT_FLEET__RATE": str(settings.fleet.rate),
        "IOT_FLEET__JOURNAL": str(settings.fleet.journal),
        "IOT_DAGSTER__ENABLED": "false",
    }


def run(plan: Plan, directory: Path, tell: Callable[[str], None]) -> tuple[Verdict, dict[str, object]]:
    """Run the whole story in `directory`; the verdict of the source's list, and the audit."""
    settings = proof_settings(directory, plan)
    environment = environment_of(settings)

    drain_seconds = max(_DRAIN_SECONDS, plan.seconds * _DRAIN_SHARE)

    def platform(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command(*arguments), env=environment, capture_output=True, text=True, check=False,
            timeout=drain_seconds + _BACK_SECONDS,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    platform("up", "--detach")
    try:
        _break_at_random(settings, plan, tell)
        tell("draining …")
        platform("drain", "--timeout", f"{drain_seconds:.0f}")
        audit = platform("audit", "--json", check=False)
        assert settings.fleet.journal is not None
        reader = settings.model_copy(update={"kafka": KafkaSettings(bootstrap_servers=settings.bootstrap_servers)})
        verdict = compare(reader, STREAM, read_promise(settings.fleet.journal))
        return verdict, {"exit_code": audit.returncode, **json.loads(audit.stdout or "{}")}
    finally:
        platform("down", check=False)


def _break_at_random(settings: Settings, plan: Plan, tell: Callable[[str], None]) -> None:
    supervisor = Supervisor(settings)
    pause = threading.Event()
    started = time.monotonic()
    wakers: list[threading.Timer] = []
    for fault in faults(plan):
        pause.wait(max(0.0, started + fault.at - time.monotonic()))
        if not plan.several:
            _await_other_brokers(settings, fault.victim)
        pid = _pid_of(settings, supervisor, fault.victim)
        told = f"{time.monotonic() - started:6.1f} s  {fault.victim}"
        if pid is None:
            tell(f"{told} was not up")
        elif fault.seconds is None:
            os.kill(pid, signal.SIGKILL)
            tell(f"{told} killed (process {pid})")
        else:
            os.kill(pid, signal.SIGSTOP)
            wakers.append(threading.Timer(fault.seconds, _wake, (pid,)))
            wakers[-1].start()
            tell(f"{told} sleeps for {fault.seconds:.1f} s (process {pid})")
    for waker in wakers:
        waker.join()
    pause.wait(max(0.0, started + plan.seconds - time.monotonic()))


def _wake(pid: int) -> None:
    with suppress(ProcessLookupError):  # it was killed in its sleep
        os.kill(pid, signal.SIGCONT)


def _await_other_brokers(settings: Settings, victim: str) -> None:
    """Before a broker is broken: until all others are up, so that two of three always are."""
    others = [one.number for one in broker_facts(settings) if one.name != victim]
    if len(others) < settings.kafka.brokers:  # the victim is one of them
        eventually(lambda: set(others) <= set(are_up(settings)), _BACK_SECONDS, "the other brokers' return")


def _pid_of(settings: Settings, supervisor: Supervisor, victim: str) -> int | None:
    for broker in local_brokers(settings):
        if victim == broker_program(broker.number):
            return broker.pid()
    return next((state.pid for state in supervisor.states() if state.name == victim and state.running), None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--sleeps", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--state", type=Path, help="keep the state in this (new) directory")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--several", action="store_true", help="kill brokers also while others are down")
    options = parser.parse_args()
    plan = Plan(
        options.seconds, options.rate, options.kills, options.seed, options.sleeps, options.brokers, options.several
    )
    print(plan, flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.state or Path(temporary)
        verdict, audit = run(plan, directory, lambda text: print(text, flush=True))
    print(f"accepted {verdict.accepted}, lost {verdict.lost}, doubled {verdict.doubled}, invented {verdict.invented}")
    print(json.dumps(audit))
    return 0 if verdict.holds and audit["exit_code"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
