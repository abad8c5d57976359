# One target for each task of a contributor. Everything runs from .venv, which `make setup` creates.
PYTHON ?= python3
BIN := .venv/bin
CODE := sandbox tests benchmarks tools examples hatch_build.py
PACKAGE := sandbox/payments_sandbox
CORE := $(PACKAGE)/exploration/*,$(PACKAGE)/payments/*,$(PACKAGE)/rules/*,$(PACKAGE)/scenarios/*,$(PACKAGE)/verification/*,$(PACKAGE)/webhooks/*,$(PACKAGE)/world/*,$(PACKAGE)/server/webhooks/*

# `.ci/run` sets this variable, because it has just run the suite with coverage.
SUITE := $(if $(SUITE_HAS_RUN),,suite)

# How long `make nightly` and `make mutate` run.
SEEDS ?= 1000
CALLS ?= 1000000
PLACES ?= 300

.PHONY: setup check fix docs site generate names lock test nightly mutate serve screenshots recording bench lint types layers suite coverage

setup:  ## create .venv with the package, editable, and every tool
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'

check: lint types layers $(SUITE) coverage  ## everything that a change must pass

fix:  ## fix what a tool can fix
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

generate:  ## write the files generated from the families, the settings, the routes and the schemas; see tools/
	$(BIN)/python -m tools.generate

names:  ## write the tables of names for generated payments, drawn by faker
	$(BIN)/python -m tools.names

lock:  ## write image-requirements.txt, the dependencies of the image with hashes; needs uv
	uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-header \
	    --extra fast --extra cluster --output-file image-requirements.txt pyproject.toml

docs:  ## write docs/scenarios.md and its pictures from the files of the library
	$(BIN)/python -m tests.project.scenarios_page
	$(BIN)/python -m tests.library.pictures

site:  ## build the documentation as a site in build/site; a warning or a dead link fails it
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

test:  ## run the suite alone
	$(BIN)/python -m pytest

nightly:  ## run what takes too long for every change: more examples, the simulation, growth, clusters
	$(BIN)/python -m pytest -n0 tests/nightly
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -m hypothesis
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/contract/test_schemathesis.py
	$(BIN)/python -m tests.nightly.simulation --seeds $(SEEDS)
	$(BIN)/python -m tests.nightly.growth --calls $(CALLS)
	$(BIN)/python -m tests.nightly.cluster --seeds 6 --keys 8 --times 1

mutate:  ## check whether the unit tests notice small faults in the core
	$(BIN)/python -m tools.mutation --places $(PLACES)

serve:  ## start the sandbox on its usual port
	$(BIN)/payments-sandbox serve

screenshots:  ## take the screenshots in docs/images, with Chromium
	$(BIN)/python -m tools.screenshots

recording:  ## record README's session as docs/images/terminal.svg
	$(BIN)/python -m tools.recording

bench:  ## run the measurements; see benchmarks/
	$(BIN)/python -m benchmarks

lint:
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types:
	$(BIN)/mypy

layers:
	$(BIN)/lint-imports

# Coverage starts with the interpreter: a pytest plugin would start it after modules are imported.
suite:  ## run the suite with coverage
	$(BIN)/coverage erase
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(BIN)/python -m pytest

coverage:  ## report the coverage of the last run, and check both thresholds
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --include='$(CORE)' --fail-under=100
