# `make` alone lists the verbs. Every verb that needs the environment makes it first.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
SECONDS := 600
PROJECTS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml)
EDITABLE := $(patsubst %/pyproject.toml,--editable %,$(PROJECTS))
IMAGES = $(if $(REPOSITORY),--repository $(REPOSITORY)) $(if $(TAG),--tag $(TAG)) $(if $(PUSH),--push)
export PYTHON
export UV_PYTHON_DOWNLOADS := never
# Else each process that tests, demo and measurements start would compile every module anew, which is most of its start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup check isolated test k8s test-images test-image-names test-cluster fuzz compat bench images image-names chaos demo up \
	lock format clean

help:
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

setup: .venv/.installed ## make .venv: every dependency by hash, the workspace editable

check: setup ## lint, format, types, layers, and each member alone
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory isolated

isolated: setup ## import each member where only its own dependencies are installed
	$(BIN)/python scripts/isolated.py

test: setup .tools/helm/installed .tools/compat/.installed .tools/peers/.installed ## run every test, with a real Redis and PostgreSQL
	$(BIN)/pytest -n 4 --dist worksteal

chaos: setup ## kill everything under load, and count what is lost: 10 minutes; SHORT=1, SEED=, JOBS=, FAULTS=, ARGS=--help
	PYTHONPATH=tests $(BIN)/python -m chaos $(if $(SHORT),--short) $(if $(SEED),--seed $(SEED)) \
		$(if $(JOBS),--jobs $(JOBS)) $(if $(FAULTS),--faults $(FAULTS)) $(ARGS)

fuzz: setup .tools/fuzz/.installed ## ask the API all that its document allows, for SECONDS=600; SEED= repeats a run
	PYTHONPATH=tests $(BIN)/python -m fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(KEEP),--keep)

compat: setup .tools/compat/.installed ## run kombu's and Celery's own Redis tests on our transport; ARGS=--stock for theirs, ARGS=--help
	PYTHONPATH=tests $(BIN)/python -m compat $(ARGS)

bench: setup .tools/peers/.installed ## measure all beside stock Celery and peers, for an hour and a half; SHORT=1 for a first look, ARGS='accept', ARGS=verdict, ARGS=--help
	$(BIN)/python -m bench $(if $(SHORT),--short) $(ARGS)

k8s: setup .tools/helm/installed ## render k8s/ anew from the chart; NAMESPACE= for another one than penstock
	$(BIN)/python scripts/k8s.py $(if $(NAMESPACE),--namespace $(NAMESPACE))

images: setup ## build the services' images as the chart names them; REPOSITORY=, TAG=, PUSH=1
	$(BIN)/python scripts/images.py $(IMAGES)

image-names: setup
	@$(BIN)/python scripts/images.py --names $(IMAGES)

test-images: setup .tools/helm/installed ## build the images that test-cluster brings, after `make images`; SLOW=1 as for it
	docker build --quiet --tag penstock/test-mailbox:dev tests/cluster/images/mailbox
	$(if $(SLOW),docker build --quiet --tag penstock/test-shop:dev tests/cluster/images/shop)
	$(if $(SLOW),$(BIN)/python tests/cluster/images/example.py)
	$(if $(SLOW),$(BIN)/python tests/cluster/images/grown.py)
	@set -e; for image in $$($(MAKE) -s image-names); do for variant in next broken; do \
		docker build --quiet --tag $$image-$$variant --build-arg IMAGE=$$image \
			--build-arg MIGRATION=9001_$$variant.py tests/cluster/images/next; done; done

test-image-names: setup
	@echo penstock/test-mailbox:dev $(if $(SLOW),penstock/test-shop:dev)
	@$(if $(SLOW),$(BIN)/python tests/cluster/images/example.py --names)
	@$(if $(SLOW),$(BIN)/python tests/cluster/images/grown.py --names)
	@for image in $$($(MAKE) -s image-names); do echo $$image-next $$image-broken; done

test-cluster: setup ## run tests/cluster on the cluster that KUBECONFIG names, which has all images; SLOW=1 for the long ones too
	$(BIN)/pytest tests/cluster -n 2 --dist loadfile -o timeout=900 -m "not alone $(if $(SLOW),,and not slow)"
	$(if $(SLOW),$(BIN)/pytest tests/cluster -o timeout=900 -m alone)

demo: setup ## start the suite and send a real job through each queue
	$(BIN)/penstock demo

up: setup ## start the suite and leave it running until ctrl-C
	$(BIN)/penstock up

lock: .venv/.python ## write requirements/ anew; UPGRADE=1 takes the newest versions
	$(PYTHON) scripts/lock.py $(if $(UPGRADE),--upgrade)

format: setup ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## delete .venv, .tools and caches; what `penstock up` keeps in .penstock stays
	rm -rf .venv .tools build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed, and $(PYTHON) is none. Name another: make setup PYTHON=python3.13" >&2; exit 1; }
	scripts/uv venv --quiet --allow-existing --python "$(PYTHON)" .venv
	@touch $@

.tools/helm/installed: scripts/helm.txt scripts/helm.py | .venv/.installed
	$(BIN)/python scripts/helm.py

.venv/.installed: .venv/.python requirements/dev.txt pyproject.toml $(PROJECTS)
	scripts/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	scripts/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(EDITABLE)
	@touch $@

.tools/fuzz/.installed: .venv/.python requirements/fuzz.txt
	scripts/uv venv --quiet --allow-existing --python "$(PYTHON)" .tools/fuzz
	scripts/uv pip sync --quiet --python .tools/fuzz/bin/python --require-hashes requirements/fuzz.txt
	@touch $@

.tools/compat/.installed: .venv/.python requirements/compat.txt
	scripts/uv venv --quiet --allow-existing --python "$(PYTHON)" .tools/compat
	scripts/uv pip sync --quiet --python .tools/compat/bin/python --require-hashes requirements/compat.txt
	@touch $@

.tools/peers/.installed: .venv/.python requirements/peers.txt
	scripts/uv venv --quiet --allow-existing --python "$(PYTHON)" .tools/peers
	scripts/uv pip sync --quiet --python .tools/peers/bin/python --require-hashes requirements/peers.txt
	@touch $@
