package disk

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sealpost/filestore"
)

// large keeps blobs that are too long for a segment, one file each.
type large struct {
	fs   FS
	dir  string
	now  func() time.Time
	room func(n int64) error

	mu    sync.Mutex
	made  [256]bool // shelves that are known to be durable
	freed [256]bool // shelves from which a name went that may come back by a power cut
}

// shelf is the folder a large blob lies in; it comes from the id's random part.
func (l *large) shelf(id filestore.ID) string {
	return filepath.Join(l.dir, hex.EncodeToString(id[4:5]))
}

func (l *large) path(id filestore.ID) string { return filepath.Join(l.shelf(id), id.String()) }

func (l *large) open(id filestore.ID) (filestore.Blob, error) {
	f, err := l.fs.OpenFile(l.path(id), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return nil, filestore.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	b, err := openBlob(f, 0, id, -1, func() { f.Close() })
	if err != nil {
		f.Close()
		return nil, err
	}
	return b, nil
}

// remove unlinks a blob's file; one that is gone already is no error.
func (l *large) remove(id filestore.ID) error {
	err := l.fs.Remove(l.path(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.freed[id[4]] = true
	return err
}

// settle makes sure that what was removed does not come back.
func (l *large) settle() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, freed := range l.freed {
		if !freed {
			continue
		}
		if err := l.fs.SyncDir(l.shelf(filestore.ID{4: byte(i)})); err != nil {
			return err
		}
		l.freed[i] = false
	}
	return nil
}

// all yields the large blobs.
func (l *large) all(ctx context.Context, yield func(filestore.Info, error) bool) {
	shelves, err := l.fs.ReadDir(l.dir)
	if err != nil {
		yield(filestore.Info{}, err)
		return
	}
	for _, shelf := range shelves {
		if len(shelf) == 2 && !l.list(ctx, shelf, yield) {
			return
		}
	}
}

// list yields the blobs of one shelf, and reports whether to go on.
func (l *large) list(ctx context.Context, shelf string, yield func(filestore.Info, error) bool) bool {
	names, err := l.fs.ReadDir(filepath.Join(l.dir, shelf))
	if err = errors.Join(err, ctx.Err()); err != nil {
		return yield(filestore.Info{}, err)
	}
	for _, name := range names {
		id, ok := largeID(shelf, name)
		if !ok {
			continue
		}
		info, err := l.info(id)
		if errors.Is(err, filestore.ErrNotFound) {
			continue // deleted meanwhile
		}
		if !yield(info, err) {
			return false
		}
	}
	return true
}

// largeID reads a name that is this engine's, and no other.
func largeID(shelf, name string) (id filestore.ID, ok bool) {
	raw, err := hex.DecodeString(name)
	if err != nil || len(raw) != len(id) {
		return id, false
	}
	id = filestore.ID(raw)
	n, _ := split(id)
	return id, n == noSegment && name == id.String() && shelf == name[8:10]
}

func (l *large) info(id filestore.ID) (filestore.Info, error) {
	f, err := l.fs.OpenFile(l.path(id), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return filestore.Info{}, filestore.ErrNotFound
	}
	if err != nil {
		return filestore.Info{}, err
	}
	defer f.Close()
	var b [headerSize]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && err != io.EOF {
		return filestore.Info{}, err
	}
	h, err := parseHeader(b[:])
	if err != nil || h.id != id { // it is there, and was stored before now
		return filestore.Info{Ref: filestore.Ref{ID: id}, Stored: l.now()}, nil
	}
	return filestore.Info{Ref: filestore.Ref{ID: id, Size: h.length}, Stored: h.stored}, nil
}

// largeFile is a large blob being written. Its header comes last, and its name
// last of all.
type largeFile struct {
	l    *large
	id   filestore.ID
	file File
	size int64
}

func (l *large) create(id filestore.ID) (*largeFile, error) {
	f, err := l.fs.OpenFile(l.temp(id), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	return &largeFile{l: l, id: id, file: f}, nil
}

func (l *large) temp(id filestore.ID) string {
	return filepath.Join(l.dir, id.String()+".tmp")
}

func (w *largeFile) append(b []byte) error {
	if err := w.l.room(int64(len(b))); err != nil {
		return err
	}
	n, err := w.file.WriteAt(b, w.size)
	w.size += int64(n)
	return err
}

// finish makes the file durable under its name. After an error abandon removes it.
func (w *largeFile) finish(h header) error {
	var b [headerSize]byte
	h.put(b[:])
	if _, err := w.file.WriteAt(b[:], 0); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	if err := w.l.makeShelf(w.id); err != nil {
		return err
	}
	if err := w.l.fs.Rename(w.l.temp(w.id), w.l.path(w.id)); err != nil {
		return err
	}
	if err := w.l.fs.SyncDir(w.l.shelf(w.id)); err != nil {
		return err
	}
	w.file.Close()
	return nil
}

func (w *largeFile) abandon() {
	w.file.Close()
	w.l.fs.Remove(w.l.temp(w.id)) // a name that stays is removed by Open,
	w.l.remove(w.id)              // or by the sweeper
}

func (l *large) makeShelf(id filestore.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made[id[4]] {
		return nil
	}
	if err := l.fs.Mkdir(l.shelf(id)); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	l.made[id[4]] = true
	return nil
}
