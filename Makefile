PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: train test bench lint format clean

train: $(VENV)/installed  ## Train seed 2's network on scikit-learn's handwritten digits.
	$(BIN)/jaxcnn train

test: $(VENV)/installed-test  ## Run every test that CI runs.
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not heavy" $(ARGS)

bench: $(VENV)/installed  ## This project, plain JAX and, where it is installed, PyTorch side by side.
	$(BIN)/python -m benchmarks

lint: $(VENV)/installed-lint  ## Formatting, style and types.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/installed-lint  ## Rewrite the files as `make lint` wants them.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@

$(VENV)/installed-lint: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable ".[lint]"
	touch $@
