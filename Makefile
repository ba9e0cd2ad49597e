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

.PHONY: demo check test lint types fast unit docs serve man schemas images wheel venv clean

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
check: lint types fast

test: lint types unit

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

fast: $(VENV)/installed
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m "not slow"

# Tests of one file run in one process, because they share expensive fixtures.
unit: $(VENV)/installed
	$(BIN)/pytest --numprocesses 2 --dist loadfile --cov --cov-report=
	$(BIN)/coverage report

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

images: $(VENV)/installed
	$(BIN)/python docs/scripts/make_images.py

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
	rm -rf $(VENV) $(DEMO) site dist build .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
