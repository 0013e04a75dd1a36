# The front door. Each recipe sets up what it needs on a fresh machine, or says in one line what is missing.
.DEFAULT_GOAL := help
.PHONY: help run test fmt tidy crds bench

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

run:  ## build the server and start it on examples/standalone, with its data in ./data
	@scripts/setup build
	@cargo build --release --package penstock
	@scripts/run

test:  ## everything CI checks: format, lints, house rules, unit, property and process tests
	@scripts/setup test
	@scripts/test

fmt:  ## format the code
	cargo fmt --all

tidy:  ## check the house rules alone
	cargo xtask tidy

crds:  ## write the resource definitions in crds/ from their Rust types
	cargo run --quiet --package penstock-api --bin crdgen

bench:  ## measure the server beside zstd and VictoriaMetrics; e.g. make bench ARGS="--points 1000000"
	@scripts/setup bench
	@scripts/bench $(ARGS)
