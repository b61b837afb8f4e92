# LLM Arbiter. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Recipes assign `envoy` first: a failing $(...) before a command on the same line would not stop the recipe, and the suite
# would run on another Envoy than the one named.

PYTEST := .local/venv/bin/python -m pytest
DATA ?= ../shared/data
PORT ?= 10000
ADMIN_PORT ?= 9901
CONSOLE_PORT ?= 9902
export PORT ADMIN_PORT CONSOLE_PORT

.PHONY: help setup build run demo-traffic screenshots test unit e2e fuzz test-clients test-matrix bench eval eval-teacher model lint fmt clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Set up what building and testing need, inside the clone
	@scripts/setup.sh

build: setup ## Build dist/llm_arbiter.wasm and dist/arbiter
	@scripts/build.sh

run: build ## Start Envoy with the filter and stand-in providers on PORT (10000), ADMIN_PORT (9901), CONSOLE_PORT (9902)
	@.local/venv/bin/python scripts/run.py

demo-traffic: ## Send the running demo the calls of an hour in a minute
	@.local/venv/bin/python scripts/demo_traffic.py

screenshots: build ## Make docs/images/ anew
	@.local/venv/bin/python scripts/screenshots.py

test: lint unit fuzz e2e ## Everything that CI runs

unit: setup ## Unit and property tests, natively
	@echo "unit tests"
	@cargo test --quiet --all-targets
	@cargo test --quiet --doc

fuzz: setup ## Each fuzz target for SECONDS_EACH (5) seconds, from its stored corpus
	@echo "fuzz targets"
	@SECONDS_EACH=$${SECONDS_EACH:-5} scripts/fuzz.sh

e2e: build ## The suite through a real Envoy, on 1.40.0 and on 1.36.4
	@echo "end-to-end tests, Envoy 1.40.0"
	@envoy="$$(scripts/envoy.sh)"; ENVOY="$$envoy" $(PYTEST) -q -n 2 tests
	@echo "end-to-end tests, Envoy 1.36.4"
	@envoy="$$(scripts/envoy.sh 1.36.4)"; ENVOY="$$envoy" $(PYTEST) -q -n 2 -m "not slow" tests

test-clients: build ## Every client that people point at a gateway, unchanged: SDKs, frameworks, agents; installs them first
	@scripts/client-tools.sh
	@envoy="$$(scripts/envoy.sh)"; CLIENTS=1 ENVOY="$$envoy" $(PYTEST) -q -n 2 tests/clients

test-matrix: build ## The suite on further Envoy versions
	@for version in 1.36.4 1.37.0 1.38.2 1.39.3; do \
	  echo "end-to-end tests, Envoy $$version"; \
	  envoy="$$(scripts/envoy.sh $$version)"; ENVOY="$$envoy" $(PYTEST) -q -n 2 tests; \
	done

bench: build ## What the README's figures come from: one worker, with and without the filter
	@scripts/bench-tools.sh
	@envoy="$$(scripts/envoy.sh)"; ENVOY="$$envoy" .local/venv/bin/python benches/run.py
	@echo; echo "Starting:"; echo
	@envoy="$$(scripts/envoy.sh)"; ENVOY="$$envoy" .local/venv/bin/python benches/start_up.py
	@echo; echo "The semantic cache:"; echo
	@envoy="$$(scripts/envoy.sh)"; ENVOY="$$envoy" .local/venv/bin/python benches/semantic.py
	@scripts/build.sh bench
	@echo; echo "The module alone, in Node's V8:"; echo
	@node --no-warnings --no-liftoff benches/wasi.mjs target/wasm/wasm32-wasip1/module/examples/phases.wasm
	@echo; node --no-warnings --no-liftoff benches/wasi.mjs target/wasm/wasm32-wasip1/module/examples/rules.wasm
	@echo; echo "Translation, in Node's V8:"; echo
	@node --no-warnings benches/wasi.mjs target/wasm/wasm32-wasip1/module/examples/translate.wasm

eval: build ## How well the scorers route and the semantic cache decides, on DATA (a folder with routing/ and paraphrase/)
	@.local/venv/bin/python model/evaluate_routing.py "$(DATA)"
	@.local/venv/bin/python model/evaluate_semantic.py "$(DATA)"

eval-teacher: build ## What the teacher's embedding would route like instead of the sieve's, on DATA; takes minutes
	@scripts/model-tools.sh
	@.local/model-venv/bin/python model/evaluate_teacher.py "$(DATA)"

model: setup ## Make the model files again from DATA, on two cores in under an hour
	@scripts/model-tools.sh
	@.local/model-venv/bin/python model/make.py "$(DATA)"

lint: setup ## Formatting, clippy for both targets, licences
	@echo "lint"
	@cargo fmt --check
	@cargo clippy --quiet --all-targets -- -D warnings
	@scripts/build.sh clippy
	@.local/venv/bin/python scripts/licences.py
	@.local/venv/bin/ruff check --quiet tests benches scripts model
	@.local/venv/bin/ruff format --quiet --check tests benches scripts model

fmt: setup ## Format everything
	@cargo fmt
	@.local/venv/bin/ruff format --quiet tests benches scripts model

clean: ## Remove what was built; what was set up stays
	@cargo clean
	@rm -rf dist .run
