# Works with nothing but make and Python 3.11 or newer. Everything it makes stays in this folder:
# .venv (the program), .tools (uv, node), .cache (downloads), .data (jobs), demo-output.

.DEFAULT_GOAL := help
SHELL := /bin/sh

export npm_config_cache ?= $(CURDIR)/.cache/npm
# Trust what the machine trusts, as pip does.
export NODE_USE_SYSTEM_CA ?= 1
export PYTHON

TEST_PROCESSES ?= 2
PYTEST_ARGS ?=
BENCH ?=

runtime := .venv/.runtime
web := .venv/.web
dev := .venv/.dev
node := .tools/node/bin/node
npm := PATH="$(CURDIR)/.tools/node/bin:$$PATH" npm
khronos := tests/khronos/node_modules/.installed
chromium := .tools/chromium
servers := .tools/redis-server .tools/postgresql .tools/pgbouncer .tools/faketime
frontend := frontend/node_modules/.installed
webapp := src/image2model/webapp/index.html
webapp_sources := frontend/vite.config.ts frontend/package.json \
	$(shell find frontend/src frontend/static -type f)

checks := lock format lint types imports openapi frontend

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(runtime) ## Turn the example pictures into 3D models, without any key or account
	.venv/bin/image2model generate examples/pictures -o demo-output --generator local/puff
	.venv/bin/image2model generate examples/views/* -o demo-output --generator local/hull
	@echo
	@echo "The models are in $(CURDIR)/demo-output: open a .glb with any 3D viewer."
	@echo "To use the web app: make run"

.PHONY: run
run: $(runtime) $(webapp) ## Start the web app and the API
	.venv/bin/image2model serve

.PHONY: web
web: $(webapp) ## Build the web app, if it changed

.PHONY: wheel
wheel: $(webapp) ## Build the package with the web app, into dist/
	tools/bootstrap uv build --quiet
	@ls dist/*.whl

.PHONY: sbom
sbom: $(dev) $(webapp) ## List all that is shipped, with hashes and licences, into dist/ (CycloneDX)
	.venv/bin/python -m tools.bill_of_materials dist/image2model.cdx.json

.PHONY: extra
EXTRA ?= scaled
extra: $(runtime) ## Install what is optional, into .venv (EXTRA=scaled,heic,telemetry)
	tools/bootstrap uv pip install --quiet --python .venv --editable '.[$(EXTRA)]'

.PHONY: screenshots
screenshots: $(dev) $(webapp) $(chromium) ## Take pictures of every page and state, into screenshots/
	.venv/bin/python -m tests.e2e.screenshots screenshots

.PHONY: test
test: set-up check ## Set everything up, check, and run all tests (PYTEST_ARGS="-k …")
	.venv/bin/pytest -n $(TEST_PROCESSES) --ignore=tests/e2e $(PYTEST_ARGS) < /dev/null
	@# Apart from the others: Playwright keeps an event loop running in its thread, beside which no
	@# asynchronous test can start its own. Code 5: -k chose none of these.
	.venv/bin/pytest -n $(TEST_PROCESSES) tests/e2e $(PYTEST_ARGS) < /dev/null || [ $$? -eq 5 ]

# Again and again, for what goes wrong at one moment of many: make soak SOAK=50. With leases as
# they are by default, and not later than promised: measured, so not for a machine that is busy.
SOAK ?= 10
soaking := --lease-s 10 --resume-limit-s 20

.PHONY: soak
soak: set-up ## Kill, stop and cut off parts of scaled mode, SOAK times over
	for round in $$(seq $(SOAK)); do .venv/bin/pytest tests/system/crash $(soaking) $(PYTEST_ARGS) || exit 1; done

.PHONY: set-up
set-up: $(dev) $(khronos) $(webapp) $(chromium) $(servers)

.PHONY: check $(checks:%=check-%)
check: $(checks:%=check-%) ## Check format, lint, types, imports and generated files

check-lock: $(dev)
	tools/bootstrap check-lock

check-format: $(dev)
	.venv/bin/ruff format --check

check-lint: $(dev)
	.venv/bin/ruff check

check-types: $(dev)
	.venv/bin/mypy

check-imports: $(dev)
	.venv/bin/lint-imports --no-logo

check-openapi: $(dev)
	.venv/bin/python -m image2model.api.openapi --check docs/reference/openapi.json

check-frontend: $(frontend)
	cd frontend && $(npm) run --silent check-types && $(npm) run --silent check && \
		$(npm) run --silent lint && $(npm) run --silent test

.PHONY: fix
fix: $(dev) $(frontend) ## Format, and mend what the linter can mend
	.venv/bin/ruff format
	.venv/bin/ruff check --fix
	.venv/bin/python -m image2model.api.openapi docs/reference/openapi.json
	cd frontend && $(npm) run --silent types && $(npm) run --silent format

.PHONY: fuzz
FUZZ ?= --minutes 10
fuzz: $(dev) ## Spoil files and have every parser read them (FUZZ="--minutes 10 glb ply")
	.venv/bin/python -m tests.hostile.fuzz $(FUZZ)

.PHONY: bench
bench: $(dev) $(servers) ## Measure (BENCH="name …" for some only)
	.venv/bin/python -m bench $(BENCH)

.PHONY: clean
clean: ## Remove all that make made, except jobs (.data)
	rm -rf .venv .tools .cache dist demo-output tests/khronos/node_modules
	rm -rf frontend/node_modules frontend/.svelte-kit src/image2model/webapp screenshots
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(runtime): pyproject.toml uv.lock
	tools/bootstrap runtime
	@touch $@

$(web): pyproject.toml uv.lock
	tools/bootstrap web
	@touch $(runtime) $@

$(dev): pyproject.toml uv.lock
	tools/bootstrap dev
	@touch $(runtime) $(web) $@

# Missing, too, when the link leads nowhere any more; its time says nothing.
$(node): | $(web) tools/link_node.py
	.venv/bin/python tools/link_node.py

$(khronos): tests/khronos/package-lock.json | $(node)
	cd tests/khronos && $(npm) ci --no-audit --no-fund --no-update-notifier
	@touch $@

$(frontend): frontend/package-lock.json | $(node)
	cd frontend && $(npm) ci --no-audit --no-fund --no-update-notifier
	@touch $@

$(webapp): $(frontend) $(webapp_sources)
	cd frontend && $(npm) run --silent build
	@touch $@

$(chromium): | $(dev) tools/link_chromium.py
	.venv/bin/python -m tools.link_chromium

$(servers): .tools/%: | $(dev) tools/link_servers.py
	.venv/bin/python -m tools.link_servers $*
