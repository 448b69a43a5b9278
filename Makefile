# Everything runs in .venv, which the first target that needs it creates. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
TESTS ?= not large
BIN = $(VENV)/bin

.PHONY: help demo test test-all test-lowest test-clients check bench format clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp per extra: an install runs again only when what it depends on has changed.
$(VENV)/.%: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable ".[$*]"
	@touch $@

demo: $(VENV)/.demo  ## explain who survived the Titanic, in the eyes of a network, as tables and as a page
	$(BIN)/pellucid demo titanic

test: $(VENV)/.test  ## the test suite, under 8 minutes on two cores
	$(BIN)/python -m pytest -m "$(TESTS)"

test-all: $(VENV)/.test  ## the test suite with the large matrices
	$(BIN)/python -m pytest

test-lowest:  ## the test suite on the lowest releases that are admitted: gigabytes, by hand; PYTHON= names an interpreter
	$(MAKE) test VENV=$(VENV)-lowest CONSTRAINTS=constraints-lowest.txt TESTS="not large and not newer"

$(VENV)-clients/.ready: tests/clients/requirements.txt
	$(PYTHON) -m venv $(VENV)-clients
	$(VENV)-clients/bin/python -m pip install --quiet --no-deps --constraint $(CONSTRAINTS) --requirement $<
	@touch $@

test-clients: $(VENV)-clients/.ready  ## released packages under Captum and under pellucid.compat: gigabytes, by hand; writes docs/clients.md
	PYTHONPATH=src:tests $(VENV)-clients/bin/python -m clients $(CLIENTS)

check: $(VENV)/.dev  ## formatting, lint, types, house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -p no:randomly -n 0 tests/house

format: $(VENV)/.dev  ## format the code and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.test  ## time and memory beside Captum, and the distance to the floor
	$(BIN)/python -m benchmarks

clean:  ## remove the environment and what tools left behind
	rm -rf $(VENV) pellucid-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
