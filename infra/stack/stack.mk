# Included by the Makefile. The stack's packages take minutes to compile the
# first time, so they have targets of their own.
.PHONY: synth deploy test-stack e2e
CDK := infra/tools/node_modules/.bin/cdk
STAGE ?= dev
CDKFLAGS = -c stage=$(STAGE) $(if $(DOMAIN),-c domain=$(DOMAIN)) $(C)

synth: tools-node ## write the stacks' templates to build/cdk.out (DOMAIN, STAGE, C="-c name=value ...")
	@$(CDK) synth --quiet $(CDKFLAGS) $(if $(DOMAIN),,-c domain=mail.example.com)
	@ls build/cdk.out/*.template.json

deploy: tools-node ## deploy both stacks (DOMAIN=mail.example.com; STAGE, C="-c name=value ...")
	@test -n "$(DOMAIN)" || { echo "give the domain that mail is sent from: make deploy DOMAIN=mail.example.com" >&2; exit 2; }
	$(CDK) deploy --all $(CDKFLAGS)

test-stack: tools ## the tests of the stacks
	go test -count=1 -timeout 15m ./infra/stack/... ./infra/cdk/...

e2e: tools ## deploy both stacks into an emulator and send a customer's click through them
	KESHER_E2E=1 go test -count=1 -timeout 20m ./infra/e2e
