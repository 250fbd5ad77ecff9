# The words that people and CI both use. `make help` lists them.

SHELL := /bin/bash -o pipefail
PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
SOURCES := flows tasks scaffold usecases deployments benchmarks tests
.DEFAULT_GOAL := help
# Threads that spin while they wait cost seven times the time of a fit where cores are shared.
export OMP_WAIT_POLICY := $(or $(OMP_WAIT_POLICY),passive)
.PHONY: help new try backtest demo drill up deploy down env status test test-unit check fix docs lock bench bench-alarms bench-policies

help:  ## Say what each word does
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r word text; do \
		printf 'make %-14s %s\n' "$$word" "$$text"; done

demo: .venv/.installed  ## Start the system, play 2013 (or NAME's history) through the loop, leave the pages open
	@$(BIN)/python -u -m deployments.demo $(foreach word,NAME,$(call said,$(word)))

drill: .venv/.installed  ## Sabotage the system on purpose, and see which gate refuses what
	@$(BIN)/python -m deployments.drill

up: .venv/.installed  ## Start the servers and the worker here, until Ctrl-C
	@$(BIN)/python -u -m deployments.up

deploy: .venv/.installed  ## Deploy all files in deployments/ to the system that is up
	@$(BIN)/python -m deployments.deploy

down: .venv/.installed  ## Stop everything that runs on the state folder
	@$(BIN)/python -m deployments.down

env: .venv/.installed  ## Print the variables for `prefect` and `mlflow` by hand: eval "$$(make -s env)"
	@$(BIN)/python -m deployments.shell

status: .venv/.installed  ## Say how each problem stands, with the servers up or down: [NAME=]
	@$(BIN)/python -m deployments.status $(foreach word,NAME,$(call said,$(word)))

# Only what was said on the command line: NAME and its like may stand in the environment for another reason.
NEW_WORDS := NAME DATA TIME TARGET KEY LABEL_TIME MATURE TABLE QUERY KIND TIME_FORMAT ZONE
said = $(if $(filter command,$(origin $(1))),'$(1)=$(subst ','\'',$($(1)))')

new: .venv/.installed  ## Describe a new problem: NAME= DATA= TIME= TARGET= [KEY=] [LABEL_TIME=] [MATURE=]
	@$(BIN)/python -m deployments.new $(foreach word,$(NEW_WORDS),$(call said,$(word)))

try: .venv/.installed  ## Play a problem's whole history in one process, without servers: NAME=
	@$(BIN)/python -m deployments.rehearse '$(if $(filter command,$(origin NAME)),$(subst ','\'',$(NAME)))'

backtest: .venv/.installed  ## Say when a problem's model should be retrained: NAME= [PRICE=] [AS_OF=] [WORKERS=]
	@$(BIN)/python -m deployments.backtest $(foreach word,NAME PRICE AS_OF CANDIDATE WORKERS,$(call said,$(word)))

test: .venv/.installed  ## Run every test, against real servers where they matter
	@$(BIN)/python -m pytest

test-unit: .venv/.installed  ## Run the quick tests, without servers and other processes
	@$(BIN)/python -m pytest -m "not servers and not slow"

check: .venv/.installed  ## Check format, lint, types and the order of imports; change nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fix: .venv/.installed  ## Format, and repair what lint can repair
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: .venv/.installed  ## Build the pages of docs/ into var/site, without network; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open var/site/index.html; with search: $(BIN)/mkdocs serve"

bench: .venv/.installed  ## Measure what the orchestration costs over the bare functions
	@$(BIN)/python -m benchmarks.overhead

# A table of yours: make bench-alarms WITH="--data FILE --time COL --target COL"
bench-alarms: .venv/.installed  ## Measure the alarm: false alarms, power, faults [WITH=]
	@$(BIN)/python -m benchmarks.alarms $(WITH)

bench-policies: .venv/.installed  ## Compare all retraining policies on flights, weather, made streams and TABLES="--data ..."
	@$(BIN)/python -m benchmarks.policies $(TABLES)

lock:  ## Pin the newest versions that pyproject.toml allows (needs uv)
	@$(UV) pip compile pyproject.toml --group dev --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--quiet --output-file requirements.lock

# The lock is complete, so pip need resolve nothing: --no-deps. Of its output only a sign of life and errors are shown.
.venv/.installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is needed, found %d.%d. Name another one: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@echo "Installing the $$(grep -c '^[a-z].*==' $<) packages of $< into .venv, about two minutes ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --disable-pip-version-check --no-deps --require-hashes --requirement $< 2>&1 | awk \
		'/^ *(ERROR|error)/ {failed = 1} failed {print; next} /^(Collecting|Processing)/ && ++n % 50 == 0 \
		{print "  " n " fetched"; fflush()} /^Installing/ {print "  unpacking"; fflush()}'
	@$(BIN)/pip check
	@touch $@
