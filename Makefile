# Everything a newcomer needs is `make train` and `make test`; both make the virtual environment themselves.

PYTHON ?= $(if $(filter Windows_NT,$(OS)),python,python3)
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)# where Python puts the commands
READY := $(VENV)/ready
TWO := -n 2 --dist worksteal# neighbours stay on one worker and share its fixtures and imports
export OMP_NUM_THREADS ?= 1
export PYTHONDONTWRITEBYTECODE = # compiling the tests anew takes five seconds of every check

.PHONY: train test check browser docs dist learning engine soak peers clean

## train an agent and prove it on every problem
train: $(READY)
	$(BIN)/inwit train

## every check and every test; tests of properties on many more examples
test: check
	INWIT_EXAMPLES=deep $(BIN)/python -m pytest $(TWO) -m "(slow or hypothesis) and not browser"

## formatting, lint, layers, types, fast tests: under a minute; types are checked beside the tests and told after them
check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	@$(BIN)/pyright --pythonpath $(BIN)/python > $(VENV)/types.txt 2>&1 & types=$$!; \
	$(BIN)/python -m pytest $(TWO) -m "not slow and not browser"; tests=$$?; \
	wait $$types || tests=1; \
	cat $(VENV)/types.txt; exit $$tests

## the playground's pages in Chromium: accessibility, keyboard, speed; pictures of them in build/browser
browser: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[browser]'
	$(BIN)/python -m pytest -m browser tests/browser
	$(BIN)/python benchmarks/playground_browser.py

## the site of docs/ with the API's reference, in build/docs
docs: $(READY)
	$(BIN)/python -m sphinx --quiet --fresh-env --fail-on-warning --keep-going --nitpicky docs build/docs
	@echo the site: build/docs/index.html

## wheel and sdist in dist/, each installed and tried in an environment of its own
dist: $(READY)
	bash .ci/dist $(BIN)/python

## the ten-seed table of docs/results.md, and every learner with every policy
learning: $(READY)
	$(BIN)/python benchmarks/learning.py
	$(BIN)/python benchmarks/grid.py

## how fast the engine is
engine: $(READY)
	$(BIN)/python benchmarks/engine.py

## half an hour of kills, cuts, failing disks and crowds
soak: $(READY)
	$(BIN)/python benchmarks/soak.py

## other libraries in the same worlds; an hour and a half on one core, and goes on where it was stopped
peers: $(READY)
	$(BIN)/python benchmarks/peers.py speed
	$(BIN)/python benchmarks/peers.py cold
	$(BIN)/python benchmarks/peers.py solve --variants inwit,tuned
	$(BIN)/python benchmarks/peers.py solve --variants default,bootstrap --seeds 1
	$(BIN)/python benchmarks/peers.py solve --variants inwit,tuned --world calculator
	$(BIN)/python benchmarks/peers.py table

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "inwit needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.11"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
