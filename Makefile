# `make` alone lists what there is.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
PYTHON ?=
UV ?= uv
ARGS ?=

export PYTHON
bin := .venv/bin
python = python="$$(tools/find-python)"
compile = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet \
	--custom-compile-command "make lock" --constraint requirements/constraints.txt

.PHONY: help setup setup-dev run down status test lint check faults mutants walk-ui lock lock-kafka clean

help:  ## List what there is
	@echo "make <target>, with PYTHON=/path/to/python3.11 to name the Python to use:"
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /|/' | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

setup:  ## Make .venv from the locked packages and fetch Apache Kafka
	@$(python); exec "$$python" tools/setup.py

setup-dev:  ## The same, with the tools for development
	@$(python); exec "$$python" tools/setup.py --dev

# On a terminal `up` gets a process group of its own (set -m): Ctrl-C then reaches it and not make, so that it can stop
# everything in order and make has nothing to complain about (130: interrupted while it was still starting).
run: setup  ## Set up, then ingest and show it live; Ctrl-C stops it all
	@if [[ ! -t 0 || ! -t 1 ]]; then exec $(bin)/iot-platform up $(ARGS); fi; \
	set -m; $(bin)/iot-platform up $(ARGS) || [[ $$? == 130 ]]

down: setup  ## Stop what `iot-platform up --detach` started
	@exec $(bin)/iot-platform down $(ARGS)

status: setup  ## Say how it goes
	@exec $(bin)/iot-platform status $(ARGS)

test: setup-dev  ## The whole suite, on real Kafkas that it starts itself, two tests at once (ARGS="-k word" for a part)
	@exec $(bin)/pytest -n 2 --dist loadfile $(ARGS)

lint: setup-dev  ## Format, lint, types and import directions
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports

check: lint  ## The same, and the tests that need no Kafka
	$(bin)/pytest -q -m "not kafka and not long"

faults: setup-dev  ## Every fault case, the long ones too (ARGS="-k f13" for some)
	@exec $(bin)/pytest tests/faults -m "" $(ARGS)

mutants: setup-dev  ## Ten ways to break the promise, and whether the fault cases see each (ARGS="word" for some)
	@exec $(bin)/python -m tests.faults.mutants $(ARGS)

walk-ui: setup-dev  ## Open the UI of an installation of its own in Chromium, and renew docs/images
	@exec $(bin)/python -m tools.walk_ui

lock:  ## Lock the newest packages that requirements/*.in allow (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: install it, or name it, as in make lock UV=/path/to/uv." >&2; exit 3; }
	$(compile) --upgrade requirements/runtime.in -o requirements/runtime.txt
	$(compile) --upgrade --constraint requirements/runtime.txt requirements/dev.in -o requirements/dev.txt

lock-kafka: setup  ## Lock Apache Kafka's jars anew, after a change of their version
	@exec $(bin)/python -m tools.lock_kafka

clean:  ## Remove .venv and the caches of this checkout; data (.iot) and downloads stay
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info build
	find . -name __pycache__ -type d -not -path './.iot/*' -prune -exec rm -rf {} +
