# make demo: an EncNet trained and shown in minutes. make test: the tests. make site: the documentation. All make .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test test-all lint site

# torch and torchvision come first and by name, so that pip takes the builds that are at hand.
$(BIN)/encnet: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

install: $(BIN)/encnet

demo: install
	$(BIN)/encnet demo

test: install
	$(BIN)/python -m pytest -n auto -m 'not slow'

test-all: install
	$(BIN)/python -m pytest -n auto

lint: install
	$(BIN)/ruff check src tests docs benchmarks tools hubconf.py
	$(BIN)/ruff format --check src tests docs benchmarks tools hubconf.py
	$(BIN)/codespell
	$(BIN)/pyright
	$(BIN)/python tools/typed.py
	$(BIN)/lint-imports

site: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo open build/site/index.html
