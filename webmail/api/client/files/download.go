package files

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// Get is a file on its way to this disk.
type Get struct {
	To    string // a folder that is there, or the file's name; empty: this folder
	Force bool   // overwrite what is there
	Tell  func(done, of int64)

	// Dir, if it is there, is the folder in which To is a name, and nothing outside of
	// it is touched. Place then gives part, which is whole and verified, its name.
	Dir   *os.Root
	Place func(part, name string) error
}

// pieceSize is how much is opened at a time.
const pieceSize = 4 << 20

// partial is what this device notes of a download.
type partial struct {
	Done   []byte `json:"done"` // a bit for each piece that is on the disk
	Ticket string `json:"ticket,omitempty"`
}

// download is one Get under way. Until all is verified the file has a name that nobody
// guesses who has not its secret.
type download struct {
	get    Get
	head   sealed.Head
	dir    *os.Root
	to     string // its final name in dir,
	shown  string // and as it is told
	part   string // while it comes
	record string
	link   string // name of a link's note; empty: there is none
	file   *os.File

	mu      sync.Mutex
	note    partial
	resumed bool
	got     int64
	unsaved int

	saving atomic.Bool
}

// begin finds a safe name, and what came before.
func (g Get) begin(h sealed.Head) (*download, error) {
	d := &download{get: g, head: h, dir: g.Dir, to: g.To, shown: g.To}
	if d.get.Tell == nil {
		d.get.Tell = func(int64, int64) {}
	}
	if d.dir == nil {
		if err := d.open(); err != nil {
			return nil, err
		}
	}
	err := d.free()
	if err == nil {
		secret := h.Secret.Bytes()
		sum := sha256.Sum256(append([]byte("sealpost part v1"), secret...))
		d.part = ".sealpost-" + hex.EncodeToString(sum[:8]) + ".part"
		d.record = d.part + ".json"
		err = d.recall()
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// open finds the folder that a path of this disk means.
func (d *download) open() (err error) {
	to := d.get.To
	info, err := os.Stat(to)
	switch {
	case to == "":
		to = sealed.LocalName(d.head.Name)
	case err == nil && info.IsDir():
		to = filepath.Join(to, sealed.LocalName(d.head.Name))
	}
	d.shown, d.to = to, filepath.Base(to)
	if d.dir, err = os.OpenRoot(filepath.Dir(to)); err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	return nil
}

// close gives up what open opened.
func (d *download) close() error {
	if d.get.Dir != nil || d.dir == nil {
		return nil
	}
	return d.dir.Close()
}

// free says that something has the final name already.
func (d *download) free() error {
	info, err := d.dir.Lstat(d.to)
	switch {
	case errors.Is(err, fs.ErrNotExist) || d.get.Place != nil:
		return nil
	case err != nil:
		return fmt.Errorf("look at %s: %w", d.shown, err)
	case info.IsDir():
		return fmt.Errorf("expected the name of a file: %s is a folder", d.shown)
	case !d.get.Force:
		return fmt.Errorf("%s is there already (--force overwrites it)", d.shown)
	}
	return nil
}

func (d *download) pieces() int { return int((d.head.Length + pieceSize - 1) / pieceSize) }

func (d *download) recall() (err error) {
	text, err := d.dir.ReadFile(d.record)
	fresh := partial{Done: make([]byte, (d.pieces()+7)/8)}
	if err != nil || json.Unmarshal(text, &d.note) != nil || len(d.note.Done) != len(fresh.Done) {
		d.note = fresh
	}
	d.file, err = d.dir.OpenFile(d.part, os.O_RDWR, 0)
	if err == nil {
		info, bad := d.dir.Lstat(d.part)
		if bad != nil || !info.Mode().IsRegular() || info.Size() != d.head.Length {
			d.file.Close()
			d.drop()
			err = fs.ErrNotExist
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		d.note.Done = fresh.Done
		if d.file, err = d.dir.OpenFile(d.part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			err = d.file.Truncate(d.head.Length)
		}
	}
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	for i := range d.pieces() {
		if d.has(i) {
			d.resumed = true
			d.got += d.pieceLength(i)
		}
	}
	return nil
}

func (d *download) has(i int) bool { return d.note.Done[i/8]&(1<<(i%8)) != 0 }

func (d *download) pieceLength(i int) int64 {
	return min(pieceSize, d.head.Length-int64(i)*pieceSize)
}

// drop removes what came.
func (d *download) drop() {
	_ = d.dir.Remove(d.part)
	_ = d.dir.Remove(d.record)
	if d.link != "" {
		_ = d.dir.Remove(d.link)
	}
}

// saveEvery is after how many pieces what came is made sure of.
const saveEvery = 16

// save notes what came, once it is on the disk. The lock is held only while that is
// looked up: meanwhile other pieces go on coming.
func (d *download) save() error {
	d.mu.Lock()
	text, err := json.Marshal(d.note)
	d.unsaved = 0
	d.mu.Unlock()
	if err == nil {
		err = d.file.Sync()
	}
	if err == nil {
		err = writeIn(d.dir, d.record, text)
	}
	if err != nil {
		return fmt.Errorf("note download: %w", err)
	}
	return nil
}

// run opens src into the file and gives it its name.
func (d *download) run(ctx context.Context, src io.ReaderAt) (string, error) {
	err := d.fill(ctx, src)
	if err == nil {
		err = d.finish()
	}
	if err != nil && !errors.Is(err, sealed.ErrClosed) {
		err = errors.Join(err, d.save())
	}
	err = errors.Join(err, d.file.Close())
	defer d.close()
	if errors.Is(err, sealed.ErrClosed) {
		d.drop()
		return "", sealed.ErrClosed
	}
	return d.shown, err
}

func (d *download) fill(ctx context.Context, src io.ReaderAt) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	size := sealed.Size(d.head.Length)
	f, err := sealed.Open(newBlocks(ctx, src, size), size, d.head)
	if err != nil {
		return err
	}
	todo := make(chan int)
	var all sync.WaitGroup
	for range min(lanes, d.pieces()) {
		all.Go(func() {
			b := make([]byte, pieceSize)
			for i := range todo {
				if err := d.piece(f, i, b); err != nil {
					stop(err)
					return
				}
			}
		})
	}
feed:
	for i := range d.pieces() {
		d.mu.Lock()
		has := d.has(i)
		d.mu.Unlock()
		if has {
			continue
		}
		select {
		case todo <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(todo)
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return f.Check()
}

// piece opens one. Every chunk of it is authenticated before it is written.
func (d *download) piece(f *sealed.File, i int, b []byte) error {
	b = b[:d.pieceLength(i)]
	if n, err := f.ReadAt(b, int64(i)*pieceSize); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			return sealed.ErrClosed
		}
		return err
	}
	if _, err := d.file.WriteAt(b, int64(i)*pieceSize); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if !d.came(i, int64(len(b))) {
		return nil
	}
	defer d.saving.Store(false)
	return d.save()
}

// came counts a piece, and says whether what came is to be made sure of now: by one at a
// time, so that no older note takes the place of a newer one.
func (d *download) came(i int, length int64) (due bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note.Done[i/8] |= 1 << (i % 8)
	d.got += length
	d.get.Tell(d.got, d.head.Length)
	d.unsaved++
	return d.unsaved >= saveEvery && d.saving.CompareAndSwap(false, true)
}

// finish verifies the whole and gives it its name. Each chunk was verified as it came;
// of what an earlier call left on this disk, the hash of the whole says so anew.
func (d *download) finish() error {
	if d.resumed && len(d.head.Hash) > 0 {
		sum := sha256.New()
		if _, err := io.Copy(sum, io.NewSectionReader(d.file, 0, d.head.Length)); err != nil {
			return fmt.Errorf("read file: %w", err)
		}
		if subtle.ConstantTimeCompare(sum.Sum(nil), d.head.Hash) != 1 {
			return sealed.ErrClosed
		}
	}
	if err := d.file.Sync(); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if d.head.Modified > 0 {
		at := time.UnixMilli(d.head.Modified)
		if err := d.dir.Chtimes(d.part, at, at); err != nil {
			return fmt.Errorf("write file: %w", err)
		}
	}
	if err := d.name(); err != nil {
		return err
	}
	d.drop()
	return nil
}

// name gives the file its name, which nobody else's has: a link fails where a rename
// would overwrite.
func (d *download) name() error {
	if d.get.Place != nil {
		return d.get.Place(d.part, d.to)
	}
	if d.get.Force {
		if err := d.dir.Rename(d.part, d.to); err != nil {
			return fmt.Errorf("name file: %w", err)
		}
		return nil
	}
	err := d.dir.Link(d.part, d.to)
	if errors.Is(err, fs.ErrExist) {
		return d.free()
	}
	if err == nil {
		return nil
	}
	if err := d.free(); err != nil { // a disk without links
		return err
	}
	if err := d.dir.Rename(d.part, d.to); err != nil {
		return fmt.Errorf("name file: %w", err)
	}
	return nil
}

// Get fetches what a path leads to, and says under which name. Broken off, the same call
// goes on.
func (d *Drive) Get(ctx context.Context, path string, g Get) (string, error) {
	e, err := d.Entry(ctx, path)
	if err != nil {
		return "", err
	}
	if e.Kind != sealed.IsFile {
		return "", fmt.Errorf("expected a file: %s is a folder", path)
	}
	return d.Fetch(ctx, e.Head(), e.ID, g)
}

// Fetch is Get of a file that the caller found.
func (d *Drive) Fetch(ctx context.Context, h sealed.Head, id string, g Get) (string, error) {
	down, err := g.begin(h)
	if err != nil {
		return "", err
	}
	return down.run(ctx, d.Server.Content(ctx, client.File{ID: id, Size: sealed.Size(h.Length)}))
}
