# Yuefu. `make` alone lists what there is. PYTHON=/path/to/python3 chooses the Python that .venv is made with.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
SHELL := /bin/sh
YUEFU := .venv/bin/yuefu
export PYTHON

.PHONY: help install install-run install-test install-spark demo test check bench prove docs format lock audit clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: install-run ## a world of purchases, then the web server and the worker; Ctrl-C stops all of it; FRESH=1 begins anew, PORT=8080 serves there
	@$(YUEFU) demo $(if $(FRESH),--fresh) $(if $(PORT),--port $(PORT))

test: install ## all tests, on three processes (root gets Chromium installed if it is missing)
	@tools/run_tests

check: install ## format, lint, types, import contracts, missing migrations, translations, lock files
	@tools/check

bench: install-run ## all benchmarks, each beside pgbench on the same database
	@$(YUEFU) bench

prove: install-test install-spark ## nothing lost, no races, everything adds up: the proofs that take longer than a test
	@$(YUEFU) prove

install: install-run install-test ## everything the other commands need, into .venv; quiet, and nothing to do the second time

install-run:
	@tools/make_venv
	@tools/once run .venv/bin/granian requirements.txt requirements-demo.txt -- tools/install_run
	@tools/once package .venv/bin/yuefu pyproject.toml -- tools/pip_install --no-build-isolation --no-deps --editable .
	@tools/once translations .venv/bin/python yuefu/web/locale tools/translations.py -- .venv/bin/python tools/translations.py compile
	@tools/once static yuefu/web/static-built package-lock.json tools/build_static yuefu/web/static -- tools/build_static
	@tools/once docs yuefu/web/public-built/docs docs tools/docs.py tools/docs_site yuefu/api/problems.py yuefu/web/locale yuefu/web/static -- .venv/bin/python tools/docs.py yuefu/web/public-built/docs >/dev/null

install-test: install-run
	@tools/once test .venv/bin/pytest requirements-test.txt -- tools/install_test

install-spark: install-run
	@tools/once spark .venv/bin/spark-class requirements-spark.txt -- tools/install_spark

docs: install-run ## the documentation of the API as pages, in build/docs or DIR=…; they are read from there or at /docs/ of the server
	@.venv/bin/python tools/docs.py $(or $(DIR),build/docs)

format: install ## put the code into the one format
	@.venv/bin/ruff check --quiet --fix-only . && .venv/bin/ruff format --quiet .

lock: ## compile requirements*.txt from pyproject.toml (needs uv); make lock UPGRADE=--upgrade moves to newer releases
	@tools/lock $(UPGRADE)

audit: install ## known weaknesses of the pinned packages (asks the network)
	@.venv/bin/pip-audit --disable-pip --require-hashes -r requirements.txt

clean: ## remove what was built, .venv included; the data under YUEFU_HOME stays
	@rm -rf .venv node_modules build yuefu.egg-info yuefu/web/static/vendor yuefu/web/static-built yuefu/web/public-built \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find yuefu tests tools -name __pycache__ -type d -prune -exec rm -rf {} + ; find yuefu -name '*.mo' -delete
