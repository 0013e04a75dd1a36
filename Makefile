# The front door. Each recipe sets up what it needs on a fresh machine, or says in one line what is missing.
.DEFAULT_GOAL := help
.PHONY: help run test e2e image fmt tidy crds bench fuzz

help:  ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

run:  ## build the server and start it on examples/standalone, with its data in ./data
	@scripts/setup build
	@cargo build --release --package penstock
	@scripts/run

test:  ## all that needs no cluster: format, lints, house rules, unit, property and process tests
	@scripts/setup test
	@scripts/test

e2e:  ## stories on a real Kubernetes: KUBECONFIG and E2E_CONTEXT, else kind, else a cluster made here
	@scripts/setup e2e
	@scripts/e2e $(ARGS)

image:  ## static programs as an OCI archive, without a Docker daemon
	@scripts/setup build
	@scripts/image

fmt:  ## format the code
	cargo fmt --all

tidy:  ## check the house rules alone
	cargo xtask tidy

crds:  ## write the resource definitions, their pages and the operator's rights, from Rust
	cargo run --quiet --package penstock-api --bin crdgen -- crds docs/resources.md
	cargo run --quiet --package penstock-api --bin crdgen -- charts/penstock/files/crds
	cargo run --quiet --package penstock-operator --bin rbacgen
	cargo run --quiet --package penstock-operator --bin conditionsgen

bench:  ## measure the server beside zstd and VictoriaMetrics; e.g. make bench ARGS="--points 1000000" or ARGS=queries
	@scripts/setup bench
	@scripts/bench $(ARGS)

fuzz:  ## mutated input for every reader of bytes; e.g. make fuzz ARGS="--seconds 60 telnet"
	@scripts/setup build
	@cargo run --quiet --profile fuzz --package penstock-fuzz -- $(ARGS)
