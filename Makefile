# make demo: an EncNet trained and shown in minutes. make test: the tests. make site: the documentation. All make .venv.
# make lock: the versions that CI tests. make sbom: what is installed, and its licences.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test test-all lint site lock sbom

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

# The versions that CI installs and tests. Those of torch differ by machine, so pyproject.toml alone bounds them.
lock: install
	{ echo "# The versions that .ci/run tests, written by make lock; pyproject.toml has the oldest that are allowed."; \
	  $(BIN)/python -m pip freeze --exclude-editable | grep -v -i -E '^(torch|torchvision|triton|(nvidia|cuda)-[^=]*)=='; \
	} > requirements/locked.txt

# What is installed, as build/sbom.json (CycloneDX), its licences, and known vulnerabilities, which takes the network.
sbom: install
	$(PYTHON) -m venv build/supply
	build/supply/bin/python -m pip install --quiet 'cyclonedx-bom>=7' 'pip-licenses>=5.5' 'pip-audit>=2.9'
	build/supply/bin/cyclonedx-py environment $(BIN)/python --output-file build/sbom.json
	build/supply/bin/pip-licenses --python $(BIN)/python --from mixed --order license --format markdown --with-urls \
	  --output-file build/licences.md
	-build/supply/bin/pip-audit --requirement requirements/locked.txt --no-deps --disable-pip
