# Each target only makes sure that tox is there and calls it. Needs python3 (3.10 or later) with venv.
PYTHON ?= python3
TOX = .venv/bin/tox run -q

.PHONY: demo test lint conformance bench pack clean

# make demo SCENARIO=ingress KEEP=1; without a known scenario it says which there are
demo: .venv/ready
	@KEEP=$(KEEP) SCENARIO=$(SCENARIO) $(TOX) -q -e demo

test: .venv/ready
	@$(TOX)

lint: .venv/ready
	@$(TOX) -e lint,static

conformance: .venv/ready
	@$(TOX) -e conformance

bench: .venv/ready
	@$(TOX) -e bench

# make pack CHARMS="self-signed-certificates requirer"; all charms without it
pack: .venv/ready
	@$(TOX) -e pack -- $(CHARMS)

clean:
	@if [ -d .demo ]; then $(TOX) -q -e demo -- --stop; fi
	rm -rf .venv .tox .demo dist .hypothesis .import_linter_cache .pytest_cache .ruff_cache

.venv/ready: requirements-bootstrap.lock
	@command -v $(PYTHON) >/dev/null || { echo '$(PYTHON) is not there' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'needs Python 3.10 or later with venv (Debian, Ubuntu: apt install python3-venv)' >&2; exit 1; }
	@echo 'setting up .venv (first time only)'
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@touch $@
