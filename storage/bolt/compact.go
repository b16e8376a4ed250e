package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// compactSuffix names the file that a compaction writes beside the index.
const compactSuffix = ".compact"

// errUnsettled says that a compaction got so far that the folder may name
// either file.
var errUnsettled = errors.New("compaction ended half-way")

// FreeShare is the part of the file that holds no live row, from 0 to 1: the
// caller's reason to Compact. Free pages keep what was in them until then.
func (d *DB) FreeShare() float64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.file == nil {
		return 0
	}
	info, err := os.Stat(d.path)
	if err != nil || info.Size() == 0 {
		return 0
	}
	stats := d.file.Stats()
	free := (stats.FreePageN + stats.PendingPageN) * d.file.Info().PageSize
	return min(1, float64(free)/float64(info.Size()))
}

// Compact copies what is live into a new file and puts it in the place of the
// old one, so that nothing that was removed stays behind in free pages. Writers
// wait meanwhile, readers do not. A crash at any moment leaves one whole file
// under the index's name.
func (d *DB) Compact(ctx context.Context) error {
	err := d.submit(ctx, newCall(nil, func() error { return d.compact(ctx) }))
	if err != nil {
		return fmt.Errorf("compact index: %w", err)
	}
	return nil
}

// compact runs in the batcher, which alone writes and alone replaces d.file.
func (d *DB) compact(ctx context.Context) error {
	aside := d.path + compactSuffix
	if err := os.Remove(aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh, err := d.copyOf(ctx, d.file, aside)
	if err != nil {
		return errors.Join(err, os.Remove(aside))
	}
	worn, err := os.OpenFile(d.path, os.O_RDWR, 0)
	if err == nil {
		err = os.Rename(aside, d.path)
	}
	if err != nil {
		return errors.Join(err, fresh.Close(), os.Remove(aside))
	}
	d.mu.Lock()
	old := d.file
	d.file = fresh
	d.mu.Unlock()
	d.retired.Go(func() { retire(old, worn) })
	// Until the folder is synced a crash may bring the old file back, so no
	// commit to the new one may be acknowledged before.
	if err := syncDir(filepath.Dir(d.path)); err != nil {
		return fmt.Errorf("%w: %w", errUnsettled, err)
	}
	return nil
}

// CopyTo writes the rows of one moment to a new file at path, durable when it
// returns, without what was removed. Readers and writers go on meanwhile.
func (d *DB) CopyTo(ctx context.Context, path string) error {
	d.mu.RLock()
	from := d.file
	d.mu.RUnlock()
	if from == nil {
		return ErrClosed
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("copy index: %w", os.ErrExist)
	}
	fresh, err := d.copyOf(ctx, from, path)
	if err == nil {
		err = errors.Join(fresh.Close(), syncDir(filepath.Dir(path)))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("copy index: %w", err), os.Remove(path))
	}
	return nil
}

// copyOf makes a synced copy of all rows.
func (d *DB) copyOf(ctx context.Context, file *bbolt.DB, path string) (*bbolt.DB, error) {
	fresh, _, err := lock(path, Options{Wait: d.o.Wait})
	if err != nil {
		return nil, err
	}
	fresh.NoSync = true
	err = file.View(func(from *bbolt.Tx) error {
		return from.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return copyBucket(ctx, fresh, name, b)
		})
	})
	if err == nil {
		fresh.NoSync = false
		err = fresh.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, fresh.Close())
	}
	return fresh, nil
}

// copyBytes bounds what one transaction of a copy holds in memory.
const copyBytes = 4 << 20

func copyBucket(ctx context.Context, to *bbolt.DB, name []byte, from *bbolt.Bucket) error {
	c := from.Cursor()
	k, v := c.First()
	for first := true; first || k != nil; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := to.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return err
			}
			b.FillPercent = appended
			for size := 0; k != nil && size < copyBytes; k, v = c.Next() {
				if err := b.Put(k, v); err != nil {
					return err
				}
				size += len(k) + len(v)
			}
			return b.SetSequence(from.Sequence())
		})
		if err != nil {
			return fmt.Errorf("copy bucket %s: %w", name, err)
		}
	}
	return nil
}

// retire lets the readers of a replaced file finish, closes it and overwrites
// its pages: it has no name any more, and nobody is left to see its end. How
// well that works is up to the file system; it is done for what it is worth.
func retire(old *bbolt.DB, worn *os.File) {
	defer worn.Close()
	if old.Close() != nil {
		return
	}
	info, err := worn.Stat()
	if err != nil {
		return
	}
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < info.Size(); at += int64(len(zeros)) {
		if _, err := worn.WriteAt(zeros[:min(int64(len(zeros)), info.Size()-at)], at); err != nil {
			return
		}
	}
	worn.Sync()
}
