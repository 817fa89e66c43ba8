# make demo   sets up, then runs the main job on an embedded registry
# make test   sets up, then runs all tests
# make check  format, lint, types, import direction
# make truth  what every tag of the ground truth is, right / wrong / unknown
# make nights private images on moving bases, thirty nights
# make fuzz   every source, guided by coverage, where atheris installs
# make history-bundle LIBRARY=DIR   the package tagwatch-history, of a checkout of official-images
# make cluster  a Dask scheduler and workers on this machine, to try `engine: dask` (docs/cluster.md)
# make bench  what everything costs, beside what else does it: ratios of one run
.PHONY: demo test check lint types house format setup clean truth nights fuzz bench cluster history-bundle
VENV := .venv/bin
PYTEST_ARGS ?=
BENCH_ARGS ?=
CLUSTER_ARGS ?=
LIBRARY ?= ../official-images
HISTORY := config/tagwatch-history

demo:
	@.ci/setup demo
	@$(VENV)/tagwatch demo --directory reports/demo

test: setup
	@$(VENV)/python -m pytest -q -n auto --dist worksteal $(PYTEST_ARGS)

check: lint types house

lint: setup
	@$(VENV)/ruff format --check .
	@$(VENV)/ruff check .

types: setup
	@$(VENV)/mypy

house: setup
	@$(VENV)/python -m pytest -q -p no:cacheprovider tests/test_house.py

truth: setup
	@$(VENV)/python -m tests.truth
	@$(VENV)/python -m tests.truth_served

nights: setup
	@$(VENV)/python -m tests.nights --images 50 --nights 30
	@$(VENV)/python -m tests.nights_served --images 50 --nights 30

fuzz: setup
	@$(VENV)/python -m pip install -q --only-binary :all: atheris
	@$(VENV)/python -m tests.fuzz

bench: setup
	@$(VENV)/python -m tests.bench $(BENCH_ARGS)

cluster: setup
	@$(VENV)/python -m tests.cluster $(CLUSTER_ARGS)

history-bundle: setup
	@TAGWATCH_CONFIG= $(VENV)/tagwatch history bundle --library $(LIBRARY) --output $(HISTORY)/tagwatch_history/official-images.history
	@$(VENV)/python -m pip wheel -q --disable-pip-version-check --no-deps --wheel-dir dist ./$(HISTORY)

format: setup
	@$(VENV)/ruff format .
	@$(VENV)/ruff check --fix .

setup:
	@.ci/setup test

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
