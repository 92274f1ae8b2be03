# make demo: a bare machine → virtual environment → the main job on the images the project draws itself.
# make test: a bare machine → virtual environment → all tests.
# make check: format, lint, types, fast tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs

.PHONY: demo test check install kills house bench clean

install: $(VENV)/ready

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/python -m mfast_edge.compress --model ssd_mbv1 --target x86 --plan demo --out $(RUNS)

test: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow" --quiet

clean:
	rm -rf $(VENV) build dist *.egg-info

versions:
	$(BIN)/python -m tests.stages.fingerprints

kills: install
	$(BIN)/python -m tests.shows.kills --kills 20 --out $(RUNS)/kills -- --model tiny --plan tiny
