#!/bin/sh
# Builds a release: the same bytes from the same commit and the same Go, wherever
# and whenever it is run.
#
#   dist/release.sh [FOLDER]        (default: bin/release)
#
# It wants a clean checkout, for what was built must be what the commit says.
set -eu
cd "$(dirname "$0")/.."
out=${1:-bin/release}
platforms=${PLATFORMS:-"linux/amd64 linux/arm64"}

if [ -n "$(git status --porcelain)" ]; then
	echo "release: the checkout has changes of its own; commit or remove them" >&2
	exit 1
fi
version=$(git describe --tags --always)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC CGO_ENABLED=0 GOFLAGS=-mod=readonly GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT= GODEBUG=
umask 022

mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
files=""
for platform in $platforms; do
	os=${platform%/*} arch=${platform#*/}
	name=sealpost-$version-$os-$arch
	mkdir -p "$work/$name/docs"
	GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=true -ldflags "-s -w -buildid=" -o "$work/$name/sealpost" ./cmd/sealpost
	cp README.md "$work/$name/"
	cp docs/setup.md "$work/$name/docs/"
	cp dist/sealpost.service "$work/$name/"
	# Names sorted, times and owners fixed, and no name or time in gzip's header.
	(cd "$work" && tar --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - "$name") |
		gzip -n9 >"$out/$name.tar.gz"
	files="$files $name.tar.gz"
done
# What the webmail in them consists of, for "sealpost verify-web --manifest".
go run -trimpath ./cmd/sealpost web-manifest | sed 's/^  "version": .*/  "version": "'"$version"'",/' >"$out/sealpost-$version-web-manifest.json"
files="$files sealpost-$version-web-manifest.json"
# shellcheck disable=SC2086
(cd "$out" && sha256sum $files >SHA256SUMS && cat SHA256SUMS)
echo "built from $(git rev-parse HEAD) by $(go env GOVERSION)"
