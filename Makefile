# make demo   sets up, then runs the main job on an embedded registry
# make test   sets up, then runs all tests
# make check  format, lint, types, import direction
# make truth  what every tag of the ground truth is, right / wrong / unknown
# make nights private images on moving bases, thirty nights
# make fuzz   every source, guided by coverage, where atheris installs
# make history-bundle LIBRARY=DIR   the package tagwatch-history, of a checkout of official-images
# make docs   the documentation, into docs/_build/html; make docs-links also asks every link
# make screenshots  the pictures of the documentation, from the demo
# make lock   the lock files anew: what the image, CI and a release install, by hash (UPGRADE= keeps the versions
#             that still fit); make audit asks for advisories
# make package  wheel and sdist as PyPI checks them, installed with pipx and uv for each Python that is here
# make cluster  a Dask scheduler and workers on this machine, to try `engine: dask` (docs/cluster.md)
# make bench  what everything costs, beside what else does it: ratios of one run
.PHONY: package demo test check lint types house format setup clean truth nights fuzz bench cluster docs docs-links screenshots lock audit history-bundle
VENV := .venv/bin
PYTEST_ARGS ?=
BENCH_ARGS ?=
CLUSTER_ARGS ?=
LIBRARY ?= ../official-images
HISTORY := config/tagwatch-history
UPGRADE ?= --upgrade
LOCK := $(VENV)/python -m uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header $(UPGRADE)

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

# One file each for every platform and Python; what axe-playwright-python would bring is a browser of its own.
lock: setup
	@$(LOCK) --extra aws --extra google --extra notify --output-file requirements.lock pyproject.toml
	@$(LOCK) --extra aws --extra google --extra notify --group test --group lint --group browser --group build \
	  --no-emit-package playwright --no-emit-package greenlet --no-emit-package pyee \
	  --output-file .ci/requirements.lock pyproject.toml
	@$(LOCK) --group release --output-file .ci/tools.lock

# A package whose advisories cannot be had is an error, too: nothing audited is no clean answer.
audit:
	@$(or $(PYTHON),$(VENV)/python) -m pip_audit --strict --disable-pip --require-hashes --requirement requirements.lock

screenshots: setup
	@$(VENV)/python -m tests.screenshots

docs: setup  # all pages: the titles of others stand beside each
	@$(VENV)/python -m sphinx -W --keep-going -q -a -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

docs-links: setup
	@$(VENV)/python -m sphinx -W --keep-going -q -b linkcheck docs docs/_build/links

cluster: setup
	@$(VENV)/python -m tests.cluster $(CLUSTER_ARGS)

history-bundle: setup
	@TAGWATCH_CONFIG= $(VENV)/tagwatch history bundle --library $(LIBRARY) --output $(HISTORY)/tagwatch_history/official-images.history
	@$(VENV)/python -m pip wheel -q --disable-pip-version-check --no-deps --wheel-dir dist ./$(HISTORY)

package:
	@.ci/package

format: setup
	@$(VENV)/ruff format .
	@$(VENV)/ruff check --fix .

setup:
	@.ci/setup test

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
