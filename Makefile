# FlashPay. `make run` is all that is needed; `make help` lists the rest.

VENV := .venv
BIN := $(VENV)/bin
# bolt11 declares Python below 3.13, so these come first. PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo $$p; break; }; done)
# bolt11 works on newer ones too, so there pip is told not to heed what it declares.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes \
	$(shell $(BIN)/python -c 'import sys; print("--ignore-requires-python" if sys.version_info >= (3, 13) else "")' 2>/dev/null)
# Parallel test processes.
JOBS ?= 2

.PHONY: help run test check format bench chaos messages requirements clean

help:
	@echo 'make run           FlashPay on this machine: http://127.0.0.1:8000 (PORT=, DATA_DIR= and other settings: .env)'
	@echo 'make test          the whole suite: on PostgreSQL, then the quick part on SQLite'
	@echo 'make check         style, types, layers, templates, migrations'
	@echo 'make format        put the code into the house style'
	@echo 'make bench         measure'
	@echo 'make chaos         2,000 payouts while everything breaks: COUNT=, SEED=, DURATION= (seconds), FEED_ROWS=, FAULTY= (percent); docs/chaos.md'
	@echo 'make messages      bring the catalogues in locale/ up to date'
	@echo 'make requirements  compile requirements*.txt from pyproject.toml'
	@echo 'make clean         remove the virtual environment and caches; data stays'

run: $(VENV)/.run
	@exec $(BIN)/python manage.py up

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS)
	TEST_DATABASE=sqlite $(BIN)/python -m pytest -n $(JOBS) -m 'not browser and not slow'

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates flashpay payouts lnurl --extension=html
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench

chaos: $(VENV)/.dev
	$(BIN)/python -m tests.chaos $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) $(if $(DURATION),--duration $(DURATION)) $(if $(FEED_ROWS),--feed-rows $(FEED_ROWS)) $(if $(FAULTY),--faulty $(FAULTY))

messages: $(VENV)/.dev
	$(BIN)/python -m tests.languages

requirements: $(VENV)/.dev
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --extra dev \
		--constraint requirements.txt pyproject.toml --output-file requirements-dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are newer than the file they were installed from, so a second run installs nothing.
$(VENV)/.run: requirements.txt | $(BIN)/python
	@echo 'Installing what FlashPay needs (once, and again when requirements.txt changes) ...'
	@$(PIP_INSTALL) --requirement requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt | $(BIN)/python
	@echo 'Installing what development and tests need ...'
	@$(PIP_INSTALL) --requirement requirements-dev.txt
	@touch $@ $(VENV)/.run

$(BIN)/python:
	@test -n '$(PYTHON)' || { \
		echo 'FlashPay needs Python 3.11 or newer, and none was found. Install it, or name it: make run PYTHON=/path/to/python3'; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "FlashPay needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version 2>&1`. Name another: make run PYTHON=/path/to/python3"; \
		exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo 'Python is here, but not its venv module. On Debian and Ubuntu: apt-get install python3-venv'; \
		exit 1; }
	@echo "Making a virtual environment in $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV)
