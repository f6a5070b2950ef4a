"""Set this checkout up: `python tools/setup.py [--dev]`, or `make setup`.

This file keeps to words that old Pythons read, so that they can say what is wrong; the work is in installation.py.
"""

import sys

OLDEST = (3, 11)
TOO_NEW = (3, 14)


def version_problem(version: "tuple[int, ...]", executable: str) -> str:
    """One sentence when this Python does not fit, else nothing."""
    if OLDEST <= tuple(version[:2]) < TOO_NEW:
        return ""
    return (
        f"iot-platform needs Python 3.11, 3.12 or 3.13, and {executable} is {version[0]}.{version[1]}: "
        "install one of them, or name it, as in `make setup PYTHON=/path/to/python3.11`."
    )


def main() -> int:
    problem = version_problem(sys.version_info[:3], sys.executable)
    if problem:
        sys.stderr.write(problem + "\n")
        return 3
    sys.path.insert(0, __file__.rpartition("/tools/")[0] or ".")
    from tools.installation import main as install  # noqa: PLC0415 - only a fitting Python can read it

    return install(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
