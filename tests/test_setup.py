"""What of the set-up needs no network: its sentences, its stamp, its lock, and the locks of what it installs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from iot_platform.broker.fetch import KAFKA_VERSION, read_lock
from tools import stamp as stamps
from tools.causes import cause_of
from tools.installation import Checkout, check_disk, only_setup
from tools.lock_kafka import lock_text, strangers
from tools.setup import version_problem
from tools.stamp import Stamp, fingerprint
from tools.steps import Runner, StepFailedError, child_environment

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (3, 13, 9)])
def test_a_supported_python_is_no_problem(version: tuple[int, ...]) -> None:
    assert version_problem(version, "python3") == ""


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 8, 18), (3, 10, 13), (3, 14, 0), (4, 0, 0)])
def test_another_python_is_named_with_what_to_do(version: tuple[int, ...]) -> None:
    problem = version_problem(version, "/usr/bin/python3")
    assert f"/usr/bin/python3 is {version[0]}.{version[1]}" in problem
    assert "PYTHON=" in problem
    assert "\n" not in problem


def test_setup_py_holds_no_syntax_that_an_old_python_cannot_read() -> None:
    source = (ROOT / "tools" / "setup.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    assert "from __future__" not in source


@pytest.mark.parametrize(
    ("found", "wanted", "serves", "grows"),
    [
        (Stamp("a", dev=False), Stamp("a", dev=False), True, False),
        (Stamp("a", dev=True), Stamp("a", dev=False), True, False),
        (Stamp("a", dev=True), Stamp("a", dev=True), True, False),
        (Stamp("a", dev=False), Stamp("a", dev=True), False, True),
        (Stamp("a", dev=True), Stamp("b", dev=True), False, False),
        (Stamp("a", dev=False), Stamp("b", dev=True), False, False),
    ],
)
def test_an_environment_serves_grows_or_is_made_anew(found: Stamp, wanted: Stamp, serves: bool, grows: bool) -> None:
    assert (found.serves(wanted), found.grows_into(wanted)) == (serves, grows)


def test_a_stamp_is_read_as_it_was_written(tmp_path: Path) -> None:
    stamp = Stamp("abc", dev=True)
    stamps.write(tmp_path / "setup.stamp", stamp)
    assert stamps.read(tmp_path / "setup.stamp") == stamp
    assert [path.name for path in tmp_path.iterdir()] == ["setup.stamp"]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"dev": true}', "\x00"])
def test_a_damaged_stamp_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "setup.stamp").write_text(content, encoding="utf-8")
    assert stamps.read(tmp_path / "setup.stamp") is None


def test_a_missing_stamp_counts_as_none(tmp_path: Path) -> None:
    assert stamps.read(tmp_path / "setup.stamp") is None


def test_a_fingerprint_changes_with_each_part_and_with_where_a_part_ends() -> None:
    variants = [
        fingerprint([b"lock", b"project"], ["3.11.7"]),
        fingerprint([b"lock2", b"project"], ["3.11.7"]),
        fingerprint([b"lock", b"project2"], ["3.11.7"]),
        fingerprint([b"lock", b"project"], ["3.12.1"]),
        fingerprint([b"lockp", b"roject"], ["3.11.7"]),
    ]
    assert len(set(variants)) == len(variants)
    assert variants[0] == fingerprint([b"lock", b"project"], ["3.11.7"])


def test_both_kinds_of_environment_of_a_checkout_share_one_fingerprint() -> None:
    checkout = Checkout(ROOT)
    assert checkout.wanted(dev=True).serves(checkout.wanted(dev=False))


@pytest.mark.parametrize(
    ("output", "exit_code", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", 1, "disk is full"),
        ("OSError: [Errno 122] Disk quota exceeded", 1, "disk is full"),
        (
            (
                "WARNING: Retrying after connection broken by 'NewConnectionError': Name or service not known\n"
                "ERROR: No matching distribution found for duckdb==1.5.5"
            ),
            1,
            "cannot be reached",
        ),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", 1, "PIP_CERT"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", 1, "not the one that was locked"),
        ("ERROR: No matching distribution found for duckdb==1.5.5", 1, "no ready-made package duckdb==1.5.5"),
        ("Error: ensurepip is not available", 1, "python3-venv"),
        ("PermissionError: [Errno 13] Permission denied: '/opt/x'", 1, "could not be written"),
        ("", -9, "memory"),
        ("something else", 7, "exit code 7"),
    ],
)
def test_a_failure_is_told_by_its_likeliest_cause(output: str, exit_code: int, words: str) -> None:
    sentence = cause_of(output, exit_code)
    assert words in sentence
    assert "\n" not in sentence


def test_too_little_disk_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match="GB left: free some"):
        check_disk(tmp_path, needed_bytes=10**18)


def test_a_second_setup_at_the_same_time_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / ".cache" / "setup.lock"
    with only_setup(lock), pytest.raises(StepFailedError, match="Another set-up is at work"), only_setup(lock):
        pass
    with only_setup(lock):
        pass


def test_a_step_logs_what_was_printed_and_shows_its_end_when_it_fails(tmp_path: Path) -> None:
    program = "print('before'); print('No space left on device'); raise SystemExit(1)"
    with only_setup(tmp_path / "lock") as held_fd, pytest.raises(StepFailedError, match="disk is full") as failure:
        Runner(tmp_path, tmp_path / "setup.log", held_fd).run("Filling", [sys.executable, "-c", program])
    assert failure.value.shown == ["before", "No space left on device"]
    assert "before\n" in (tmp_path / "setup.log").read_text(encoding="utf-8")


def test_a_step_is_not_led_astray_by_settings_for_other_pythons() -> None:
    environment = child_environment(
        {"PYTHONPATH": "/x", "PIP_TARGET": "/y", "PATH": "/bin", "REQUESTS_CA_BUNDLE": "/z"}
    )
    assert environment == {"PATH": "/bin", "REQUESTS_CA_BUNDLE": "/z", "PYTHONUNBUFFERED": "1"}


def find_python(environment: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [ROOT / "tools" / "find-python"]
    return subprocess.run(command, check=False, env=environment, cwd=cwd, capture_output=True, text=True)


def test_a_named_python_is_taken_and_judged_later() -> None:
    found = find_python({"PYTHON": sys.executable}, ROOT)
    assert (found.returncode, found.stdout) == (0, f"{sys.executable}\n")


@pytest.mark.parametrize("name", ["/no/python3.11", "/bin/false"])
def test_a_named_python_that_is_none_is_one_sentence(name: str) -> None:
    found = find_python({"PYTHON": name}, ROOT)
    assert (found.returncode, found.stdout) == (3, "")
    assert found.stderr.startswith(f"{name}, named by PYTHON,")
    assert found.stderr.count("\n") == 1


def test_no_fitting_python_is_one_sentence(tmp_path: Path) -> None:
    for tool in ("sed", "sh"):
        (tmp_path / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    found = find_python({"PATH": str(tmp_path)}, tmp_path)
    assert found.returncode == 3
    assert "needs Python 3.11, 3.12 or 3.13" in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_every_locked_package_is_pinned_and_hashed_and_names_no_address(name: str) -> None:
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    packages = re.findall(r"^[a-z0-9][^\n]*(?:\n    [^\n]*)*", text, re.MULTILINE)
    assert packages
    assert all(re.match(r"\S+==\S+ ", package) and "--hash=sha256:" in package for package in packages)
    assert "://" not in text


def test_the_lock_for_development_holds_every_package_of_the_platform_at_the_same_version() -> None:
    runtime, dev = (
        set(re.findall(r"^[a-z0-9][^\\\n]*", (REQUIREMENTS / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("runtime.txt", "dev.txt")
    )
    assert runtime <= dev


def test_every_one_of_kafkas_own_jars_is_of_the_one_version() -> None:
    names = list(read_lock())
    assert len(names) > 50
    assert strangers(names, KAFKA_VERSION) == []
    assert strangers([*names, "kafka-clients-3.9.1.jar"], KAFKA_VERSION) == ["kafka-clients-3.9.1.jar"]


def test_the_lock_of_the_jars_is_as_the_tool_writes_it() -> None:
    lock = ROOT / "iot_platform" / "broker" / "kafka.lock"
    assert lock_text(read_lock()) == lock.read_text(encoding="utf-8")
