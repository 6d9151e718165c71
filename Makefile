# railiance-cluster: `make` lists what there is. Logic lives in build/ and tests/.
SHELL := /bin/bash
# Debian's bash reads bashrc for `ssh HOST make backup`, which stumbles over -u (PS1: unbound variable).
.SHELLFLAGS := --norc -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BUN := node_modules/.bin/bun
SETUP := node_modules/.setup
SOURCES := $(shell find src -name '*.ts' 2>/dev/null) package.json package-lock.json build/build.ts build/compile.ts
PROGRAM := dist/railiance-cluster
INSTALL_DIR ?= /opt/railiance/bin
INSTALLED := $(INSTALL_DIR)/railiance-cluster
# Where PATH finds it: hints and README say plainly railiance-cluster.
LINK ?= /usr/local/bin/railiance-cluster
# Families of `make test-faults`: the beginnings of file names in tests/fault; all without.
FAULTS ?=
# Flags for the program: make backup ARGS='--dir /media/usb'
ARGS ?=

# The installed executable, then the one built here. A server has neither npm nor a registry.
EXECUTABLE := $(firstword $(wildcard $(INSTALLED) $(PROGRAM)))

##@ On a server
.PHONY: backup restore verify list
backup: executable ## write an encrypted backup of this K3s server
	@$(or $(EXECUTABLE),$(PROGRAM)) backup $(ARGS)

restore: executable ## bring the newest backup back (shows a plan and asks)
	@$(or $(EXECUTABLE),$(PROGRAM)) restore $(ARGS)

verify: executable ## prove the newest backup whole (all: ARGS=--all)
	@$(or $(EXECUTABLE),$(PROGRAM)) verify $(ARGS)

list: executable ## list the backups on this host
	@$(or $(EXECUTABLE),$(PROGRAM)) list $(ARGS)

.PHONY: install
install: executable ## copy the executable to /opt/railiance/bin, link it in /usr/local/bin
	@build/install.sh $(PROGRAM) $(INSTALLED) $(LINK)

##@ Try it
.PHONY: demo lab lab-build lab-parts lab-ha
demo: $(PROGRAM) lab-parts ## a bare server: back it up, wipe it, bring it back
	@$(BUN) tests/lab/demo.ts

lab: $(PROGRAM) lab-parts ## run CMD='…' as root on a fresh bare server (no CMD: a shell)
	@$(BUN) tests/lab/run.ts $(if $(CMD),$(call quote,$(CMD)))

lab-build: $(SETUP) ## build the real control plane the tests run against
	@tests/lab/build.sh

# rage is for the interoperability tests only, Traefik for those of HA.
lab-parts: $(SETUP)
	@LAB_WITHOUT="rage traefik" tests/lab/build.sh

lab-ha: $(SETUP)
	@LAB_WITHOUT=rage tests/lab/build.sh

##@ Work on it
.PHONY: build dist check test test-lab test-faults test-ha test-large test-live bench deno-test format clean help
build: $(PROGRAM) ## compile dist/railiance-cluster for this machine

dist: $(SETUP) ## compile for every target, with checksums and SBOM
	@$(BUN) build/build.ts --all

check: $(SETUP) ## formatting, lint with types, layer rules, types
	@node_modules/.bin/oxfmt --check src tests build
	@node_modules/.bin/oxlint --type-aware --deny-warnings src tests build
	@node_modules/.bin/tsc --noEmit -p .
	@echo "check: formatting, lint, layers and types are fine"

test: $(PROGRAM) lab-build ha-packages ## every test, with what it needs (as root installs Debian's databases and proxies)
	@$(BUN) build/test.ts

test-lab: $(PROGRAM) lab-parts ## only the tests on bare servers
	@$(BUN) build/test.ts conformance e2e

test-faults: $(PROGRAM) lab-parts ## kills, power cuts, failing disks, damage; hours, then writes the table (only prints it: FAULT_ROUNDS=10; some: FAULTS='kill disk', FAULT_TESTS='step boundary')
	@$(BUN) tests/fault/run.ts $(FAULTS)

test-ha: $(PROGRAM) lab-ha ha-packages ## drills of real databases and proxies, with a table (HA_ROUNDS=20)
	@$(BUN) tests/ha/run.ts

# Debian's databases and proxies; none of their services is started.
.PHONY: ha-packages
ha-packages:
	@tests/ha/packages.sh

test-large: $(PROGRAM) lab-parts ## only memory with a snapshot of 1 GiB (minutes)
	@$(BUN) build/test.ts large

test-live: live-k3s $(PROGRAM) lab-parts ## the tests on bare servers with a K3s of yours in them (K3S_BIN=…; limits: tests/lab/README.md)
	@K3S_BIN=$(call quote,$(K3S_BIN)) $(BUN) build/test.ts e2e

# First of all: what is no K3s must not cost the minutes that a lab takes.
.PHONY: live-k3s
live-k3s:
	@tests/lab/k3s-bin.sh $(call quote,$(K3S_BIN))

bench: $(PROGRAM) lab-parts ## our speed beside age, zstd, tar and k3s's own (minutes, a quiet machine)
	@$(BUN) tests/bench/main.ts

deno-test: $(SETUP) ## the unit and archive tests under Deno
	@$(BUN) build/test.ts deno

format: $(SETUP) ## put the sources into shape
	@node_modules/.bin/oxfmt src tests build

clean: ## remove what was built (the lab stays: rm -rf .lab)
	@rm -rf dist node_modules

help: ## this list
	@awk 'BEGIN{FS=":.*## "} /^##@/{printf "\n%s\n",substr($$0,5)} /^[a-zA-Z0-9_.-]+:.*## /{printf "  %-12s %s\n",$$1,$$2}' $(MAKEFILE_LIST)

# One shell word, whatever is in it.
quote = '$(subst ','\'',$1)'

# Only a machine without an executable builds one.
.PHONY: executable
executable: $(if $(EXECUTABLE),,$(PROGRAM))

$(PROGRAM): $(SOURCES) | $(SETUP)
	@$(BUN) build/build.ts

# Installed for exactly this lock file; a half-done npm leaves no stamp.
$(SETUP): package-lock.json
	@build/setup.sh
	@touch $@
