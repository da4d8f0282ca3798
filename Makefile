# Needs only python3 (3.11 or 3.12, with venv) and make. Options: `make run ARGS="--preset standard --out runs/standard"`.
# Without options `make run` begins in the middle of the task, where minutes of training already make a policy.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TYPETREE := build/typetree/recap_bench
ARGS ?=

.PHONY: setup run test test-slow check types speed clean

run: $(READY)
	@$(BIN)/recap-bench run $(or $(ARGS),--start locked)

test: $(READY)
	@$(BIN)/python -m pytest -n 2 -m "not slow" $(ARGS)

test-slow: $(READY)
	@$(BIN)/python -m pytest -n 2 -m slow $(ARGS)

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# mypy cannot follow setuptools' package-dir: show it the folders as one package.
types: $(READY)
	@rm -rf $(TYPETREE) && mkdir -p $(TYPETREE)
	@ln -s $(CURDIR)/recap_bench/* $(TYPETREE)/
	@ln -s $(CURDIR)/assets $(CURDIR)/baselines $(CURDIR)/envs $(TYPETREE)/
	@$(BIN)/mypy

speed: $(READY)
	@$(BIN)/recap-bench speed $(ARGS)

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once, a few minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	@find assets baselines envs recap_bench tests -name __pycache__ -prune -exec rm -rf {} +
