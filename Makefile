# One entry for every habit of the house. Everything runs from .venv; `make setup` makes it.
PYTHON ?= python3
BIN := .venv/bin
CODE := sandbox tests benchmarks tools examples hatch_build.py
PACKAGE := sandbox/payments_sandbox
CORE := $(PACKAGE)/exploration/*,$(PACKAGE)/payments/*,$(PACKAGE)/rules/*,$(PACKAGE)/scenarios/*,$(PACKAGE)/verification/*,$(PACKAGE)/webhooks/*,$(PACKAGE)/world/*,$(PACKAGE)/server/webhooks/*

# `.ci/run` has just run the suite, measured, by the README's command.
SUITE := $(if $(SUITE_HAS_RUN),,suite)

# How long `make nightly` and `make mutate` look.
SEEDS ?= 1000
CALLS ?= 1000000
PLACES ?= 300

.PHONY: setup check fix docs site generate names lock test nightly mutate serve screenshots recording bench lint types layers suite coverage

setup:  ## .venv with the package and every tool, editable
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'

check: lint types layers $(SUITE) coverage  ## everything a change must pass

fix:  ## what a machine can put right
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

generate:  ## what is made from the families, the settings, the routes and the schemas; see tools/
	$(BIN)/python -m tools.generate

names:  ## the tables of names for generated payments, drawn by faker
	$(BIN)/python -m tools.names

lock:  ## image-requirements.txt: what the image is made of, with hashes; by uv
	uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-header \
	    --extra fast --extra cluster --output-file image-requirements.txt pyproject.toml

docs:  ## docs/scenarios.md and its pictures, from the files of the library
	$(BIN)/python -m tests.project.scenarios_page
	$(BIN)/python -m tests.library.pictures

site:  ## the documentation as a site in build/site, without a warning or a dead link
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

test:  ## the suite alone
	$(BIN)/python -m pytest

nightly:  ## more examples, a server against a model for many stories, and against itself for many calls
	$(BIN)/python -m pytest -n0 tests/nightly
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -m hypothesis
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/contract/test_schemathesis.py
	$(BIN)/python -m tests.nightly.simulation --seeds $(SEEDS)
	$(BIN)/python -m tests.nightly.growth --calls $(CALLS)
	$(BIN)/python -m tests.nightly.cluster --seeds 6 --keys 8 --times 1

mutate:  ## whether the unit tests notice small faults in the core
	$(BIN)/python -m tools.mutation --places $(PLACES)

serve:  ## the sandbox on its usual port
	$(BIN)/payments-sandbox serve

screenshots:  ## docs/images, by a Chromium; see docs/dashboard.md
	$(BIN)/python -m tools.screenshots

recording:  ## docs/images/terminal.svg: the session of README, as it runs
	$(BIN)/python -m tools.recording

bench:  ## measured side by side; see benchmarks/
	$(BIN)/python -m benchmarks

lint:
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types:
	$(BIN)/mypy

layers:
	$(BIN)/lint-imports

# Coverage begins with the interpreter: a plugin starts after the modules are imported.
suite:  ## the suite, measured
	$(BIN)/coverage erase
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(BIN)/python -m pytest

coverage:  ## what the last measured run of the suite reached
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --include='$(CORE)' --fail-under=100
