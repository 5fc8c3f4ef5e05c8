# Kesher. `make` lists what can be made; a fresh machine needs Go, Node, Python 3.
SHELL := /bin/bash
.DEFAULT_GOAL := help
include infra/tools/tools.mk
include infra/stack/stack.mk

PORT ?= 8080
DATA ?= .kesher
# Everything but the CDK packages, which take minutes to compile.
PACKAGES = $(shell go list ./... | grep -vE '/infra/(stack|cdk|e2e)')

# Where goroutines meet.
RACY = ./functions/... ./infra/onebox ./shared/aws/streams ./shared/flow/... ./shared/local/... ./shared/core/condition ./shared/core/message/...

.PHONY: help run test check race fuzz sim bench checklist tidy clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

run: build/kesher ## run everything on this machine: API, pages, console, mailbox
	@PORT=$(PORT) DATA=$(DATA) exec build/kesher run --demo

build/kesher: $(shell find events functions infra shared -name '*.go' -not -path '*/node_modules/*' -not -name '*_test.go') $(shell find shared/catalog events -type f) go.mod go.sum
	@mkdir -p build
	@echo "building (the first time takes a minute or two)" >&2
	@go build -o $@ ./infra/kesher

test: tools ## set up what is missing and run every test
	@go test -count=1 -timeout 30m $(PACKAGES)
	@$(MAKE) --no-print-directory test-stack e2e

check: ## vet, format, staticcheck, known vulnerabilities and module checks
	@echo go vet && go vet $(PACKAGES)
	@echo staticcheck && go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(PACKAGES)
	@echo infra/tools/vulns && infra/tools/vulns $(PACKAGES)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "format these with gofmt -w" >&2; exit 1; }
	go mod tidy -diff
	go mod verify

race: ## the tests of what runs side by side once more, with the race detector
	go test -race -short -count=1 -timeout 30m $(RACY)

fuzz: ## every fuzzer for ten seconds
	@for package in $(PACKAGES); do for fuzzer in $$(go test -list '^Fuzz' $$package 2>/dev/null | grep ^Fuzz); do \
		go test -run '^$$' -fuzz "^$$fuzzer$$" -fuzztime 10s $$package || exit 1; done; done

SEEDS ?= 1000

sim: ## play random histories against every promise (SEEDS=n, or SEED=x to read one)
	@go run ./infra/sim/cmd -seeds $(SEEDS) $(if $(SEED),-seed $(SEED))

bench: ## print every figure that has a budget, measured (ONLY=Render prints that one)
	@go run ./infra/bench '$(ONLY)'

checklist: ## which numbered behaviours are covered, and by which test
	@go run ./infra/checklist

tidy: ## format and tidy
	gofmt -w $$(git ls-files '*.go')
	go mod tidy

clean: ## remove what was built; data stays
	rm -rf build bin cdk.out
