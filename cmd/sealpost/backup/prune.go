package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sealpost/filestore"
	"sealpost/storage/disk"
)

// prune removes all snapshots but the newest keep, and the blobs that only they
// pointed at. The one that was just made is the newest whatever its name says: names
// are times, and a clock that had jumped ahead leaves some that nothing is later than.
func prune(ctx context.Context, dir string, keep int, made string) (removed int, err error) {
	names, err := Snapshots(dir)
	if err != nil || len(names) <= keep {
		return 0, err
	}
	names = append(slices.DeleteFunc(names, func(n string) bool { return n == made }), made)
	old, kept := names[:len(names)-keep], names[len(names)-keep:]
	for _, n := range old {
		if err := os.RemoveAll(filepath.Join(dir, "snapshots", n)); err != nil {
			return removed, fmt.Errorf("remove snapshot %s: %w", n, err)
		}
		removed++
	}
	needed := map[filestore.ID]bool{}
	for _, n := range kept {
		ids, err := pointedAt(ctx, filepath.Join(dir, "snapshots", n, indexFile))
		if err != nil {
			return removed, err
		}
		for _, id := range ids {
			needed[id] = true
		}
	}
	return removed, drop(ctx, filepath.Join(dir, "blobs"), needed)
}

// drop deletes the blobs that are not needed and gives their space back.
func drop(ctx context.Context, dir string, needed map[filestore.ID]bool) error {
	blobs, err := disk.Open(dir, disk.Options{})
	if err != nil {
		return err
	}
	var gone []filestore.ID
	for info, err := range blobs.All(ctx) {
		if err != nil {
			return errors.Join(err, blobs.Close())
		}
		if !needed[info.ID] {
			gone = append(gone, info.ID)
		}
	}
	err = blobs.Delete(ctx, gone...)
	if err == nil {
		err = blobs.Compact(ctx, 0)
	}
	return errors.Join(err, blobs.Close())
}
