# `make demo` and `make test` work on a fresh machine with Python 3.11 and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: demo check test lint types fast unit venv clean

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

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell --skip docs/vocabulary.txt $(PROSE)
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile docker/Dockerfile.cuda

PROSE := vidcolor tests benchmarks samples/make_samples.py docker docs Makefile README.md \
	CHANGELOG.md CONTRIBUTING.md samples/README.md models/embedded.md models/encoder.md

types: $(VENV)/installed
	$(BIN)/mypy

fast: $(VENV)/installed
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m "not slow"

# Tests of one file run in one process, because they share expensive fixtures.
unit: $(VENV)/installed
	$(BIN)/pytest --numprocesses 2 --dist loadfile --cov --cov-report=
	$(BIN)/coverage report

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
	rm -rf $(VENV) $(DEMO) dist build .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
