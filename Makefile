# Each target does all of its own set-up. As root it installs the Debian packages that it needs; else it says what is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: node_modules/.installed ## Install, then tell the whole story on this machine: no cluster, no S3 account
	@npm run --silent demo

test: node_modules/.installed ## Install, then run every test, against a real Ceph RGW that the suite starts
	@npm test --silent

test-long: node_modules/.installed ## Run for hours what `make test` takes a slice of; prints a table with its seeds. LONG="0.1 7" is a tenth, from seed 7
	@npm run --silent test-long -- $(LONG)

bench: node_modules/.installed ## Measure beside restic, on this machine; BENCH="--rounds 2 --only many-files" says less
	@npm run --silent bench -- $(BENCH)

lint: node_modules/.installed ## Check types, architecture and format
	@npm run --silent lint

format: node_modules/.installed ## Format the sources
	@npm run --silent format

install: node_modules/.installed ## Install the npm packages, the right Node among them

clean: ## Remove what was installed here
	rm -rf node_modules

node_modules/.installed: package.json package-lock.json
	@echo "installing npm packages into node_modules (Node 24 is one of them; this machine's stays as it is)"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: help demo test test-long bench lint format install clean
