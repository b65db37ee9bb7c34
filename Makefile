# make demo       set up, then print the summary of the example report
# make test       set up, then run the tests
# Everything else: make help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.DEFAULT_GOAL := help
.PHONY: help demo test test-long lint format readme screenshots example clean

help:
	@echo "make demo       summarize examples/report.pdf"
	@echo "make test       run the tests"
	@echo "make test-long  run the tests that take minutes, too"
	@echo "make lint       check style (ruff) and types (mypy)"
	@echo "make format     put the code into the house style"
	@echo "make readme     run README.md's commands and renew the output shown there"
	@echo "make screenshots  renew the pictures in docs/highlight.md (needs Chromium, pdftoppm)"
	@echo "make example    typeset examples/report.pdf from its source"
	@echo "make clean      remove the environment and what tools left behind"

# Two stages, so that the demo need not wait for the developers' tools. Either is made anew
# when what it was made from has changed; --clear, so that nothing survives that is no longer named.
$(VENV)/installed: pyproject.toml constraints.txt hatch_build.py sumpool/modeling/few_rows.c
	@echo "Setting up $(VENV) (the first time takes a minute or two) ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit("sumpool needs Python 3.10 or newer; this is " + sys.version.split()[0] + " (say make PYTHON=/path/to/python3)" if sys.version_info < (3, 10) else 0)'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Adding the developers' tools to $(VENV) ..." >&2
	@$(PIP) install --constraint constraints.txt --editable '.[train,evaluate,ocr,ray,dev]'
	@touch $@

demo: $(VENV)/installed
	@$(BIN)/sumpool summarize examples/report.pdf

test: $(VENV)/installed-dev
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test-long: $(VENV)/installed-dev
	@$(BIN)/python -m pytest -m "long or not long"

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

readme: $(VENV)/installed-dev
	@$(BIN)/python docs/renew_readme.py $(ONLY)

screenshots: $(VENV)/installed-dev
	@$(BIN)/python docs/renew_screenshots.py

example: $(VENV)/installed-dev
	@$(BIN)/python examples/typeset.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
