"""One step of a set-up: a command, its output in the log, its progress on one line for a person."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.causes import cause_of

_SHOWN_LINES = 12
_MISLEADING = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV")
_SYSTEM_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class StepFailedError(Exception):
    """A step did not work; the text is one sentence, `shown` the end of what it printed."""

    def __init__(self, sentence: str, shown: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.shown = shown


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would lead pip astray; trusting the certificates that this machine trusts."""
    kept = {name: value for name, value in environment.items() if name not in _MISLEADING}
    bundle = next((path for path in _SYSTEM_CERTIFICATES if Path(path).is_file()), None)
    if bundle and not kept.get("CURL_CA_BUNDLE"):
        kept.setdefault("REQUESTS_CA_BUNDLE", bundle)
    return kept | {"PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Runner:
    """Runs steps in `root`, logs to `log`; `held_fd` stays open in each child, so that the lock outlives a kill."""

    root: Path
    log: Path
    held_fd: int

    def run(
        self,
        title: str,
        command: Sequence[str | Path],
        progress: Callable[[str], str] = lambda _line: "",
        explain: Callable[[str, int], str] = cause_of,
    ) -> None:
        """One line on the screen; raises StepFailedError with the likeliest cause."""
        started = time.monotonic()
        _show(f"  {title} …")
        lines: list[str] = []
        exit_code = self._follow([str(part) for part in command], lines, lambda line: _shown(title, progress(line)))
        elapsed_seconds = time.monotonic() - started
        if exit_code != 0:
            _show(f"  {title}: failed after {elapsed_seconds:.1f} s", end="\n")
            sentence = explain("\n".join(lines), exit_code)
            raise StepFailedError(sentence, [line for line in lines if line != sentence][-_SHOWN_LINES:])
        _show(f"  {title}: {elapsed_seconds:.1f} s", end="\n")

    def _follow(self, command: list[str], lines: list[str], on_line: Callable[[str], None]) -> int:
        """Run to its end, line by line; never leave it running behind us."""
        with (
            self.log.open("a", encoding="utf-8") as log,
            subprocess.Popen(
                command,
                cwd=self.root,
                env=child_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=(self.held_fd,),
            ) as process,
        ):
            log.write(f"$ {' '.join(command)}\n")
            try:
                for line in process.stdout or ():
                    log.write(line)
                    lines.append(line.rstrip())
                    on_line(lines[-1])
                return process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()


def _shown(title: str, progress: str) -> None:
    if progress and sys.stdout.isatty():
        _show(f"  {title} … {progress}")


def _show(text: str, end: str = "") -> None:
    """On a terminal the line is written over; elsewhere only the finished line is printed."""
    if sys.stdout.isatty():
        print(f"\r\x1b[2K{text[:100]}", end=end, flush=True)
    elif end:
        print(text, flush=True)
