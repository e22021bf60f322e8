# The commands of the README. `make reproduce CORES=4` runs on four cores.
CORES ?= 2
PYTHON ?= python3
ENV := .venv
BIN := $(abspath $(ENV))/bin
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export PATH := $(BIN):$(PATH)

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help environment reproduce smoke test quick check benchmark docs lock clean

help: ## show this list of commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

environment: $(ENV)/development ## create the environment for runs and tests, with every version pinned

$(ENV)/run: envs/cpu.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; name it with PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(ENV)
	@echo "Installing the pinned environment into $(ENV)/ ..."
	@$(PIP) --require-hashes -r envs/cpu.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(ENV)/development: envs/development.txt $(ENV)/run
	@$(PIP) --require-hashes -r envs/development.txt
	@touch $@

reproduce: $(ENV)/run ## run the full reproduction; the report is results/report/index.html
	@snakemake --cores $(CORES) $(ARGS)
	@echo "The report is $(abspath results/report/index.html)"

smoke: $(ENV)/run ## the same jobs with a tiny budget, into results/smoke
	@snakemake --cores $(CORES) --configfile config/config.yaml config/smoke.yaml $(ARGS)

test: $(ENV)/development check ## run the checks and the whole test suite
	@pytest --numprocesses $(CORES) --dist loadfile --no-loadscope-reorder $(ARGS)

quick: $(ENV)/development ## run the fast tests, in about a minute
	@pytest --numprocesses $(CORES) --dist loadfile --quiet -m "not slow" $(ARGS)

check: $(ENV)/development ## check style, format, types, layers and the workflow
	@ruff check .
	@ruff format --check .
	@snakefmt --check Snakefile workflow/rules
	@mypy
	@lint-imports --no-logo 2>/dev/null || lint-imports
	@snakemake --lint > /dev/null

benchmark: $(ENV)/run ## time the engine, and count fits that arrive, into results/benchmark; takes hours (ARGS=--quick: minutes)
	@python tests/benchmark/run.py $(ARGS)
	@python tests/benchmark/arrive.py --cores $(CORES) --docs results/benchmark/arrive.md $(ARGS)
	@python tests/benchmark/report.py --output results/benchmark/engine.md

docs: $(ENV)/run ## rewrite the generated files (config/README.md, config/schemas, docs/columns.md, envs/*.yaml)
	@svi-atlas generate .
	@python envs/make_conda.py

lock: $(ENV)/development ## resolve envs/*.in into the pinned files (needs uv)
	@for name in cpu gpu development; do \
	  uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
	    --generate-hashes --no-header --no-annotate envs/$$name.in -o envs/$$name.txt; done
	@$(MAKE) docs

clean: ## remove the results and the environment
	@rm -rf $(ENV) results/*/ .snakemake
