# Two promises: `make demo` and `make test` work on a fresh machine with Python 3.11 and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: demo test lint types unit venv clean

demo: $(VENV)/installed
	@mkdir -p $(DEMO)
	$(BIN)/vidcolor colorize samples/reel.mkv -o $(DEMO)/reel.mkv --force \
		--report $(DEMO)/report.html --report $(DEMO)/report.json
	$(BIN)/vidcolor compare samples/reel.mkv $(DEMO)/reel.mkv -o $(DEMO)/sheet.png --force
	@echo
	@echo "the film in color   $(DEMO)/reel.mkv"
	@echo "before and after     $(DEMO)/sheet.png"
	@echo "report               $(DEMO)/report.html"

test: lint types unit

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint docker/Dockerfile docker/Dockerfile.cuda

types: $(VENV)/installed
	$(BIN)/mypy

# Two files at a time; a file stays together, as its tests share what was dear to make.
unit: $(VENV)/installed
	$(BIN)/pytest --numprocesses 2 --dist loadfile

venv: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		echo "no libGL here: the headless build of OpenCV takes its place"; \
		$(BIN)/python -m pip install --quiet --constraint constraints.txt \
			--force-reinstall --no-deps opencv-python-headless; }
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
