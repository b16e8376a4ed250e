package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"sealpost/config"
)

// bringKeys takes DKIM keys to where the other installation has them, with their states and since
// when they have them: who looks mail up in the DNS finds the records of these. It says how many were not there.
func bringKeys(ctx context.Context, from, to keyRack) (n int, err error) {
	all, err := from.all(ctx)
	if err != nil {
		return 0, err
	}
	for domain, keys := range all {
		for _, k := range keys {
			fresh, err := to.bring(ctx, domain, k)
			if err != nil {
				return n, fmt.Errorf("bring DKIM key %s of %s to %s: %w", k.Selector, domain, to.place(domain), err)
			}
			if fresh {
				n++
			}
		}
	}
	return n, nil
}

func (f folderRack) bring(ctx context.Context, domain string, k heldKey) (bool, error) {
	have, err := f.keys(ctx, domain)
	if err != nil || hasSelector(have, k) {
		return false, err
	}
	if err := makeFolderLike(f.place(domain), string(f)); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	if err := writeLike(f.file(domain, k), k.PEM, f.place(domain)); err != nil {
		return false, err
	}
	return true, os.Chtimes(f.file(domain, k), k.Since, k.Since)
}

func (s sharedRack) bring(ctx context.Context, domain string, k heldKey) (added bool, err error) {
	err = s.change(ctx, domain, func(have []heldKey) ([]heldKey, error) {
		if added = !hasSelector(have, k); !added {
			return have, nil
		}
		return append(have, k), nil
	})
	return added, err
}

func hasSelector(have []heldKey, k heldKey) bool {
	return slices.ContainsFunc(have, func(h heldKey) bool { return h.Selector == k.Selector })
}

// room is where the keys of an installation's own are.
func (e *engines) room(settings config.Config) strongroom {
	if e.cluster != nil {
		return e.cluster.room()
	}
	return folderRoom(settings)
}
