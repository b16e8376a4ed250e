// Package backup copies a live store consistently and a little more each time,
// verifies copies and live stores, and restores them.
//
//	DIR/blobs/                  sealed letters, as in the data folder; only added to
//	DIR/snapshots/TIME/         index.db and the other files of that moment
//	DIR/snapshots/TIME/MANIFEST.json
//	DIR/lock                    held while a backup is made
//
// It never opens a letter: what it copies is sealed already. It leaves out what
// must not lie beside it: the node key, the keys that sign, the TLS key, what is
// sealed under the node key (pins of other people's keys), and mail that waits to
// leave, which a restored copy would send twice.
//
// Invariants: a snapshot's folder gets its name last, when all that its index
// points at is durable in blobs; a backup broken off leaves the earlier ones whole.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

const (
	format    = 1
	stamp     = "20060102T150405Z"
	indexFile = "index.db"
	manifest  = "MANIFEST.json"
	attempts  = 5 // snapshots taken until no mail was removed under a copy
)

// ErrNone says that a folder holds no backup.
var ErrNone = errors.New("no backup here")

// Tell hears how far the work has come; of is 0 when that is not known.
type Tell func(what string, done, of int64)

// Source is a live store.
type Source struct {
	Index   *bolt.DB
	Blobs   *disk.Blobs
	Files   map[string]string // name in the snapshot: where it lies
	Version string            // of this program
	Check   bool              // read what the backup has, and copy anew what is damaged there
	Now     func() time.Time
}

// Manifest describes one snapshot.
type Manifest struct {
	Format  int               `json:"format"`
	Made    time.Time         `json:"made"`
	Version string            `json:"version"`
	Blobs   int               `json:"blobs"` // distinct, that its index points at
	Files   map[string]string `json:"files"` // SHA-256 in hex
}

// Report says what Make did.
type Report struct {
	Snapshot string   `json:"snapshot"`
	Blobs    int      `json:"blobs"`
	Copied   int64    `json:"copied"`           // blobs
	Bytes    int64    `json:"bytes"`            // of them
	Mended   int64    `json:"mended,omitempty"` // of Copied: were in the backup, and damaged
	Damaged  []string `json:"damaged,omitempty"`
	Pruned   int      `json:"pruned"` // older snapshots removed
}

// Make adds a snapshot to dir, and then removes all but the newest keep; 0 keeps all.
// One at a time: another would remove what this one has found there and relies on.
func Make(ctx context.Context, s Source, dir string, keep int, tell Tell) (Report, error) {
	if err := os.MkdirAll(filepath.Join(dir, "snapshots"), 0o700); err != nil {
		return Report{}, fmt.Errorf("make backup folder: %w", err)
	}
	lock, err := disk.OS{}.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return Report{}, fmt.Errorf("another backup is being written to %s: %w", dir, err)
	}
	defer lock.Close()
	name := s.Now().UTC().Format(stamp)
	work := filepath.Join(dir, "snapshots", "."+name)
	if err := fresh(dir, work, name); err != nil {
		return Report{}, err
	}
	defer os.RemoveAll(work) // gone when it got its name
	r, err := s.copy(ctx, dir, work, tell)
	r.Snapshot = name
	if err != nil {
		return r, err
	}
	if err := s.describe(work, r.Blobs); err != nil {
		return r, err
	}
	if err := os.Rename(work, filepath.Join(dir, "snapshots", name)); err != nil {
		return r, fmt.Errorf("name snapshot: %w", err)
	}
	if err := syncDir(filepath.Join(dir, "snapshots")); err != nil || keep <= 0 {
		return r, err
	}
	r.Pruned, err = prune(ctx, dir, keep, name)
	return r, err
}

// fresh makes a folder to work in, without what a broken-off backup left.
func fresh(dir, work, name string) error {
	if _, err := os.Stat(filepath.Join(dir, "snapshots", name)); err == nil {
		return fmt.Errorf("snapshot %s is there already: one a second", name)
	}
	old, err := filepath.Glob(filepath.Join(dir, "snapshots", ".2*"))
	if err != nil {
		return err
	}
	for _, o := range old {
		if err := os.RemoveAll(o); err != nil {
			return fmt.Errorf("remove broken-off backup: %w", err)
		}
	}
	return os.Mkdir(work, 0o700)
}

// copy takes the index of one moment and then the blobs it points at. When mail
// was removed in between, its blobs are missing: then a newer index is taken.
func (s Source) copy(ctx context.Context, dir, work string, tell Tell) (r Report, err error) {
	index := filepath.Join(work, indexFile)
	for range attempts {
		tell("copying the index", 0, 0)
		if err := os.Remove(index); err != nil && !errors.Is(err, os.ErrNotExist) {
			return r, err
		}
		if err := s.Index.CopyTo(ctx, index); err != nil {
			return r, err
		}
		ids, err := pointedAt(ctx, index)
		if err != nil {
			return r, err
		}
		copyTo := s.Blobs.CopyTo
		if s.Check {
			copyTo = s.Blobs.MendTo
		}
		done, err := copyTo(ctx, filepath.Join(dir, "blobs"), ids, func(n int) {
			tell("copying sealed letters", int64(n), int64(len(ids)))
		})
		r.Blobs, r.Copied, r.Bytes, r.Mended = len(ids), r.Copied+done.Blobs, r.Bytes+done.Bytes, r.Mended+done.Mended
		if err != nil {
			return r, err
		}
		for _, id := range done.Damaged {
			r.Damaged = append(r.Damaged, id.String())
		}
		lost, err := s.lost(ctx, done.Missing)
		if err != nil {
			return r, err
		}
		r.Damaged = append(r.Damaged, lost...)
		if len(done.Missing) == len(lost) {
			return r, nil
		}
	}
	return r, errors.New("mail is removed faster than it can be copied: try again at a quieter time")
}

// lost are those of ids that the live index still points at: no deletion took
// them, so no newer snapshot will have them.
func (s Source) lost(ctx context.Context, ids []filestore.ID) (lost []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	live := map[filestore.ID]bool{}
	for id, err := range s.Index.Index().Blobs(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list blobs: %w", err)
		}
		live[id] = true
	}
	for _, id := range ids {
		if live[id] {
			lost = append(lost, id.String())
		}
	}
	return lost, nil
}

// pointedAt lists what an index that nobody writes to points at, each once.
func pointedAt(ctx context.Context, file string) ([]filestore.ID, error) {
	db, err := bolt.Open(file, bolt.Options{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("open copied index: %w", err)
	}
	var ids []filestore.ID
	seen := map[filestore.ID]bool{}
	for id, err := range db.Index().Blobs(ctx) {
		if err != nil {
			return nil, errors.Join(fmt.Errorf("list blobs: %w", err), db.Close())
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, db.Close()
}

// describe adds the other files and the manifest, and makes all durable.
func (s Source) describe(work string, blobs int) error {
	for name, path := range s.Files {
		if err := copyFile(path, filepath.Join(work, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	m := Manifest{Format: format, Made: s.Now().UTC(), Version: s.Version, Blobs: blobs, Files: map[string]string{}}
	names, err := os.ReadDir(work)
	if err != nil {
		return err
	}
	for _, n := range names {
		if m.Files[n.Name()], err = sum(filepath.Join(work, n.Name())); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(work, manifest), append(text, '\n')); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return syncDir(work)
}

// Snapshots lists those of a backup, the oldest first.
func Snapshots(dir string) ([]string, error) {
	found, err := os.ReadDir(filepath.Join(dir, "snapshots"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range found {
		if _, err := time.Parse(stamp, f.Name()); err == nil {
			names = append(names, f.Name())
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrNone)
	}
	slices.Sort(names)
	return names, nil
}

func sum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func copyFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return errors.Join(err, t.Sync(), t.Close())
}

func writeSynced(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
