# Two commands are all there is to know: `make run` and `make test`.

export CGO_ENABLED ?= 1
skips := $(shell mktemp -u)
# What tests leave to be looked at: pictures of the webmail (docs/webmail.md).
export SEALPOST_SCREENSHOTS ?= $(CURDIR)/artifacts/webmail

.PHONY: run cluster build web test test-whole test-rooms bench long fuzz release release-check clean

# A complete server on loopback, with two accounts; Go alone is needed.
run: build
	@bin/sealpost demo

# Three nodes of one server on loopback, with PostgreSQL, S3 and NATS, until Ctrl-C; Go and
# PostgreSQL are needed, and nothing stays behind.
cluster:
	@go build -o bin/cluster ./test/cluster
	@bin/cluster

build:
	@CGO_ENABLED=0 go build -trimpath -o bin/sealpost ./cmd/sealpost

# The browser client again from its sources, into webmail/ui/dist; this alone needs Node
# (20.19 or later). The same sources give the same bytes wherever it runs.
web:
	cd webmail/ui && npm ci --ignore-scripts --no-audit --no-fund && npx vite build

# Installs what the tests need (Debian as root; elsewhere it says what is
# missing), then runs every test, in two rows at once.
# webmail/api instantiates a large function of huma's for each of its operations: half a minute
# of the compiler, twice, when it optimizes them.
test: export GOFLAGS := $(shell go env GOFLAGS) "-gcflags=sealpost/webmail/api=-N -l"
test: export SEALPOST_SKIPS := $(skips)
test:
	@test/install
	@test -z "$$(gofmt -l cmd $(wildcard account bench config filestore imap mail mailstore move pgp smtp storage test webmail))" || { gofmt -l .; echo "gofmt: the files above are not formatted"; exit 1; }
	go vet ./...
	@$(MAKE) --no-print-directory -k -j2 test-whole test-rooms; status=$$?; \
	  if [ -s $(skips) ]; then echo; echo "Skipped, for want of something on this machine:"; sort -u $(skips) | sed 's/^/  /'; fi; \
	  rm -f $(skips); exit $$status

# The servers that this room starts have the race detector in them; itself it mostly reads
# what they left behind, octet by octet, which takes ten times as long with it.
test-whole:
	@go test -vet=off -timeout 40m -parallel 3 ./test

# All other rooms, each with the race detector. They yield to the row above, which is longer.
test-rooms:
	@nice -n 3 go test -race -vet=off -timeout 40m $$(go list ./... | grep -v '/test$$')

# The same tests with their long modes: hours of kill -9, millions of seals.
long:
	@test/install long
	go test -timeout 24h $$(grep -rl --include=*_test.go 'flag.Bool("long"' . | xargs -n1 dirname | sort -u) -args -long

# Sealpost beside Postfix and Dovecot in one run; writes docs/performance.md.
bench: build
	go run ./bench

# Every fuzz target for a while each: make fuzz FUZZTIME=10m
FUZZTIME ?= 1m
fuzz:
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

# Programs for others, with checksums, in bin/release; the check builds the last
# commit twice, in different folders, and compares every byte.
release:
	dist/release.sh

release-check:
	dist/release-check.sh

clean:
	rm -rf bin artifacts
