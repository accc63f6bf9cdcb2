# Everything a person types. Each target builds .venv and installs what it needs by itself.
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP := $(BIN)/python -m pip --quiet --quiet --no-input
WORLDS ?= 40
KILLS ?= 50
LIVE_WORLDS ?= 12
LIVE_KILLS ?= 25
SEEDS ?= 10000
START ?= 1
JOBS ?= 2
MINUTES ?= 30
BOTS ?= 20
DEPENDENCIES := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo run test check bench soak soak-kills soak-live docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

demo: .venv/.base ## watch Batuta trade an invented market: no key, no network
	@$(BIN)/batuta demo $(ARGS)

run: .venv/.base ## start the engine with your configuration
	@$(BIN)/batuta run $(ARGS)

test: .venv/.dev ## run every test
	@$(BIN)/python -m pytest -n 2 -q tests $(ARGS)

check: .venv/.dev ## format, lint, types, layers, generated documentation
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n 40; exit $${PIPESTATUS[0]}
	@$(BIN)/python -m commands.reference --check
	@$(BIN)/python -m config.template --check

bench: .venv/.dev ## measure the hot paths
	@$(BIN)/python -m tests.benchmarks $(ARGS)

soak: .venv/.dev ## simulate an engine under faults and crashes (SEEDS=, START=, JOBS=)
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --start $(START) --jobs $(JOBS) $(ARGS)

soak-kills: .venv/.dev ## kill a trading engine some thousand times (KILLS=, WORLDS=, LIVE_KILLS=, LIVE_WORLDS=)
	@BATUTA_KILL_WORLDS=$(WORLDS) BATUTA_KILLS_PER_WORLD=$(KILLS) $(BIN)/python -m pytest -q -s tests/kill $(ARGS)
	@BATUTA_LIVE_KILL_WORLDS=$(LIVE_WORLDS) BATUTA_LIVE_KILLS_PER_WORLD=$(LIVE_KILLS) \
		$(BIN)/python -m pytest -q -s tests/kill_live $(ARGS)

soak-live: .venv/.dev ## let many bots trade under faults, watch memory, compare the books (MINUTES=, BOTS=)
	@$(BIN)/python -m tests.soak.run --minutes $(MINUTES) --bots $(BOTS) $(ARGS)

docs: .venv/.dev ## regenerate the generated documentation and the translation template
	@$(BIN)/python -m commands.reference
	@$(BIN)/python -m config.template

clean: ## remove the environment and every cache
	@rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -m venv .venv

.venv/.base: $(DEPENDENCIES) | .venv/bin/python
	@echo "installing Batuta into .venv ..."
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

.venv/.dev: $(DEPENDENCIES) | .venv/bin/python
	@echo "installing Batuta and its development tools into .venv ..."
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch .venv/.base $@
