# One entry for every habit of the house. Everything runs from .venv; `make setup` makes it.
PYTHON ?= python3
BIN := .venv/bin
CODE := sandbox tests benchmarks tools examples
PACKAGE := sandbox/payments_sandbox
CORE := $(PACKAGE)/payments/*,$(PACKAGE)/rules/*,$(PACKAGE)/scenarios/*,$(PACKAGE)/verification/*,$(PACKAGE)/webhooks/*,$(PACKAGE)/world/*,$(PACKAGE)/server/webhooks/*

.PHONY: setup check fix docs generate test serve bench lint types layers cover

setup:  ## .venv with the package and every tool, editable
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'

check: lint types layers cover  ## everything a change must pass

fix:  ## what a machine can put right
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

generate:  ## what is made from the families, the routes and the schemas; see tools/
	$(BIN)/python -m tools.generate

docs:  ## the pages that are made from the code
	$(BIN)/python -m tests.project.scenarios_page

test:  ## the suite alone
	$(BIN)/python -m pytest

serve:  ## the sandbox on its usual port
	$(BIN)/payments-sandbox serve

bench:  ## measured side by side; see benchmarks/
	$(BIN)/python -m benchmarks

lint:
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types:
	$(BIN)/mypy

layers:
	$(BIN)/lint-imports

# `coverage run` and not a plugin: a plugin starts after the modules are imported.
cover:
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_OPTIONS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --include='$(CORE)' --fail-under=100
