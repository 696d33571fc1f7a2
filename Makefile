# `make` lists what there is. The demo and the tests install what they need by themselves (scripts/setup.sh, npm, cargo).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test setup build build-ext install-ext uninstall-ext lint fmt test-rust test-ext test-package test-laravel test-parity test-e2e test-demo clean

# One target folder for all parts, so that nothing is built twice.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# What the tests of the package and of the extension run.
export RUSTECHO_BINARY = $(CARGO_TARGET_DIR)/release/rustecho
export RUSTECHO_EXTENSION = $(CARGO_TARGET_DIR)/release/librustecho.so

help: ## list the targets
	@echo 'make demo              a page that receives Laravel events, everything started for you; Ctrl-C stops it'
	@echo 'make demo CHECK=1      the same, driven by a headless browser; exits 0 or 1'
	@echo 'make demo REDIS=1      the same with a Redis, to compare the old road with the new'
	@echo 'make test              install what is needed and run every check there is'
	@echo
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/make \1\t\2/' | expand -t 23

demo:
	@command -v node >/dev/null || { echo 'make demo needs node 20 or newer: https://nodejs.org' >&2; exit 1; }
	@CHECK='$(CHECK)' REDIS='$(REDIS)' node demo/run.mjs

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

fmt: ## format the Rust code
	cargo fmt --all

lint: ## rustfmt, clippy, phpcs, shellcheck: no warning is let through
	cargo fmt --all --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy -p rustecho --all-targets -- -D warnings
	cd composer-package && phpcs -q
	phpcs -q --standard=PSR12 --extensions=php demo/app/app
	shellcheck scripts/*.sh .ci/run php-ext/tests/*.sh

test-rust: ## unit and property tests of wire and sidecar; needs no PHP, Redis or node
	cargo test --quiet

test-ext: build-ext ## the built extension in php and php-fpm
	php-ext/tests/run.sh

test-package: build build-ext ## the Composer package: phpunit without and with the extension, and a real `composer require`
	cd composer-package && phpunit
	cd composer-package && php -d extension="$$RUSTECHO_EXTENSION" "$$(command -v phpunit)"
	composer-package/tests/composer-require.sh

test-laravel: build ## the package and the extension on Laravel 10 and 13, in Debian trees that are unpacked when first needed (root)
	@scripts/test-laravel.sh trixie sid

test-parity: build ## the real laravel-echo-server and rustecho side by side, and docs/compatibility.md
	@scripts/npm-ci.sh tests/parity
	cd tests/parity && npm test

test-e2e: build build-ext ## everything real, end to end: Laravel, nginx, Redis, laravel-echo 1 and 2, Chromium
	@scripts/npm-ci.sh tests
	cd tests && npm test

test-demo: ## make demo CHECK=1
	@CHECK=1 node demo/run.mjs

clean: ## remove what was built and what the demo left; not the installed packages
	cargo clean
	rm -rf var demo/node_modules tests/node_modules tests/parity/node_modules sidecar/client/node_modules
