# `make` lists what there is. The demo and the tests install what they need by themselves (scripts/setup.sh, npm, cargo).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test setup build build-ext install-ext uninstall-ext deb-ext deb dist dev test-deploy test-dev lint deny fmt test-build test-rust test-ext test-package test-laravel test-parity test-conformance test-autobahn test-guard fuzz test-e2e test-docs screenshots test-demo test-bench bench-fanout test-kill chaos soak bench-packages bench-publish bench-instructions clean

# One target folder for all parts, so that nothing is built twice.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# What the tests of the package and of the extension run.
export RUSTECHO_BINARY = $(CARGO_TARGET_DIR)/release/rustecho
export RUSTECHO_EXTENSION = $(CARGO_TARGET_DIR)/release/librustecho.so

# Tests and demo run what is optimised as released but for the last percents, which take the compiler longer than all the rest. What
# `make build`, the packages and the benchmarks make has them.
demo dev test test-% chaos soak: export CARGO_PROFILE_RELEASE_LTO = off
demo dev test test-% chaos soak: export CARGO_PROFILE_RELEASE_CODEGEN_UNITS = 16

help: ## list the targets
	@echo 'make demo              a page that receives Laravel events, everything started for you; Ctrl-C stops it'
	@echo 'make demo CHECK=1      the same, driven by a headless browser; exits 0 or 1'
	@echo 'make demo REDIS=1      the same with a Redis, to compare the old road with the new'
	@echo 'make dev               everything running, and what you change is taken up; Ctrl-C stops it'
	@echo 'make test              install what is needed and run every check there is'
	@echo
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/make \1\t\2/' | expand -t 24

demo:
	@command -v node >/dev/null || { echo 'make demo needs node 20 or newer: https://nodejs.org' >&2; exit 1; }
	@CHECK='$(CHECK)' REDIS='$(REDIS)' node demo/run.mjs

dev:
	@command -v node >/dev/null || { echo 'make dev needs node 20 or newer: https://nodejs.org' >&2; exit 1; }
	@CHECK='$(CHECK)' node demo/dev.mjs

test:
	@scripts/test.sh

setup: ## install the Debian packages that demo and tests need
	@scripts/setup.sh demo test browser

build: ## the sidecar: target/release/rustecho
	@scripts/build.sh sidecar

build-ext: ## the PHP extension: target/release/librustecho.so (needs php-dev and libclang-dev)
	@scripts/build.sh ext

install-ext: ## build the extension for the machine's PHPs and enable it, cli and php-fpm (root)
	@scripts/install-ext.sh

uninstall-ext: ## disable and remove it; the package goes on with pure PHP (root)
	@scripts/install-ext.sh --uninstall

deb: ## a Debian package of the sidecar, in dist/
	@scripts/setup.sh deb
	@scripts/deb.sh

deb-ext: ## a Debian package of the extension for each of the machine's PHPs, in dist/
	@scripts/deb-ext.sh

dist: ## the release archive for every Linux from glibc 2.17 on, with checksums, in dist/
	@scripts/setup.sh dist
	@scripts/dist.sh

fmt: ## format the Rust code
	cargo fmt --all

lint: deny ## rustfmt, clippy, phpcs, composer validate, shellcheck, deny.toml: no warning is let through
	cargo fmt --all --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy -p rustecho --all-targets -- -D warnings
	cd composer-package && phpcs -q && COMPOSER_ALLOW_SUPERUSER=1 composer validate --strict --quiet
	phpcs -q --standard=PSR12 --extensions=php demo/app/app
	shellcheck scripts/*.sh .ci/run php-ext/tests/*.sh tests/docs/*.sh deploy/install.sh deploy/deb/sidecar/*

deny: ## hold every crate to deny.toml: licences, sources
	@scripts/deny.py

test-build: build build-ext ## what the tests run: sidecar and extension, built in a third of the time of `make build`

test-rust: ## unit and property tests of wire and sidecar; needs no PHP, Redis or node
	cargo test --quiet

# Where the extension is installed on this machine, these are to load the one that was just built.
ifneq ($(wildcard /etc/php/*/cli/conf.d/*rustecho.ini),)
test-ext test-package test-kill bench-publish: export PHP_INI_SCAN_DIR = $(shell scripts/ini-dir.sh)
endif

test-ext: build-ext ## the built extension in php, php-fpm and valgrind; whether it compiles for a thread-safe PHP
	php-ext/tests/run.sh
	php-ext/tests/valgrind.sh
	scripts/check-zts.sh

test-package: build build-ext ## the Composer package: phpunit without and with the extension, and a real `composer require`
	cd composer-package && phpunit
	cd composer-package && php -d extension="$$RUSTECHO_EXTENSION" "$$(command -v phpunit)"
	composer-package/tests/composer-require.sh

test-laravel: build ## the package and the extension on Laravel 10 and 13, in Debian trees that are unpacked when first needed (root)
	@scripts/test-laravel.sh trixie sid

test-parity: build ## the real laravel-echo-server and rustecho side by side, and docs/compatibility.md
	@scripts/npm-ci.sh tests/parity
	cd tests/parity && npm test

test-conformance: build ## both edges, and socket.io from npm beside them, against the protocols, case by case; bad input
	@scripts/npm-ci.sh tests
	cd tests && npm run conformance
	@scripts/autobahn.sh

test-autobahn: ## the Autobahn test suite against the lean edge's websockets
	@scripts/autobahn.sh

test-guard: build ## the bounds, who may come in, stopping and starting: from outside, with real processes
	@scripts/npm-ci.sh tests
	cd tests && npm run guard

fuzz: ## every parser under libFuzzer: SECONDS=60 for each, TARGETS='frames packets' for some (needs g++)
	@scripts/fuzz.sh $(or $(SECONDS),60) $(TARGETS)

test-e2e: build build-ext ## everything real, end to end: Laravel, nginx, Redis, laravel-echo 1 and 2, Chromium
	@scripts/npm-ci.sh tests
	cd tests && npm test

test-deploy: build build-ext ## the packages by dpkg, the files of deploy/ in what they are for, the release archive (root)
	@scripts/npm-ci.sh tests
	@scripts/deb.sh --fast
	@scripts/deb-ext.sh
	@scripts/dist.sh --quick
	cd tests && node --test deploy/*.test.mjs && ../scripts/throwaway.sh node --test deploy/installed/*.test.mjs

test-dev: ## make dev CHECK=1
	@CHECK=1 node demo/dev.mjs

test-docs: build build-ext ## the pages of docs/ that have steps, followed word by word on a machine of their own (root); what all pages name
	@scripts/npm-ci.sh tests tests/parity console
	tests/docs/run.sh $(PAGES)

screenshots: ## the pictures of docs/screenshots.md, of the demo and the console as they are now
	@scripts/screenshots.sh

test-kill: bench-packages build build-ext ## kill -9 of the sidecar while 8 php-fpm workers publish; RUNS=100 repeats it
	@scripts/npm-ci.sh tests
	node tests/kill/kill.mjs

chaos: build build-ext ## three nodes, faults by a seed, hostile clients, and an auditor of every promise: MINUTES=60 SEED=1 (root, or user namespaces)
	@scripts/npm-ci.sh tests
	@node --test tests/chaos/audit.test.mjs
	@MINUTES='$(MINUTES)' SEED='$(SEED)' node tests/chaos/run.mjs

soak: build ## an hour in which clients come and go: memory and descriptors have to be flat; MINUTES=60
	@scripts/npm-ci.sh tests
	@MINUTES='$(or $(MINUTES),60)' node tests/chaos/soak.mjs

bench-publish: bench-packages build build-ext ## what publishing costs PHP, beside Redis and HTTP; the table of docs/publishing.md
	node bench/publish/run.mjs
	node bench/publish/bounded.mjs

bench-packages:
	@scripts/setup.sh bench

test-demo: ## make demo CHECK=1
	@CHECK=1 node demo/run.mjs

test-bench: build ## the programs of bench-fanout: lint, unit tests, exact counts in a short run
	@scripts/test-bench.sh
	@$(MAKE) --no-print-directory bench-instructions MOST=

# The figure has no noise worth speaking of. `make test` prints it.
MOST ?= 300
bench-instructions: build ## user-space instructions per delivery, by valgrind; fails above MOST=300
	@cargo run --quiet -p rustecho-sidecar --example instructions -- "$$RUSTECHO_BINARY" $(MOST)

bench-fanout: ## measure rustecho, laravel-echo-server and others side by side; QUICK=1 takes three minutes
	@QUICK='$(QUICK)' REALTIME='$(REALTIME)' scripts/bench-fanout.sh $(ARGS)

clean: ## remove what was built and what the demo left; not the installed packages
	cargo clean
	rm -rf var dist demo/node_modules tests/node_modules tests/parity/node_modules sidecar/client/node_modules console/node_modules console/dist/app bench/peers/node_modules bench/results
