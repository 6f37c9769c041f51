# Every command of the project; HACKING.md explains them. `make` alone lists them.
#
#   ARGS=...          passed on by `up` and `bench`:  make up ARGS="--detach --data demo"
#   JOBS=N            compilers and tests at once (default: one a core)
#   ALL=1             `tidy` looks at every file, not only at changed ones
#   FUZZ_SECONDS=N    how long `fuzz-smoke` runs each target (default 20)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 20
ARGS ?=
GOLDEN_PYTHON ?= python3
cache := $(or $(RAGE_CACHE_DIR),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rage)
minilm := $(cache)/models/packaged/all-MiniLM-L6-v2
timed := tools/timed.sh
# The runtimes' own search finds only an unversioned llvm-symbolizer.
export ASAN_SYMBOLIZER_PATH ?= /usr/bin/llvm-symbolizer-19
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= second_deadlock_stack=1 external_symbolizer_path=/usr/bin/llvm-symbolizer-19

help: ## list these commands
	@awk -F ' ## ' '/^[a-z0-9-]+:.* ## / { split($$1, target, ":"); printf "make %-12s %s\n", target[1], $$2 }' \
	  $(firstword $(MAKEFILE_LIST))

deps: ## fetch and build third parties, once, into the cache (deps/fetch.sh)
	@$(timed) "dependencies" deps/fetch.sh all

up: ## build what is missing, start everything on loopback, index and ask the example
	@deps/fetch.sh build
	@$(MAKE) build/release/build.ninja
	@cmake --build --preset release -j $(JOBS) --target rage
	@exec build/release/rage up $(ARGS)

build: ## the release build: build/release/rage and the benchmarks
	@deps/fetch.sh build
	@$(MAKE) build/release/build.ninja
	@$(timed) "build release" cmake --build --preset release -j $(JOBS)

# A preset's tests, from nothing: $(1) is its name.
define test_preset
	@$(timed) "configure $(1)" $(MAKE) build/$(1)/build.ninja
	@$(timed) "build $(1)" cmake --build --preset $(1) -j $(JOBS)
	@$(timed) "test $(1)" ctest --test-dir build/$(1) --output-on-failure -j $(JOBS)
endef

test: deps ## build with AddressSanitizer and UBSan, and run every test
	$(call test_preset,dev)

test-tsan: deps ## the same suite under ThreadSanitizer, with the hashing embedder
	$(call test_preset,tsan)

test-gcc: deps ## the same suite built by g++ 12.2
	$(call test_preset,gcc)

test-operator: deps build/dev/build.ninja ## the operator against a real Kubernetes: manifests, kill -9
	@$(timed) "build dev" cmake --build --preset dev -j $(JOBS) --target rage fuzzed_documents
	@cd tests/operator && RAGE_BINARY=$(CURDIR)/build/dev/rage PYTHONDONTWRITEBYTECODE=1 \
	  python3 -m unittest test_cli test_crds test_webhooks test_demo test_manifests test_rollout test_scaling test_models \
	  test_adoption test_kills

image: ## OCI images in build/images, without a daemon (LLAMA_PORTABLE=1: for any x86-64)
	@deps/fetch.sh e2e
	@$(MAKE) build/release/build.ninja
	@$(timed) "build release" cmake --build --preset release -j $(JOBS) --target rage
	@$(timed) "images" deploy/images/build.sh

# What can be known without a node comes first.
e2e: image ## chart and images on a real node (root): install, answer, scale, kill, upgrade
	@cd tests/chart && PYTHONDONTWRITEBYTECODE=1 python3 -m unittest test_chart
	@cd tests/e2e && $(CURDIR)/$(timed) "end to end" env PYTHONDONTWRITEBYTECODE=1 \
	  python3 -m unittest --failfast --verbose test_e2e test_talk

bench: build ## benchmarks, printed as JSON
	@bench/run.py $(ARGS)

fmt: ## format every C++ file
	@git ls-files -z --cached --others --exclude-standard '*.cc' '*.h' | xargs -0 clang-format-19 -i

tidy: deps build/tidy/build.ninja ## house rules, formatting and clang-tidy on changed files (ALL=1: on all)
	@ALL="$(ALL)" JOBS="$(JOBS)" tools/tidy/tidy.sh

fuzz-smoke: deps build/fuzz/build.ninja ## run each fuzz target for FUZZ_SECONDS under sanitizers
	@$(timed) "build fuzz" cmake --build --preset fuzz -j $(JOBS)
	@JOBS="$(JOBS)" tools/fuzz.sh "$(FUZZ_SECONDS)"

golden: deps ## write the golden files anew (GOLDEN_PYTHON: one with sentence-transformers)
	@$(GOLDEN_PYTHON) tools/golden/wordpiece_golden.py $(minilm) src/text/testdata/wordpiece_golden.jsonl
	@$(GOLDEN_PYTHON) tools/golden/unigram_golden.py src/text/testdata/tiny_unigram
	@$(GOLDEN_PYTHON) tools/golden/embedding_golden.py $(minilm) src/embed/testdata

presubmit: tidy test test-gcc test-tsan fuzz-smoke ## everything a commit must pass

clean: ## remove the build folders; the cache of third parties stays
	@rm -rf build

# Steps follow each other; what is parallel is inside them.
.NOTPARALLEL:

# Ninja runs CMake by itself when a CMakeLists.txt changes; changed presets need this.
.PRECIOUS: build/%/build.ninja
build/%/build.ninja: CMakePresets.json
	@mkdir -p $(@D)
	@cmake --preset $* >$(@D)/configure.log 2>&1 || { cat $(@D)/configure.log; exit 1; }
	@touch $@

.PHONY: help deps up build test test-tsan test-gcc test-operator image e2e bench fmt tidy fuzz-smoke golden presubmit clean
