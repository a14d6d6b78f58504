# Python 3.11 and make are enough: where uv is missing it is installed inside the checkout.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo check test bench kserve-client schema lock clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV ?= $(shell command -v uv || echo .tools/bin/uv)
BIN := .venv/bin

# No test and no demo calls home.
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1

# The reference data, where it lies beside the checkout; elsewhere it is downloaded.
ifndef FAIRLEAD_DATA_MIRROR
ifneq ($(wildcard ../shared/data),)
export FAIRLEAD_DATA_MIRROR := $(CURDIR)/../shared/data
endif
endif

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 15

setup: .venv/dev.stamp  ## everything: all extras and the development tools, in .venv

# After `make setup` there is nothing left to install: the demo's lock is a part of dev's.
demo: $(or $(wildcard .venv/dev.stamp),.venv/demo.stamp)  ## fetch, train and serve iris, and ask the service
	$(BIN)/python projects/iris/demo.py

check: .venv/dev.stamp  ## format, lint, types, layers and the fast unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n auto --dist loadfile -m "not slow" tests/unit

test: .venv/dev.stamp .venv-kserve/kserve.stamp  ## every test
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

kserve-client: .venv-kserve/kserve.stamp  ## KServe's client, which `make test` asks a service with

bench: .venv/dev.stamp  ## the service beside its peers, on two quiet cores, in an hour; needs wrk
	$(BIN)/python -m benchmarks.serving $(BENCH)

schema: .venv/dev.stamp  ## write the JSON Schema of the project file anew
	$(BIN)/fairlead schema > docs/reference/fairlead.schema.json

.venv/%.stamp: requirements/%.txt requirements/build.txt pyproject.toml | $(UV)
	[ -x $(BIN)/python ] || { rm -rf .venv && $(UV) venv --quiet --python $(PYTHON) .venv; }
	$(UV) pip sync --python $(BIN)/python --require-hashes --compile-bytecode $<
	$(UV) pip install --python $(BIN)/python --quiet --no-deps \
	  --build-constraints requirements/build.txt --editable .
	touch $@

# Apart from the others: KServe wants other versions of FastAPI and numpy than Fairlead.
.venv-kserve/kserve.stamp: requirements/kserve.txt | $(UV)
	[ -x $(@D)/bin/python ] || { rm -rf $(@D) && $(UV) venv --quiet --python $(PYTHON) $(@D); }
	$(UV) pip sync --python $(@D)/bin/python --require-hashes --compile-bytecode $<
	touch $@

.tools/bin/uv: requirements/uv.txt
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --require-hashes -r $<
	touch $@

# `make lock` keeps the versions that still fit; `make lock UPGRADE=--upgrade` takes the newest.
# One version for every Python, so that a result does not depend on which one is used.
COMPILE = $(UV) pip compile $(UPGRADE) --quiet --universal --python-version 3.11 \
  --fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command "make lock"

lock: | $(UV)  ## write the lock files anew
	$(COMPILE) --extra all --group dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) --extra train --extra xgboost --extra mlflow --extra monitor --extra search \
	  -c requirements/dev.txt pyproject.toml -o requirements/demo.txt
	$(COMPILE) -c requirements/dev.txt pyproject.toml -o requirements/serving.txt
	$(COMPILE) requirements/kserve.in -o requirements/kserve.txt
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	@! grep -nE '://|^ *--?(i|f|index|extra|find)' requirements/*.txt || \
	  { echo 'a lock file names an address: lock without index options' >&2; exit 1; }

clean:  ## remove the environments and everything that a run leaves behind
	rm -rf .venv .venv-kserve .tools .fairlead .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache build dist projects/*/.fairlead projects/*/.dvc/cache projects/*/.dvc/tmp \
	  projects/*/bundle projects/*/check.json projects/*/dvc.lock projects/*/evaluation
	find src tests projects -name __pycache__ -prune -exec rm -rf {} +
