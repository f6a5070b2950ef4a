"""The drill `runbooks`: each command of each runbook page is run where something is wrong, and must answer.

A page that is read at three in the morning is worth what its commands are worth on that morning.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from iot_platform.drills.channel import Channel, own_channel
from iot_platform.drills.drill import Drill, Outcome
from iot_platform.drills.installation import (
    Answer,
    Installation,
    own_dagster,
    own_directory,
    own_installation,
    own_kafka,
)
from iot_platform.drills.judgement import settle_and_judge
from iot_platform.errors import UnavailableError
from iot_platform.settings import DlqSettings, FleetSettings, Settings, StreamSettings
from iot_platform.workbench.letters import Asked, newest_letters

NAME = "runbooks"
STREAM = "iot_data"
PROGRAM = "iot-platform"

_CHECKOUT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_LETTER, _TARGET = "raw_iot_data/0/17", "rescued"
_STOPS = ("down", "drain")
_LONGEST_SECONDS = 300.0
_BROKER = "2"
_NONE = "There are: none."


@dataclass(frozen=True)
class RunbooksPlan:
    """`rate` readings a second, of fifty sensors of which ten are in trouble."""

    rate: float
    keep: bool = False


@dataclass(frozen=True)
class Page:
    """A rule's page: `commands` without the program's name, in their order."""

    name: str
    commands: tuple[tuple[str, ...], ...]

    @property
    def stops(self) -> bool:
        """Whether it ends what the other pages look at."""
        return any(command[0] in _STOPS for command in self.commands)


def run(drill: Drill, plan: RunbooksPlan, cache_dir: Path) -> Outcome:
    """The whole drill, with Kafka's jars from `cache_dir`. Raises UnavailableError when it comes to no verdict."""
    settings = settings_of(own_directory(NAME), cache_dir, plan)
    drill.step(f"An installation of its own in {settings.state_dir.parent}, Kafka at {settings.bootstrap_servers}.")
    with (
        own_channel() as channel,
        own_installation(settings, drill.tell, keep=plan.keep, in_file={"alerts"}) as installation,
    ):
        send_alerts_to(settings, channel)
        installation.run("up", "--detach")
        drill.require(lambda: bool(_newest_letter(settings)), _LONGEST_SECONDS, "a dead letter")
        installation.run("broker", "stop", "--number", _BROKER)
        drill.step(
            f"Dagster, three streams and three brokers run, fifty sensors send; broker {_BROKER} is stopped now."
        )
        pages = sorted(read_pages(_CHECKOUT / "docs" / "runbooks"), key=lambda page: page.stops)
        follow(drill, installation, pages)
        drill.step(f"The alerts sent {len(channel.titles)} messages to a channel of the drill's.", sent=channel.titles)
        drill.claim("The channel heard of them.", bool(channel.titles))
        installation.run("down")  # whichever page came last
        installation.run("up", "--detach")
        settle_and_judge(drill, installation, STREAM, _LONGEST_SECONDS)
    return drill.outcome()


def settings_of(directory: Path, cache_dir: Path, plan: RunbooksPlan) -> Settings:
    """Made without asking anybody: nothing of the user's environment or iot.toml comes in."""
    return Settings.model_construct(
        instance=NAME,
        state_dir=directory / "state",
        cache_dir=cache_dir,
        kafka=own_kafka(3),
        streams={STREAM: StreamSettings()},
        fleet=FleetSettings(rate=plan.rate, journal=directory / "journal.ndjson"),
        dlq=DlqSettings(patches_dir=_CHECKOUT / "patches"),
        dagster=own_dagster(load_interval_seconds=15),
    )


def send_alerts_to(settings: Settings, channel: Channel) -> None:
    """By the drill's iot.toml: a secret is not handed on in a variable."""
    (settings.state_dir.parent / "iot.toml").write_text(f'[alerts]\nchannels = ["{channel.url}"]\n', encoding="utf-8")


def read_pages(folder: Path) -> list[Page]:
    """Every page with commands, by name."""
    pages = [Page(path.stem, commands_of(path.read_text("utf-8"))) for path in sorted(folder.glob("*.md"))]
    return [page for page in pages if page.commands]


def commands_of(text: str) -> tuple[tuple[str, ...], ...]:
    """The lines of its `sh` blocks that run our program."""
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return tuple(tuple(rest) for name, *rest in filter(None, words) if name == PROGRAM)


def follow(drill: Drill, installation: Installation, pages: Sequence[Page]) -> None:
    """Page after page, each command once; a claim a page."""
    settings = installation.settings
    real = {_LETTER: _newest_letter(settings), _TARGET: str(settings.state_dir.parent / _TARGET)}
    answers: dict[tuple[str, ...], Answer] = {}
    for page in pages:
        for command in page.commands:
            if page.stops or command not in answers:
                answers[command] = installation.ask(*filled(command, real))
        failed = [" ".join(one) for one in page.commands if not useful(answers[one])]
        drill.claim(_sentence(page, failed), not failed)
        for command in page.commands:
            if not useful(answers[command]):
                drill.step(f"  {PROGRAM} {' '.join(command)}: exit {answers[command].code}, {_last(answers[command])}")


def filled(command: Sequence[str], real: Mapping[str, str]) -> list[str]:
    """With what there is here instead of what the page gives as an example."""
    return [real.get(word, word) for word in command]


def useful(answer: Answer) -> bool:
    """It did what it should, or told what is wrong: exit code 0 or 1, and never a traceback.

    Or that there is nothing of the kind here, as of a quarantine that is empty.
    """
    done = answer.code in (0, 1) or (answer.code == 2 and _NONE in answer.complained)
    return done and bool(answer.said + answer.complained) and "Traceback" not in answer.complained


def _newest_letter(settings: Settings) -> str:
    """Its source; empty before there is one."""
    try:
        found = newest_letters(settings, Asked(STREAM), 1)
    except UnavailableError:  # before the first publication
        return ""
    return found[0].source if found else ""


def _sentence(page: Page, failed: Sequence[str]) -> str:
    count = len(page.commands)
    if failed:
        return f"{page.name}: {len(failed)} of {count} commands did not answer: {', '.join(failed)}."
    return f"{page.name}: {'its command' if count == 1 else f'each of its {count} commands'} answered."


def _last(answer: Answer) -> str:
    return " ".join(f"{answer.said} {answer.complained}".split()[-40:])
