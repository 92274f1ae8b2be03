# make demo: a bare machine → virtual environment → the main job on the images the project draws itself.
# make test: a bare machine → virtual environment → all tests.
# make check: format, lint, types, fast tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs

.PHONY: demo test check install versions house jetson coco kills kills-bccd clean

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

# After a stage's version was raised (tests/stages/test_versions.py).
versions: install
	$(BIN)/python -m tests.stages.fingerprints

# Shows: long comparisons that DECISIONS and README quote. MFAST_DATA and MFAST_WEIGHTS name the real files.
BCCD = $(BIN)/python -m mfast_edge.compress --model ssd_mbv1 --data voc:$(MFAST_DATA)/bccd \
	--init $(MFAST_WEIGHTS)/ssd_mobilenet_v1_075_coco.safetensors --out $(RUNS)/house

house: install
	$(BCCD) --target x86 --name seed0
	$(BCCD) --target x86 --name seed1 --set seed=1 --until train
	$(BCCD) --target x86 --name seed2 --set seed=2 --until train
	$(BIN)/python -m tests.shows.house $(RUNS)/house/seed0 $(RUNS)/house/seed1 $(RUNS)/house/seed2

jetson: install
	$(BCCD) --target jetson --name jetson
	$(BIN)/python -m export.lint $(RUNS)/house/jetson/bundle/export_onnx.onnx --runtime tensorrt-8.2 --no-int8

coco: install
	$(BIN)/python -m mfast_edge.evaluate --model ssd_mbv1 --data yolo:$(MFAST_DATA)/coco128 \
		--init $(MFAST_WEIGHTS)/ssd_mobilenet_v1_075_coco.safetensors

kills: install
	$(BIN)/python -m tests.shows.kills --kills 20 --out $(RUNS)/kills -- --model tiny --plan tiny

kills-bccd: install
	$(BIN)/python -m tests.shows.kills --kills 3 --out $(RUNS)/kills-bccd -- --model ssd_mbv1 \
		--data voc:$(MFAST_DATA)/bccd --init $(MFAST_WEIGHTS)/ssd_mobilenet_v1_075_coco.safetensors \
		--set train.images=1600 --set prune.images=800

clean:
	rm -rf $(VENV) build dist *.egg-info

# After a stage's version was raised (tests/stages/test_versions.py).
versions: install
	$(BIN)/python -m tests.stages.fingerprints

# Shows: long comparisons that DECISIONS and README quote. MFAST_DATA and MFAST_WEIGHTS name the real files.
BCCD = $(BIN)/python -m mfast_edge.compress --model ssd_mbv1 --data voc:$(MFAST_DATA)/bccd \
	--init $(MFAST_WEIGHTS)/ssd_mobilenet_v1_075_coco.safetensors --out $(RUNS)/house

house: install
	$(BCCD) --target x86 --name seed0
	$(BCCD) --target x86 --name seed1 --set seed=1 --until train
	$(BCCD) --target x86 --name seed2 --set seed=2 --until train
	$(BIN)/python -m tests.shows.house $(RUNS)/house/seed0 $(RUNS)/house/seed1 $(RUNS)/house/seed2

jetson: install
	$(BCCD) --target jetson --name jetson
	$(BIN)/python -m export.lint $(RUNS)/house/jetson/bundle/export_onnx.onnx --runtime tensorrt-8.2 --no-int8

coco: install
	$(BIN)/python -m mfast_edge.evaluate --model ssd_mbv1 --data yolo:$(MFAST_DATA)/coco128 \
		--init $(MFAST_WEIGHTS)/ssd_mobilenet_v1_075_coco.safetensors

kills: install
	$(BIN)/python -m tests.shows.kills --kills 20 --out $(RUNS)/kills -- --model tiny --plan tiny

kills-bccd: install
	$(BIN)/python -m tests.shows.kills --kills 3 --out $(RUNS)/kills-bccd --whole $(RUNS)/house -- \
		--model ssd_mbv1 --data voc:$(MFAST_DATA)/bccd --until prune \
		--init $(MFAST_WEIGHTS)/ssd_mobilenet_v1_075_coco.safetensors
