# Every target that needs the virtual environment makes it first; once it is there, that costs nothing.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo serve test lint format types ci bench chaos constraints clean servers

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: $(DEV) ## Make .venv with everything in it: .venv/bin/dateline and the tools.
	@echo "Ready: $(VENV)/bin/dateline --help"

demo: $(RUN) ## Install what is needed to run, then tell the story of Apollo 13.
	@$(VENV)/bin/dateline demo

serve: $(RUN) ## Play Apollo 13 into a live page, on http://127.0.0.1:8000, until Ctrl-C.
	@$(VENV)/bin/dateline demo --serve

test: $(DEV) ## Run the tests; choose some with ARGS='-k fold'.
	@$(MAKE) servers
	@$(PY) -m pytest $(ARGS)

lint: $(DEV) ## Check style and formatting.
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

format: $(DEV) ## Put style and formatting right.
	@$(PY) -m ruff check --fix
	@$(PY) -m ruff format

types: $(DEV) ## Check the types.
	@$(PY) -m mypy

ci: export CI := true
ci: $(DEV) ## What CI runs: lint, types, then the tests with nothing skipped.
	@$(MAKE) servers
	@$(MAKE) lint
	@$(MAKE) types
	@$(MAKE) test

bench: $(DEV) ## Measure, and print one table; QUICK=1 for a short run.
	@$(MAKE) servers
	@$(PY) -m benchmarks

chaos: $(DEV) ## Kill, pause and empty processes and servers while events flow, and check the view each time.
	@$(MAKE) servers
	@$(PY) -m tests.chaos

servers: # What tests and measurements start of their own: Redis, Kafka, OpenSearch, nginx, a browser; what checks pages and docker-compose.yml.
	@scripts/ensure-redis.sh $(VENV)
	@scripts/ensure-kafka.sh
	@scripts/ensure-opensearch.sh
	@scripts/ensure-nginx.sh
	@scripts/ensure-compose.sh
	@scripts/ensure-chromium.sh
	@scripts/ensure-axe.sh

constraints: ## Choose the newest versions that pyproject.toml allows, for constraints.txt.
	@scripts/constraints.sh "$(PYTHON)"

clean: ## Remove .venv, caches and builds; the data in .dateline stays.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): pyproject.toml constraints.txt
	@scripts/install.sh "$(PYTHON)" $(VENV) .
	@touch $@

# What tests need holds all that is needed to run, so this stamps both.
$(DEV): pyproject.toml constraints.txt
	@scripts/install.sh "$(PYTHON)" $(VENV) '.[dev]'
	@touch $(RUN) $@
