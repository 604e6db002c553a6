# Two commands do everything on a fresh Debian 12 with a Swift 6.3 toolchain: `make demo` and `make test`.
SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=
SHARE = $(PREFIX)/share
SECONDS = 3600

# Everything in it, the Swift runtime, libyaml and libcap included: it starts three times as fast and needs nothing.
# The second option: types are named by address, not by a text that the Swift runtime would have to look up at each start.
RELEASE = -c release -Xswiftc -static-executable \
	-Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors
SETTLE = .build/release/settle

BUILD_PACKAGES = libarchive-dev libcap-dev libssl-dev libyaml-dev libzstd-dev pkg-config zlib1g-dev
RUN_PACKAGES = nftables skopeo
DEMO_PACKAGES = busybox-static curl python3
TEST_PACKAGES = buildah busybox-static docker-registry e2fsprogs iproute2 lz4 podman python3 python3-jsonschema mmdebstrap qemu-system-x86 shellcheck umoci \
	fish util-linux xz-utils zsh zstd
BENCH_PACKAGES = busybox-static crun docker-registry gcc libc6-dev libyaml-dev podman python3 umoci

.PHONY: help build demo test lint bench fuzz schema install deps deps-demo deps-test deps-bench clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

build: deps ## build the release binary, .build/release/settle
	timeout 900 $(SWIFT) build $(RELEASE)

demo: build deps-demo ## bring the sample stacks up, show them working, take them down
	SETTLE=$(SETTLE) Tests/demo.sh

test: build deps-demo deps-test ## build and run every test, those on cgroup v2 in a virtual machine included
	SWIFT="$(SWIFT)" SETTLE=$(CURDIR)/$(SETTLE) Tests/all

lint: deps deps-test ## format, walls between the modules, scripts, schema
	SWIFT="$(SWIFT)" Tests/lint

bench: build deps-bench ## measure Settle against the kernel's floor and its peers
	SETTLE=$(SETTLE) Tests/bench/run

fuzz: deps ## look for inputs that crash the YAML reader, the loader or the unpacker, for SECONDS (3600)
	SWIFT="$(SWIFT)" Tests/fuzz/run $(SECONDS)

schema: build ## write schema/settle.json and the table in docs/compose.md anew, from the code
	SETTLE=$(SETTLE) schema/rewrite

install: build ## install settle, its manual page and what completes its words to $(PREFIX)
	install -D -m 755 $(SETTLE) $(DESTDIR)$(PREFIX)/bin/settle
	$(SETTLE) help --man | install -D -m 644 /dev/stdin $(DESTDIR)$(SHARE)/man/man8/settle.8
	$(SETTLE) completion bash | install -D -m 644 /dev/stdin $(DESTDIR)$(SHARE)/bash-completion/completions/settle
	$(SETTLE) completion zsh | install -D -m 644 /dev/stdin $(DESTDIR)$(SHARE)/zsh/site-functions/_settle
	$(SETTLE) completion fish | install -D -m 644 /dev/stdin $(DESTDIR)$(SHARE)/fish/vendor_completions.d/settle.fish

deps: ## install what building and running need
	@Tests/packages $(BUILD_PACKAGES) $(RUN_PACKAGES)

deps-demo: ## install what the demo needs
	@Tests/packages $(DEMO_PACKAGES)

deps-test: ## install what the tests need
	@Tests/packages $(TEST_PACKAGES)

deps-bench: ## install what the bench needs
	@Tests/packages $(BENCH_PACKAGES)

clean: ## remove what was built
	rm -rf .build
