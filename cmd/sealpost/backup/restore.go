package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sealpost/filestore"
	"sealpost/storage/disk"
)

// Restore puts one snapshot (empty: the newest) into data, a folder that is empty
// or not there. The files of the snapshot that are no part of a data folder, such
// as the configuration, stay in the backup.
func Restore(ctx context.Context, dir, at, data string, tell Tell) (Manifest, error) {
	from, m, err := choose(dir, at)
	if err != nil {
		return m, err
	}
	if err := emptyFolder(data); err != nil {
		return m, err
	}
	ids, err := pointedAtIn(ctx, from)
	if err != nil {
		return m, err
	}
	blobs, err := disk.Open(filepath.Join(dir, "blobs"), disk.Options{})
	if err != nil {
		return m, err
	}
	defer blobs.Close()
	done, err := blobs.CopyTo(ctx, filepath.Join(data, "blobs"), ids, func(n int) {
		tell("copying sealed letters", int64(n), int64(len(ids)))
	})
	if err != nil {
		return m, err
	}
	if n := len(done.Missing) + len(done.Damaged); n > 0 {
		return m, fmt.Errorf("%d of %d letters are missing or damaged in the backup: `sealpost verify --backup` names them, an older snapshot may have them", n, len(ids))
	}
	// The index comes last: without it no server starts on half a store.
	for _, name := range []string{"VERSION", "secret", indexFile} {
		if err := restoreFile(from, data, name, m.Files[name]); err != nil {
			return m, err
		}
	}
	return m, syncDir(data)
}

func choose(dir, at string) (from string, m Manifest, err error) {
	names, err := Snapshots(dir)
	if err != nil {
		return "", m, err
	}
	if at == "" {
		at = names[len(names)-1]
	}
	from = filepath.Join(dir, "snapshots", filepath.Base(at))
	m, err = readManifest(from)
	if errors.Is(err, os.ErrNotExist) {
		return "", m, fmt.Errorf("no snapshot %s; there are: %v", at, names)
	}
	return from, m, err
}

// emptyFolder makes a folder and refuses one that holds anything.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	there, err := os.ReadDir(dir)
	if err == nil && len(there) > 0 {
		err = fmt.Errorf("%s is not empty: a backup is restored into an empty data folder", dir)
	}
	return err
}

// pointedAtIn reads a copy of the index, so that the one in the backup stays as
// it was written.
func pointedAtIn(ctx context.Context, snapshot string) (ids []filestore.ID, err error) {
	aside, err := os.MkdirTemp("", "sealpost-restore-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(aside)
	file := filepath.Join(aside, indexFile)
	if err := copyFile(filepath.Join(snapshot, indexFile), file); err != nil {
		return nil, err
	}
	return pointedAt(ctx, file)
}

func restoreFile(from, data, name, want string) error {
	if want == "" {
		return fmt.Errorf("the snapshot has no %s", name)
	}
	to := filepath.Join(data, name)
	if err := copyFile(filepath.Join(from, name), to); err != nil {
		return err
	}
	if got, err := sum(to); err != nil || got != want {
		return errors.Join(fmt.Errorf("%s is not what was written to the backup", name), err, os.Remove(to))
	}
	return nil
}
