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
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// Get is a file on its way to this disk.
type Get struct {
	To    string // a folder that is there, or the file's name; empty: this folder
	Force bool   // overwrite what is there
	Tell  func(done, of int64)
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
	to     string // its final name
	part   string // while it comes
	record string
	file   *os.File

	mu      sync.Mutex
	note    partial
	resumed bool
	got     int64
	unsaved int
}

// begin finds a safe name, and what came before.
func (g Get) begin(h sealed.Head) (*download, error) {
	d := &download{get: g, head: h, to: g.To}
	if d.get.Tell == nil {
		d.get.Tell = func(int64, int64) {}
	}
	info, err := os.Stat(g.To)
	switch {
	case g.To == "":
		d.to = sealed.LocalName(h.Name)
	case err == nil && info.IsDir():
		d.to = filepath.Join(g.To, sealed.LocalName(h.Name))
	}
	if err := d.free(); err != nil {
		return nil, err
	}
	secret := h.Secret.Bytes()
	sum := sha256.Sum256(append([]byte("sealpost part v1"), secret...))
	d.part = filepath.Join(filepath.Dir(d.to), ".sealpost-"+hex.EncodeToString(sum[:8])+".part")
	d.record = d.part + ".json"
	return d, d.recall()
}

// free says that something has the final name already.
func (d *download) free() error {
	info, err := os.Lstat(d.to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at %s: %w", d.to, err)
	case info.IsDir():
		return fmt.Errorf("expected the name of a file: %s is a folder", d.to)
	case !d.get.Force:
		return fmt.Errorf("%s is there already (--force overwrites it)", d.to)
	}
	return nil
}

func (d *download) pieces() int { return int((d.head.Length + pieceSize - 1) / pieceSize) }

func (d *download) recall() (err error) {
	text, err := os.ReadFile(d.record)
	fresh := partial{Done: make([]byte, (d.pieces()+7)/8)}
	if err != nil || json.Unmarshal(text, &d.note) != nil || len(d.note.Done) != len(fresh.Done) {
		d.note = fresh
	}
	d.file, err = os.OpenFile(d.part, os.O_RDWR, 0)
	if err == nil {
		info, bad := os.Lstat(d.part)
		if bad != nil || !info.Mode().IsRegular() || info.Size() != d.head.Length {
			d.file.Close()
			d.drop()
			err = fs.ErrNotExist
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		d.note.Done = fresh.Done
		if d.file, err = os.OpenFile(d.part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
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
	os.Remove(d.part)
	os.Remove(d.record)
}

// saveEvery is after how many pieces what came is made sure of.
const saveEvery = 16

// save notes what is on the disk, once it is.
func (d *download) save() error {
	err := d.file.Sync()
	if err == nil {
		var text []byte
		if text, err = json.Marshal(d.note); err == nil {
			err = writePrivate(d.record, text)
		}
	}
	if err != nil {
		return fmt.Errorf("note download: %w", err)
	}
	d.unsaved = 0
	return nil
}

// run opens src into the file and gives it its name.
func (d *download) run(ctx context.Context, src io.ReaderAt) (string, error) {
	err := d.fill(ctx, src)
	if err == nil {
		err = d.finish()
	}
	if err != nil && !errors.Is(err, sealed.ErrClosed) {
		d.mu.Lock()
		err = errors.Join(err, d.save())
		d.mu.Unlock()
	}
	err = errors.Join(err, d.file.Close())
	if errors.Is(err, sealed.ErrClosed) {
		d.drop()
		return "", sealed.ErrClosed
	}
	return d.to, err
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
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note.Done[i/8] |= 1 << (i % 8)
	d.got += int64(len(b))
	d.get.Tell(d.got, d.head.Length)
	if d.unsaved++; d.unsaved == saveEvery {
		return d.save()
	}
	return nil
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
		if err := os.Chtimes(d.part, at, at); err != nil {
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
	if d.get.Force {
		if err := os.Rename(d.part, d.to); err != nil {
			return fmt.Errorf("name file: %w", err)
		}
		return nil
	}
	err := os.Link(d.part, d.to)
	if errors.Is(err, fs.ErrExist) {
		return d.free()
	}
	if err == nil {
		return nil
	}
	if err := d.free(); err != nil { // a disk without links
		return err
	}
	if err := os.Rename(d.part, d.to); err != nil {
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
	down, err := g.begin(e.Head())
	if err != nil {
		return "", err
	}
	return down.run(ctx, d.Server.Content(ctx, client.File{ID: e.ID, Size: sealed.Size(e.Length)}))
}
