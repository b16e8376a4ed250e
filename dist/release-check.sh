#!/bin/sh
# Builds the last commit twice, in two folders of different names and at different
# times, with caches that know nothing of each other, and compares the releases.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
commit=$(git rev-parse HEAD) # it may move while this works
for place in one "another place/much deeper"; do
	mkdir -p "$work/$place"
	git clone -q --no-local . "$work/$place/src"
	git -C "$work/$place/src" checkout -q --detach "$commit"
	echo "building in $place ..."
	GOCACHE="$work/cache-$(echo "$place" | cksum | cut -d' ' -f1)" "$work/$place/src/dist/release.sh" "$work/$place/out" >/dev/null
done
if ! diff "$work/one/out/SHA256SUMS" "$work/another place/much deeper/out/SHA256SUMS"; then
	echo "release: two builds of one commit differ" >&2
	exit 1
fi
cat "$work/one/out/SHA256SUMS"
echo "two builds of $commit are the same, byte for byte"
