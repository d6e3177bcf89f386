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

RIGHTS := erase readmit object withdraw-objection restrict unrestrict export-subject rectify

# A path may hold blanks, quotes or dollars: it goes through the environment, never into a command's text.
ifdef EVENTS
build check: export CLIENTELE_EVENTS := $(value EVENTS)
endif
ifdef HOME_DIR
build describe docs dossier evaluate report rollback backup restore $(RIGHTS) requests rotate-key activate export-audience serve: export CLIENTELE_HOME := $(value HOME_DIR)
endif
# Ids of customers go through the environment too: dbt logs its commands.
ifdef SUBJECT
$(RIGHTS): export CLIENTELE_SUBJECT := $(value SUBJECT)
endif
ifdef SUBJECTS_FILE
$(RIGHTS): export CLIENTELE_SUBJECTS_FILE := $(value SUBJECTS_FILE)
endif
ifdef OUTPUT
export-subject export-audience: export CLIENTELE_EXPORT_FILE := $(value OUTPUT)
rectify: export CLIENTELE_MENDED_FOLDER := $(value OUTPUT)
endif
ifdef CORRECTIONS
rectify: export CLIENTELE_CORRECTIONS := $(value CORRECTIONS)
endif
ifdef AUDIENCE
export-audience: export CLIENTELE_AUDIENCE := $(value AUDIENCE)
endif
ifdef PURPOSE
export-audience: export CLIENTELE_PURPOSE := $(value PURPOSE)
endif
unexport EVENTS HOME_DIR SUBJECT SUBJECTS_FILE OUTPUT CORRECTIONS AUDIENCE PURPOSE

export PATH := $(CURDIR)/$(BIN):$(PATH)
export DBT_PROFILES_DIR := profiles
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
# Python keeps what it compiles at the first start: without that, every later start of dbt is twice as slow.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show what can be made
	@echo "Usage: make <target> [EVENTS='path/*.csv.gz'] [HOME_DIR=directory]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: env
env: $(DEV) ## Build the environment in .venv: everything that running and developing need

.PHONY: demo
demo: $(RUN) ## From nothing to a table of segments, on synthetic events
	@clientele demo

.PHONY: build
build: check-build $(RUN) ## Segment your own customers: make build EVENTS='path/*.csv.gz' [HOME_DIR=warehouse] [FORCE=1]
	@clientele build $(if $(value FORCE),--force)

.PHONY: check-build
check-build:
	@if [ -z "$${CLIENTELE_EVENTS:-}" ]; then \
	    echo "make build: which event files? For example: make build EVENTS='path/*.csv.gz'" >&2; exit 2; fi
	@if [ -z "$${CLIENTELE_PSEUDONYM_KEY:-}" ]; then \
	    echo "make build: CLIENTELE_PSEUDONYM_KEY is not set. It turns user ids into pseudonyms: make one, keep it" >&2; \
	    echo "secret and use the same one in every build, or every customer gets a new pseudonym:" >&2; \
	    echo "  export CLIENTELE_PSEUDONYM_KEY=\$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(32))')" >&2; \
	    exit 2; fi

.PHONY: check
check: $(RUN) ## Say what a build would make of event files, and change nothing: make check EVENTS='path/*.csv.gz'
	@if [ -z "$${CLIENTELE_EVENTS:-}" ]; then \
	    echo "make check: which event files? For example: make check EVENTS='path/*.csv.gz'" >&2; exit 2; fi
	@clientele check

# Who is meant: SUBJECT=<user_id>, or SUBJECTS_FILE=<path> with an id per line (keeps ids out of the shell's history).
.PHONY: erase
erase: $(RUN) ## Erase customers for good: make erase SUBJECT=<user_id> | SUBJECTS_FILE=<path> [HOME_DIR=…]
	@clientele erase

.PHONY: readmit
readmit: $(RUN) ## Lift the block on erased customers, whom new files may then bring back
	@clientele readmit

.PHONY: object
object: $(RUN) ## Note that customers object to profiling
	@clientele object

.PHONY: withdraw-objection
withdraw-objection: $(RUN) ## Take such an objection back
	@clientele withdraw-objection

.PHONY: restrict
restrict: $(RUN) ## Keep the data of customers, and use it for nothing
	@clientele restrict

.PHONY: unrestrict
unrestrict: $(RUN) ## Lift such a restriction
	@clientele unrestrict

.PHONY: export-subject
export-subject: $(RUN) ## Write all that is held on a customer: make export-subject SUBJECT=<user_id> OUTPUT=copy.json
	@clientele export-subject

.PHONY: rectify
rectify: $(RUN) ## Correct lines of a customer in copies of the files: make rectify SUBJECT=<user_id> CORRECTIONS=wrong-and-right.csv OUTPUT=mended
	@clientele rectify

.PHONY: score-sessions
score-sessions: $(RUN) ## Say which sessions under way will buy, from the newest files [EVENTS=files HOME_DIR=directory]
	@clientele score-sessions

.PHONY: activate
activate: $(RUN) ## Tell destinations who came to audiences and who left [HOME_DIR=directory]
	@clientele activate

.PHONY: export-audience
export-audience: $(RUN) ## Write the ids of an audience: make export-audience AUDIENCE=<name> PURPOSE='…' OUTPUT=<file>
	@clientele export-audience "$$CLIENTELE_AUDIENCE" --purpose "$$CLIENTELE_PURPOSE" --output "$$CLIENTELE_EXPORT_FILE"

.PHONY: serve
serve: $(RUN) ## Answer look-ups and scores of what is published, at http://127.0.0.1:8080 [HOME_DIR=directory] (docs/serving.md)
	@clientele serve

.PHONY: requests
requests: $(RUN) ## List the requests of customers that were carried out [HOME_DIR=directory]
	@clientele requests

.PHONY: rotate-key
rotate-key: $(RUN) ## Give everybody a new pseudonym: from CLIENTELE_PSEUDONYM_KEY to CLIENTELE_PSEUDONYM_KEY_NEW
	@clientele rotate-key

.PHONY: evaluate
evaluate: $(RUN) ## Judge the personas of a built warehouse and compare other ways to cluster [HOME_DIR=directory]
	@clientele evaluate

.PHONY: report
report: $(RUN) ## Write the pages for people of what is published: published/report/index.html [HOME_DIR=directory]
	@clientele report

.PHONY: describe
describe: $(RUN) ## Describe the data of a built warehouse: tables, and a page published/report/data.html [HOME_DIR=directory]
	@clientele describe

.PHONY: dossier
dossier: $(RUN) ## Write the ten pages for a general management: published/report/dossier.html and .pdf [HOME_DIR=directory]
	@clientele dossier

.PHONY: rollback
rollback: $(RUN) ## Publish the marts before these once more: make rollback [TO=number] [HOME_DIR=warehouse]
	@clientele rollback $(if $(value TO),--to '$(value TO)')

# Both paths go through the environment, like all others.
ifdef TO
backup: export CLIENTELE_BACKUPS := $(value TO)
endif
ifdef FROM
restore: export BACKUP := $(value FROM)
endif
.PHONY: backup
backup: $(RUN) ## Save vault, warehouse and publications of one moment: make backup TO=/other/disk [HOME_DIR=warehouse]
	@clientele backup --wait 600

.PHONY: restore
restore: $(RUN) ## Put them back, without who was erased since: make restore FROM=/other/disk/2026… [HOME_DIR=warehouse]
	@if [ -z "$${BACKUP:-}" ]; then echo "make restore: which backup? clientele backups FOLDER lists them" >&2; exit 2; fi
	@clientele restore "$$BACKUP"

.PHONY: docs
docs: $(RUN) ## Write the documentation of all tables as one page: target/static_index.html
	@dbt docs generate --static
	@echo "Open target/static_index.html in a browser."

# A key that is no secret: for synthetic customers, and for public data if STORE names some. It makes figures repeatable.
METHOD := target/method-docs
STORE ?=
UCI ?=
.PHONY: method-docs
method-docs: export CLIENTELE_PSEUDONYM_KEY := method-docs: public on purpose, for public data only
method-docs: export STORE := $(value STORE)
method-docs: export UCI := $(value UCI)
method-docs: $(RUN) ## Write the figures of docs/method.md and docs/model-card.md [STORE='path/*.csv.gz' of the real store, UCI='path/*.csv.gz' of the wholesaler]
	@rm -rf $(METHOD)
	@python -m shop_simulator $(METHOD)/shop --users 20000 --months 5 --quiet
	@CLIENTELE_EVENTS=$(METHOD)/shop/events CLIENTELE_HOME=$(METHOD)/synthetic \
	    dbt --quiet build --vars 'compare_early: true'
	@if [ -n "$${STORE:-}" ]; then \
	    CLIENTELE_EVENTS="$$STORE" CLIENTELE_HOME=$(METHOD)/store dbt --quiet build; fi
	@if [ -n "$${UCI:-}" ]; then \
	    CLIENTELE_EVENTS="$$UCI" CLIENTELE_HOME=$(METHOD)/uci dbt --quiet build; fi
	@for home in $(METHOD)/synthetic $(METHOD)/store $(METHOD)/uci; do \
	    if [ -d "$$home" ]; then clientele evaluate --home "$$home" --layers '16 8' > /dev/null; fi; done
	@python -m tools.method_docs synthetic=$(METHOD)/synthetic $${STORE:+store=$(METHOD)/store} $${UCI:+uci=$(METHOD)/uci}

PRIVACY := target/privacy-docs
.PHONY: privacy-docs
privacy-docs: export CLIENTELE_PSEUDONYM_KEY := privacy-docs: public on purpose, synthetic data
privacy-docs: $(RUN) ## Write the record of processing, what attacks on pseudonyms cost, and how many share what may be known
	@dbt parse --quiet
	@python -m tools.privacy_docs record
	@python -m tools.privacy_docs measure
	@rm -rf $(PRIVACY)
	@python -m shop_simulator $(PRIVACY)/shop --users 20000 --months 4 --quiet
	@CLIENTELE_EVENTS=$(PRIVACY)/shop/events CLIENTELE_HOME=$(PRIVACY)/home \
	    dbt --quiet build --exclude-resource-type test unit_test
	@python -m tools.privacy_docs singling-out --home $(PRIVACY)/home

.PHONY: test
test: lint-style ## Check everything: lint, and pytest, which also runs the dbt builds
	@$(MAKE) --jobs 2 lint-sql pytest

.PHONY: pytest
pytest: $(DEV)
	@pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: test-image
test-image: export CLIENTELE_LONG := 1
test-image: $(DEV) ## Build the container image and run a build in it; without a builder, follow its recipe by hand
	@pytest tests/container

.PHONY: test-redshift
test-redshift: export CLIENTELE_LONG := 1
test-redshift: $(DEV) ## Build on DuckDB and on the Redshift stand-in, and compare every cell (needs PostgreSQL)
	@pytest tests/engines

FAULTS := tests/end_to_end/test_order.py tests/end_to_end/test_faults.py tests/end_to_end/test_walks.py
.PHONY: test-faults
test-faults: export CLIENTELE_LONG := 1
test-faults: $(DEV) ## Kill builds at every statement and replay many random deliveries and walks: the long form of three tests
	@pytest -n auto --dist worksteal $(FAULTS)

.PHONY: test-long
test-long: export CLIENTELE_LONG := 1
test-long: test-faults ## Check all cases of every test, of which `make test` takes some (hours)
	@pytest -n auto --dist loadfile --no-loadscope-reorder $(FAULTS:%=--deselect=%)

WORD ?=
.PHONY: mutants
mutants: $(DEV) ## Plant the small faults of tests/mutants.toml and see that a test notices each [WORD='part of a name']
	@python -m tools.mutants $(WORD)

.PHONY: lint
lint: lint-style lint-sql ## Check the style of Python, YAML and SQL

.PHONY: lint-style
lint-style: $(DEV)
	@ruff check .
	@ruff format --check .
	@yamllint --strict .

# dbt connects while it renders: to an empty warehouse of its own, never to yours. tests/generic has macros, which dbt
# does not render by themselves.
SQL := models tests
.PHONY: lint-sql
lint-sql format: export CLIENTELE_HOME := target/lint
lint-sql format: export DBT_TARGET_PATH := target/lint
lint-sql: $(DEV)
	@! grep -rnE --include='*.sql' '^.{121,}' models tests || { echo "SQL: longer than 120 characters" >&2; exit 1; }
	@python tests/lint_sql.py lint $(SQL)

.PHONY: format
format: $(DEV) ## Mend what the style checks can mend by themselves
	@ruff check --fix --exit-zero .
	@ruff format .
	@python tests/lint_sql.py fix $(SQL)

FLAGS ?=
.PHONY: bench
bench: $(DEV) ## Measure time, memory and disk, beside other tools, into docs/performance.md [FLAGS='--huge --spark --only large'] (40 minutes)
	@python -m tools.bench $(FLAGS)

.PHONY: lock
lock: $(DEV) ## Resolve pyproject.toml's ranges again into requirements/*.lock
	@lock() { uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	    --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate \
	    --custom-compile-command 'make lock' "$$@"; }; \
	lock pyproject.toml --all-extras --group build --output-file requirements/dev.lock; \
	lock pyproject.toml --extra experiments --extra report --extra serve --group build \
	    --constraints requirements/dev.lock --output-file requirements/run.lock; \
	lock pyproject.toml --extra experiments --extra redshift --extra report --extra serve --group build \
	    --constraints requirements/dev.lock \
	    --output-file requirements/warehouse.lock; \
	lock --group installer --output-file requirements/installer.lock

.PHONY: clean
clean: ## Remove everything that make has made, but not your warehouse
	@rm -rf $(VENV) target logs build .pytest_cache .ruff_cache .hypothesis .import_linter_cache src/*.egg-info packages/*/src/*.egg-info
	@find src packages tests tools requirements -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): requirements/run.lock requirements/installer.lock requirements/install.py pyproject.toml $(wildcard packages/*/pyproject.toml)
	@$(PYTHON) -c '' 2>/dev/null || { \
	    echo "make: $(PYTHON) does not start. Install Python 3.11 or later, or name one: make PYTHON=python3.12 …" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "make: $(PYTHON) is older than 3.11. Name a newer one: make PYTHON=python3.12 …" >&2; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python requirements/install.py run.lock
	@touch $@

$(DEV): $(RUN) requirements/dev.lock
	@$(BIN)/python requirements/install.py dev.lock
	@touch $@
