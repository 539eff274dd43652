# Each target does all of its own set-up. As root it installs the Debian packages that it needs; else it says what is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION := $(shell sed -n 's/^  "version": "\(.*\)",/\1/p' package.json)
# Of no registry, so that nobody's image is ever pulled by this name: push it under yours.
IMAGE ?= localhost/holdfast:$(VERSION)
ARCHIVE ?= holdfast.tar

# What the image is made with; as root they are installed.
IMAGE_TOOLS = if [ "$$(id -u)" = 0 ] && ! { command -v strip && command -v setfattr; } >/dev/null; then \
  apt-get -qq update && apt-get -qq install -y --no-install-recommends attr binutils >/dev/null; fi

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: node_modules/.installed ## Install, then tell the whole story on this machine: no cluster, no S3 account
	@npm run --silent demo

test: node_modules/.installed ## Install, then run every test, against a real Ceph RGW that the suite starts
	@npm test --silent

test-cluster: node_modules/.installed ## Install on a real cluster and try everything there: K8S_HOME=folder of binaries, KIND=1 after make kind-up, or KUBECONFIG (docs/on-a-cluster.md)
	@$(IMAGE_TOOLS)
	@npm run --silent test-cluster

kind-up: ## Make a kind cluster for make test-cluster KIND=1
	kind create cluster --name holdfast-test --wait 120s

kind-down: ## Remove it
	kind delete cluster --name holdfast-test

test-long: node_modules/.installed ## Run for hours what `make test` takes a slice of; prints a table with its seeds. LONG="0.1 7" is a tenth, from seed 7
	@npm run --silent test-long -- $(LONG)

bench: node_modules/.installed ## Measure beside restic, on this machine; BENCH="--rounds 2 --only many-files" says less
	@npm run --silent bench -- $(BENCH)

lint: node_modules/.installed ## Check types, architecture and format
	@npm run --silent lint

format: node_modules/.installed ## Format the sources
	@npm run --silent format

install: node_modules/.installed ## Install the npm packages, the right Node among them

image: ## Build the image with docker, podman or buildah; IMAGE=registry.example/holdfast:0.1.0 names it
	@for engine in docker podman buildah; do \
	  if $$engine info >/dev/null 2>&1; then \
	    exec $$engine build -f manifests/image/Dockerfile -t $(IMAGE) \
	      --label org.opencontainers.image.version=$(VERSION) \
	      --label org.opencontainers.image.revision=$$(git rev-parse HEAD) .; \
	  fi; \
	done; \
	echo "no docker, podman or buildah runs here: make image-tar builds the same image without an engine" >&2; exit 1

image-tar: node_modules/.installed ## Build the image without an engine into ARCHIVE=holdfast.tar, which docker load, podman load and ctr images import read
	@$(IMAGE_TOOLS)
	@node_modules/.bin/node manifests/image/main.ts tar $(ARCHIVE) $(IMAGE)

clean: ## Remove what was installed here
	rm -rf node_modules

node_modules/.installed: package.json package-lock.json
	@echo "installing npm packages into node_modules (Node 24 is one of them; this machine's stays as it is)"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: help demo test test-cluster kind-up kind-down test-long bench lint format install image image-tar clean
