package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sealpost/filestore"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// unfinished is a file in a data folder while a restore is under way.
const unfinished = "restoring"

// Restored says what Restore did.
type Restored struct {
	Manifest
	Letters int            // that the index points at
	Lost    []filestore.ID // of them: missing or damaged in the backup
}

// Restore puts one snapshot (empty: the newest) into data, a folder that is empty,
// not there, or left by a restore that was broken off. The files of the snapshot that
// are no part of a data folder, such as the configuration, stay in the backup. Letters
// that are lost keep back no others.
func Restore(ctx context.Context, dir, at, data string, tell Tell) (r Restored, err error) {
	from, m, err := choose(dir, at)
	r.Manifest = m
	if err != nil {
		return r, err
	}
	if err := begin(data); err != nil {
		return r, err
	}
	if r.Letters, r.Lost, err = restoreLetters(ctx, dir, from, data, tell); err != nil {
		return r, err
	}
	for _, name := range []string{"VERSION", "secret"} {
		if err := restoreFile(from, data, name, name, m.Files[name]); err != nil {
			return r, err
		}
	}
	if err := restoreIndex(ctx, from, data, m.Files[indexFile]); err != nil {
		return r, err
	}
	return r, errors.Join(os.Remove(filepath.Join(data, unfinished)), syncDir(data))
}

func restoreLetters(ctx context.Context, dir, from, data string, tell Tell) (letters int, lost []filestore.ID, err error) {
	ids, err := pointedAt(ctx, filepath.Join(from, indexFile))
	if err != nil {
		return 0, nil, err
	}
	blobs, err := disk.Open(filepath.Join(dir, "blobs"), disk.Options{})
	if err != nil {
		return 0, nil, err
	}
	defer blobs.Close()
	done, err := blobs.CopyTo(ctx, filepath.Join(data, "blobs"), ids, func(n int) {
		tell("copying sealed letters", int64(n), int64(len(ids)))
	})
	return len(ids), append(done.Missing, done.Damaged...), err
}

// restoreIndex comes last: without it no server starts on half a store. It gets its
// name when no number in it can be given again: mail programs saw what came after the
// snapshot, and take a UID they know for the mail they know.
func restoreIndex(ctx context.Context, from, data, want string) error {
	const aside = indexFile + ".restoring"
	if err := restoreFile(from, data, indexFile, aside, want); err != nil {
		return err
	}
	db, err := bolt.Open(filepath.Join(data, aside), bolt.Options{})
	if err != nil {
		return err
	}
	if err := errors.Join(db.Skip(ctx), db.Close()); err != nil {
		return err
	}
	return os.Rename(filepath.Join(data, aside), filepath.Join(data, indexFile))
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

// begin makes a folder and refuses one that holds anything, but half a restore.
func begin(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	half := slices.ContainsFunc(there, func(f os.DirEntry) bool { return f.Name() == unfinished })
	whole := slices.ContainsFunc(there, func(f os.DirEntry) bool { return f.Name() == indexFile })
	if len(there) > 0 && (!half || whole) {
		return fmt.Errorf("%s is not empty: a backup is restored into an empty data folder", dir)
	}
	if half {
		return nil
	}
	return writeSynced(filepath.Join(dir, unfinished), nil)
}

func restoreFile(from, data, name, as, want string) error {
	if want == "" {
		return fmt.Errorf("the snapshot has no %s", name)
	}
	to := filepath.Join(data, as)
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) { // of a restore that was broken off
		return err
	}
	if err := copyFile(filepath.Join(from, name), to); err != nil {
		return err
	}
	if got, err := sum(to); err != nil || got != want {
		return errors.Join(fmt.Errorf("%s is not what was written to the backup", name), err, os.Remove(to))
	}
	return nil
}
