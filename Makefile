# Everything runs in .venv, built from the lock files in requirements/. Needs python3 >= 3.11 and a package index.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --warn-undefined-variables

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/run.stamp
DEV := $(VENV)/dev.stamp

# A path may hold blanks, quotes or dollars: it goes through the environment, never into a command's text.
ifdef EVENTS
build: export CLIENTELE_EVENTS := $(value EVENTS)
endif
ifdef HOME_DIR
build docs: export CLIENTELE_HOME := $(value HOME_DIR)
endif
unexport EVENTS HOME_DIR

export PATH := $(CURDIR)/$(BIN):$(PATH)
export DBT_PROFILES_DIR := profiles
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
# Python keeps what it compiles at the first start: without that, every later start of dbt is twice as slow.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show what can be made
	@echo "Usage: make <target> [EVENTS='path/*.csv.gz'] [HOME_DIR=directory]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: env
env: $(DEV) ## Build the environment in .venv: everything that running and developing need

.PHONY: demo
demo: $(RUN) ## From nothing to a table of segments, on synthetic events
	@python -m clientele.demo

.PHONY: build
build: check-build $(RUN) ## Segment your own customers: make build EVENTS='path/*.csv.gz' [HOME_DIR=warehouse]
	@dbt build

.PHONY: check-build
check-build:
	@if [ -z "$${CLIENTELE_EVENTS:-}" ]; then \
	    echo "make build: which event files? For example: make build EVENTS='path/*.csv.gz'" >&2; exit 2; fi
	@if [ -z "$${CLIENTELE_PSEUDONYM_KEY:-}" ]; then \
	    echo "make build: CLIENTELE_PSEUDONYM_KEY is not set. It turns user ids into pseudonyms: make one, keep it" >&2; \
	    echo "secret and use the same one in every build, or every customer gets a new pseudonym:" >&2; \
	    echo "  export CLIENTELE_PSEUDONYM_KEY=\$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(32))')" >&2; \
	    exit 2; fi

.PHONY: docs
docs: $(RUN) ## Write the documentation of all tables as one page: target/static_index.html
	@dbt docs generate --static
	@echo "Open target/static_index.html in a browser."

.PHONY: test
test: lint ## Check everything: lint, then pytest, which also runs the dbt builds
	@pytest

.PHONY: lint
lint: $(DEV) ## Check the style of Python, YAML and SQL
	@ruff check .
	@ruff format --check .
	@yamllint --strict .
	@$(MAKE) lint-sql

# dbt connects while it renders: to an empty warehouse of its own, never to yours.
.PHONY: lint-sql
lint-sql format: export CLIENTELE_HOME := target/lint
lint-sql: $(DEV)
	@! grep -rnE --include='*.sql' '^.{121,}' models tests || { echo "SQL: longer than 120 characters" >&2; exit 1; }
	@sqlfluff lint models tests

.PHONY: format
format: $(DEV) ## Mend what the style checks can mend by themselves
	@ruff check --fix --exit-zero .
	@ruff format .
	@sqlfluff fix models tests

.PHONY: lock
lock: $(DEV) ## Resolve pyproject.toml's ranges anew into requirements/*.lock
	@lock() { uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	    --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate \
	    --custom-compile-command 'make lock' "$$@"; }; \
	lock pyproject.toml --all-extras --group build --output-file requirements/dev.lock; \
	lock pyproject.toml --group build --constraints requirements/dev.lock --output-file requirements/run.lock; \
	lock --group installer --output-file requirements/installer.lock

.PHONY: clean
clean: ## Remove everything that make has made, but not your warehouse
	@rm -rf $(VENV) target logs build .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	@find src tests requirements -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): requirements/run.lock requirements/installer.lock requirements/install.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "make: $(PYTHON) is older than 3.11. Name a newer one: make PYTHON=python3.12 …" >&2; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python requirements/install.py run.lock
	@touch $@

$(DEV): $(RUN) requirements/dev.lock
	@$(BIN)/python requirements/install.py dev.lock
	@touch $@
