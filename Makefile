# make demo: a bare machine → virtual environment → the main job on the images the project draws itself.
# make test: a bare machine → virtual environment → all tests.
# make check: format, lint, types, fast tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs
WORKERS ?= 2   # tests at a time

.PHONY: docker-steps demo test check install py36 api-check versions house jetson coco peers peers-vgg zoo gate board doctor bench-table bench-gpu search-table untrained kills kills-bccd latency dirt clean

install: $(VENV)/ready

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# What peers are measured with, beside what the product uses itself.
$(VENV)/peers-ready: $(VENV)/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,peers]'
	touch $@

demo: install
	$(BIN)/python -m mfast_edge.compress --model ssd_mbv1 --target x86 --plan demo --out $(RUNS)

test: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow" --quiet

# A Python 3.6 with what a bundle runs with on a Jetson Nano, from public packages: tests/board use it as
# MFAST_PY36=.py36/bin/python. PYTHON36 is any 3.6 (pyenv install 3.6.15).
PYTHON36 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.6.*/bin/python) python3.6)

py36: .py36/ready

.py36/ready: tests/board/py36.txt
	$(PYTHON36) -m venv .py36
	.py36/bin/python -m pip install --quiet --upgrade 'pip==21.3.1'
	.py36/bin/python -m pip install --quiet --only-binary :all: -r tests/board/py36.txt
	touch $@

# The board's files against TensorRT's real Python bindings, 8.4 to 11: downloads 780 MB, of which 15 are kept
# (MFAST_TRT=FOLDER keeps them for the next time).
api-check: install py36
	MFAST_PY36=.py36/bin/python $(BIN)/python -m tests.board.api

# After a stage's version was raised, or its sources changed without altering what it makes.
versions: install
	$(BIN)/python -m tests.stages.fingerprints

# Shows: long comparisons that README and DECISIONS quote. MFAST_DATA and MFAST_WEIGHTS name the real files.
COCO_SSD = $(MFAST_WEIGHTS)/ssd_mobilenet_v1_075_coco.safetensors
BCCD = --model ssd_mbv1 --data voc:$(MFAST_DATA)/bccd --init $(COCO_SSD)
COMPRESS = $(BIN)/python -m mfast_edge.compress $(BCCD) --out $(RUNS)/house

house: install
	$(COMPRESS) --target x86 --name seed0
	$(COMPRESS) --target x86 --name seed1 --set seed=1 --until train
	$(COMPRESS) --target x86 --name seed2 --set seed=2 --until train
	$(BIN)/python -m tests.shows.house $(RUNS)/house/seed0 $(RUNS)/house/seed1 $(RUNS)/house/seed2

jetson: install
	$(COMPRESS) --target jetson --name jetson
	$(BIN)/python -m mfast_edge.doctor $(RUNS)/house/jetson/bundle/export_onnx.onnx --target jetson

# The same float network through other people's tools and through ours. Every line goes on where it was stopped;
# exit code 1 of a run is a gate that failed. FLOAT and OURS are more settings (--set …) of those runs, NAIVE of the
# thinner and smaller networks, after FLOAT: their train.images should be ours in all, training and recovery.
# FINETUNE='--images N' is how long the pruned peer is fine-tuned: as long as our own recovery, unless given.
SEEDS ?= 0 1 2
PEERS_PLAN ?= full
FLOAT ?= --set train.images=8000 --set train.flips=both
OURS ?= --set prune.flips=both
NAIVE ?=
FINETUNE ?=
SHOW = $(BIN)/python -m tests.shows.peers

peers: $(VENV)/peers-ready
	for seed in $(SEEDS); do \
		$(COMPRESS) --target x86 --plan $(PEERS_PLAN) $(FLOAT) --set seed=$$seed --until train --name float-seed$$seed \
		|| [ $$? -eq 1 ] || exit; \
		$(COMPRESS) --target x86 --plan $(PEERS_PLAN) $(FLOAT) $(OURS) --set seed=$$seed --name ours-seed$$seed \
		|| [ $$? -eq 1 ] || exit; \
	done
	for width in 0.5 0.35; do for size in 300 224 192; do \
		$(COMPRESS) --target x86 --plan $(PEERS_PLAN) $(FLOAT) $(NAIVE) --set model.width=$$width --set model.size=$$size \
			--until train --name naive-$$width-$$size || [ $$? -eq 1 ] || exit; \
	done; done
	$(SHOW) --out $(RUNS)/peers --ratios 0.3 0.5 $(FINETUNE) \
		--float $(SEEDS:%=$(RUNS)/house/float-seed%) --ours $(SEEDS:%=$(RUNS)/house/ours-seed%) \
		--naive $(RUNS)/house/naive-0.5-300 $(RUNS)/house/naive-0.5-224 $(RUNS)/house/naive-0.5-192 \
		$(RUNS)/house/naive-0.35-300 $(RUNS)/house/naive-0.35-224 $(RUNS)/house/naive-0.35-192

# The same for ssd_vgg16, one seed: VGG is what it is trained from, VGG_PLAN the plan of both networks.
VGG ?= --model ssd_vgg16 --data voc:$(MFAST_DATA)/bccd
VGG_SEEDS ?= 0
VGG_PLAN ?= heavy
VGG_FLOAT ?= --set train.images=12000 --set train.flips=both
VGG_OURS ?= --budget 0.85 --set decompose.flips=both --set prune.flips=both
COMPRESS_VGG = $(BIN)/python -m mfast_edge.compress $(VGG) --target x86 --out $(RUNS)/vgg

peers-vgg: $(VENV)/peers-ready
	for seed in $(VGG_SEEDS); do \
		$(COMPRESS_VGG) --plan $(VGG_PLAN) $(VGG_FLOAT) --set seed=$$seed --until train --name float-seed$$seed \
		|| [ $$? -eq 1 ] || exit; \
		$(COMPRESS_VGG) --plan $(VGG_PLAN) $(VGG_FLOAT) $(VGG_OURS) --set seed=$$seed --name ours-seed$$seed \
		|| [ $$? -eq 1 ] || exit; \
	done
	$(SHOW) --table peers-vgg --out $(RUNS)/peers-vgg \
		--float $(VGG_SEEDS:%=$(RUNS)/vgg/float-seed%) --ours $(VGG_SEEDS:%=$(RUNS)/vgg/ours-seed%)

# A row for each model of the zoo: train (one thread, at most 12 minutes), export, quantize, all timed in one run.
ZOO ?= ssd_mbv1 ssd_mbv2 ssd_mbv3 ssd_vgg16 yolov1 yolo9000 centernet
ZOO_ssd_mbv1 ?= --init $(COCO_SSD) --set train.images=8000
ZOO_ssd_mbv2 ?= --init $(MFAST_WEIGHTS)/mobilenet_v2_100_imagenet.safetensors --set train.images=4500
ZOO_ssd_mbv3 ?= --set train.images=6500 --set model.variant=small --set train.batch=8 --set train.lr=0.001
ZOO_ssd_vgg16 ?= --set model.width=0.25 --set train.images=5000 --set train.batch=8 --set train.lr=0.001
ZOO_yolov1 ?= --init $(COCO_SSD) --set model.hidden=1366 --set model.dropout=0 --set train.batch=8 --set train.lr=0.0002 \
	--set train.images=7000
ZOO_yolo9000 ?= --init $(MFAST_WEIGHTS)/mobilenet_v1_050_imagenet.safetensors --set train.batch=8 --set train.lr=0.001 \
	--set train.images=6000
ZOO_centernet ?= --init $(COCO_SSD) --set train.batch=8 --set train.lr=0.001 --set train.images=6000
ZOO_RUN = OMP_NUM_THREADS=1 $(BIN)/python -m mfast_edge.compress --model $(1) --target x86 --plan tests/shows/zoo.yaml \
	--data voc:$(MFAST_DATA)/bccd $(ZOO_$(1)) --out $(RUNS)/zoo

zoo: install
	$(foreach model,$(ZOO),$(call ZOO_RUN,$(model)) --name $(model) || [ $$? -eq 1 ] || exit; )
	$(BIN)/python -m tests.shows.zoo $(ZOO:%=$(RUNS)/zoo/%)

# What pruning alone costs each of these float networks; those that are not there yet are trained.
untrained: install
	$(foreach model,$(ZOO),$(call ZOO_RUN,$(model)) --name $(model)-float --until train || [ $$? -eq 1 ] || exit; )
	$(BIN)/python -m tests.shows.untrained --table --data voc:$(MFAST_DATA)/bccd $(ZOO:%=$(RUNS)/zoo/%-float)

# Untrained models in torch and as graphs, float, bf16 and int8, norms folded or not, forward and backward, one thread:
# a table with every model's rows in the same rounds. Minutes, in which nothing else should run.
BENCH ?= ssd_mbv1 ssd_mbv2 ssd_vgg16
BENCH_DATA ?= $(if $(MFAST_DATA),voc:$(MFAST_DATA)/bccd,particles:48x300)
BENCH_ASKED ?= --rounds 8 --warmup 1 --memory --roof
BENCH_MODES ?= eager,channels-last,compile
BENCH_TABLES ?= benchmarks/tables

bench-table: install
	rm -rf $(RUNS)/bench-table
	$(foreach model,$(BENCH),$(BIN)/python -m mfast_edge.bench --models $(model) --modes $(BENCH_MODES) \
		--data $(BENCH_DATA) $(BENCH_ASKED) --out $(RUNS)/bench-table/$(model)/results || exit; )
	$(BIN)/python -m benchmarks $(BENCH:%=$(RUNS)/bench-table/%) --tables $(BENCH_TABLES) --command 'make bench-table'

# The same in torch on a CUDA GPU, for every model; without one, on the CPU: BENCH_DEVICE=cpu. What is measured stays:
# a model whose folder is there is not measured again.
BENCH_GPU ?= $(shell $(BIN)/python -c 'from mfast_edge.models import MODELS; print(*sorted(MODELS))')
BENCH_DEVICE ?= cuda
GPU_ASKED ?= --rounds 20 --roof

bench-gpu: install
	$(foreach model,$(BENCH_GPU),[ -e $(RUNS)/bench-gpu/$(model)/results ] || $(BIN)/python -m mfast_edge.bench \
		--models $(model) --device $(BENCH_DEVICE) --data $(BENCH_DATA) $(GPU_ASKED) \
		--out $(RUNS)/bench-gpu/$(model)/results || exit; )
	$(BIN)/python -m benchmarks $(BENCH_GPU:%=$(RUNS)/bench-gpu/%) --tables $(BENCH_TABLES) --command 'make bench-gpu'

# A YOLOv1 with the paper's fully connected layers, hundreds of megabytes, brought under the gate by SVD.
gate: install
	OMP_NUM_THREADS=1 $(BIN)/python -m mfast_edge.compress --model yolov1 --target x86 --plan tests/shows/gate.yaml \
		--data voc:$(MFAST_DATA)/bccd --init $(COCO_SSD) --set model.neck='[1366]' --set model.hidden=5462 \
		--set model.dropout=0 --out $(RUNS)/gate --name gate || [ $$? -eq 1 ]

# TrashNet: a search of small networks; its winner and the reference trained anew, equally long, side by side, with
# seeds; 200 settings that are all trained once, on which searches are replayed; trials an hour of one worker and two.
# About two hours, in which nothing else should run. A part goes on where it was stopped.
TRASH = folders:$(MFAST_DATA)/trashnet
SEARCH_HOURS ?= 0.55
SEARCH_MINUTES ?= 4
SEARCH_SEEDS ?= 0 1 2
PRETRAINED ?= --model mobilenetv1 --init $(MFAST_WEIGHTS)/mobilenet_v1_025_imagenet.safetensors --set model.size=128
TUNE = OMP_NUM_THREADS=1 $(BIN)/python -m mfast_edge.tune --model classifier --plan tests/shows/search/plan.yaml \
	--data $(TRASH) --target x86 --no-final --out $(RUNS)/search
SHOW_SEARCH = OMP_NUM_THREADS=1 $(BIN)/python -m tests.shows.search

search-table: install
	$(TUNE) --space tests/shows/search/space.yaml --name networks --hours $(SEARCH_HOURS) --workers 2
	$(SHOW_SEARCH) compare --search $(RUNS)/search/networks --data $(TRASH) --minutes $(SEARCH_MINUTES) \
		--seeds $(SEARCH_SEEDS) --pretrained '$(PRETRAINED)' --out $(RUNS)/search
	$(TUNE) --space tests/shows/search/grid.yaml --name grid --search 200 --workers 2
	$(SHOW_SEARCH) efficiency --search $(RUNS)/search/grid --out $(RUNS)/search
	$(SHOW_SEARCH) workers --data $(TRASH) --out $(RUNS)/search
	$(SHOW_SEARCH) table --out $(RUNS)/search

# The bundle of a run on real photos, run by the Nano's Python with the last onnxruntime for it: ten photos, all graphs.
board: install py36
	$(call ZOO_RUN,ssd_mbv1) --name ssd_mbv1 || [ $$? -eq 1 ]
	.py36/bin/python -I $(RUNS)/zoo/ssd_mbv1/bundle/run.py check --all --strict

# What the doctor says of a model and of files that users bring to a Jetson.
doctor: install
	$(BIN)/python -m tests.shows.doctor --out $(RUNS)/doctor

coco: install
	$(BIN)/python -m mfast_edge.evaluate --model ssd_mbv1 --init $(COCO_SSD) --data yolo:$(MFAST_DATA)/coco128

kills: install
	$(BIN)/python -m tests.shows.kills --kills 20 --out $(RUNS)/kills -- --model tiny --plan tiny

kills-bccd: install
	$(BIN)/python -m tests.shows.kills --kills 3 --out $(RUNS)/kills-bccd -- $(BCCD) \
		--set train.images=800 --set prune.images=400

# Measures four latency tables the first time: minutes, in which nothing else should run.
latency: install
	$(BIN)/python -m tests.shows.latency --out $(RUNS)

# Every data format with every kind of dirt, drawn; and the real sets of MFAST_DATA, if it is set, as they are.
dirt: install
	$(BIN)/python -m tests.shows.dirt

# What the Dockerfiles do that can be tried without Docker: the x86 ones here, the Nano's in a Python 3.6 (PYTHON36).
PYTHON36 ?= python3.6
docker-steps: install
	$(BIN)/python -m tests.shows.docker_steps Dockerfile.x86
	$(BIN)/python -m tests.shows.docker_steps Dockerfile.x86 --arg DEVICE=cuda
	$(PYTHON36) -m venv $(VENV)-36
	$(BIN)/python -m tests.shows.docker_steps Dockerfile.jetson --python $(VENV)-36/bin/python

clean:
	rm -rf $(VENV) $(VENV)-36 build dist *.egg-info
