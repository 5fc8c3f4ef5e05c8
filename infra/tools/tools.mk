# Included by the Makefile. The script itself knows whether anything is to do.
.PHONY: tools tools-python tools-node
tools: tools-python tools-node ## install the pinned tools that tests and deploys use
tools-python:
	@infra/tools/setup python
tools-node:
	@infra/tools/setup node
