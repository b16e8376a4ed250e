// Package bolt keeps the index of mailboxes and the account book in one bbolt
// file (mode 0600), the rows of the queue in another, and in a third what the
// server learned of others; what is in these two is sealed under the node key.
//
// It never knows what a mail says: it holds what stays visible of one, and ids.
//
// Invariants: a call that returned is on stable storage; a call that was
// refused changed nothing; nobody but the batcher writes, so a row read while
// stamping is still so when it is written. rows.go gives every byte.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"sealpost/account"
	"sealpost/mailstore"
)

var (
	// ErrInUse says that another process has the file open.
	ErrInUse = errors.New("index is in use by another process")
	// ErrNewer says that the file's schema is newer than this program's.
	ErrNewer = errors.New("index was written by a newer sealpost")
	// ErrDamaged says that a row or the file is not what this program wrote.
	ErrDamaged = errors.New("index is damaged")
	// ErrClosed says that the index was closed.
	ErrClosed = errors.New("index is closed")
)

// Options are settings of an index file; the zero value is good.
type Options struct {
	Wait          time.Duration    // for another process to leave the file; 0: half a second
	Now           func() time.Time // nil: time.Now
	Remember      int              // expunged UIDs kept of a mailbox; 0: 100,000
	RememberBoxes int              // removed boxes kept of a cabinet; 0: 10,000
	Log           *slog.Logger     // nil: none
	ReadOnly      bool             // the file is there, and stays as it is; others may read it too
}

// DB is an open index file. Its methods are safe for concurrent use.
type DB struct {
	path string
	o    Options

	mu   sync.RWMutex // guards file; held to begin a transaction, not through it
	file *bbolt.DB    // nil after a failed repair

	decoded decodings

	calls   chan *call
	later   chan *call    // what the next commit takes along
	wake    chan struct{} // see nudge
	quit    chan struct{} // closed by Close
	over    chan struct{} // closed by the batcher when it is done
	closing sync.Once
	retired sync.WaitGroup // old files on their way out
}

// Open opens or makes the file. It fails with ErrInUse, ErrNewer or ErrDamaged.
func Open(path string, o Options) (*DB, error) { return openFile(path, o, indexFile) }

func openFile(path string, o Options, c contents) (*DB, error) {
	if o.Wait == 0 {
		o.Wait = 500 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Remember == 0 {
		o.Remember = 100_000
	}
	if o.RememberBoxes == 0 {
		o.RememberBoxes = 10_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	file, err := open(path, o, c)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	d := &DB{
		path: path, o: o, file: file, decoded: newDecodings(),
		calls: make(chan *call, 1024),
		later: make(chan *call, 1024),
		wake:  make(chan struct{}, 1),
		quit:  make(chan struct{}),
		over:  make(chan struct{}),
	}
	go d.batcher()
	return d, nil
}

// Index is the file as mailstore sees it.
func (d *DB) Index() mailstore.Index { return index{d} }

// Accounts is the file as account sees it.
func (d *DB) Accounts() account.Store { return accounts{d} }

// Close waits for calls under way and closes the file. Later calls fail with ErrClosed.
func (d *DB) Close() error {
	d.closing.Do(func() { close(d.quit) })
	<-d.over
	d.mu.Lock()
	file := d.file
	d.file = nil
	d.mu.Unlock()
	d.retired.Wait()
	if file == nil {
		return nil
	}
	return file.Close()
}

// view runs fn in a read transaction. fn must be quick and must not call view:
// an open transaction pins the pages it sees.
func (d *DB) view(ctx context.Context, fn func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := d.begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return fn(tx)
}

func (d *DB) begin() (*bbolt.Tx, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.file != nil {
		return d.file.Begin(false)
	}
	select {
	case <-d.quit:
		return nil, ErrClosed
	default:
	}
	d.nudge() // makes the batcher try a repair
	return nil, fmt.Errorf("%w: closed after a failed write", ErrDamaged)
}

// mapped is the address space asked for at first. Growing past it waits for
// readers to leave, so it is large; it costs no memory.
const mapped = 64 << 20 << (strconv.IntSize / 64 * 4) // 64 MiB, or 1 GiB

// open opens the file, and makes sure that what it shows is on stable storage.
func open(path string, o Options, c contents) (*bbolt.DB, error) {
	db, err := attach(path, o)
	if err != nil {
		return nil, err
	}
	err = unbroken(func() error {
		if o.ReadOnly {
			return db.View(func(tx *bbolt.Tx) error { return checkSchema(tx, c) })
		}
		return errors.Join(settle(path, db.Info().PageSize), prepare(db, c), forgetCompaction(path))
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// unbroken makes an error of a panic, which is bbolt's answer to a broken page.
func unbroken(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	return fn()
}

// forgetCompaction removes what a crash left of one; only the holder of the lock may.
func forgetCompaction(path string) error {
	if err := os.Remove(path + compactSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove half a compaction: %w", err)
	}
	return nil
}

// attach opens the file that has the path now.
func attach(path string, o Options) (*bbolt.DB, error) {
	for range 5 {
		db, opened, err := lock(path, o)
		// While this process waited for the lock, a compaction may have put
		// another file in the place of the one it opened, and wiped that.
		if opened != nil && !isAt(path, opened) {
			if db != nil {
				db.Close()
			}
			continue
		}
		return db, err
	}
	return nil, ErrInUse
}

// lock opens the file and says which it was, even if it fails after that.
func lock(path string, o Options) (db *bbolt.DB, opened os.FileInfo, err error) {
	settings := &bbolt.Options{
		Timeout:         o.Wait,
		ReadOnly:        o.ReadOnly,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapped,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode)
			if err == nil {
				opened, err = f.Stat()
			}
			return f, err
		},
	}
	err = unbroken(func() (err error) {
		db, err = bbolt.Open(path, 0o600, settings)
		return err
	})
	switch {
	case err == nil:
		db.AllocSize = 4 << 20
	case errors.Is(err, bbolterrors.ErrTimeout):
		err = ErrInUse
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrChecksum), errors.Is(err, bbolterrors.ErrVersionMismatch):
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return db, opened, err
}

// isAt says whether a file still has that path.
func isAt(path string, opened os.FileInfo) bool {
	there, err := os.Stat(path)
	return err == nil && os.SameFile(there, opened)
}

// settle writes both meta pages as they are seen once more and syncs. After a
// failed fsync the kernel shows a page that may never reach the disk and calls
// it clean; the other meta page, the last that is surely there, would be
// overwritten next. Pages below the meta page were synced before it was written.
func settle(path string, pageSize int) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	pages := make([]byte, 2*pageSize)
	if _, err := f.ReadAt(pages, 0); err != nil {
		return fmt.Errorf("read meta pages: %w", err)
	}
	if _, err := f.WriteAt(pages, 0); err != nil {
		return fmt.Errorf("write meta pages: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
