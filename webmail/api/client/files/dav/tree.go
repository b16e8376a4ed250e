package dav

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client/files"
)

const (
	fresh       = 2 * time.Second // a folder that was read is taken for what it is
	mostEntries = 50_000          // of all folders that are kept
	changeTime  = 2 * time.Minute // one change of a folder, with what was gathered
	mostGather  = 500             // wishes in one change
)

// tree is what was read of folders a moment ago, and the wishes to change them.
type tree struct {
	drive *files.Drive
	base  place // shown as the topmost

	mu      sync.Mutex
	kept    map[string]*kept
	entries int // in all of them
	queues  map[string]*queue
}

// kept is a folder and where each name is, outside of its trash.
type kept struct {
	folder sealed.Folder
	names  map[string]int
	read   time.Time
}

func (k *kept) entry(name string) (e sealed.Entry, there bool) {
	at, there := k.names[sealed.NameKey(name)]
	if there {
		e = k.folder.Entries[at]
	}
	return e, there
}

func newTree(d *files.Drive) *tree {
	return &tree{drive: d, kept: map[string]*kept{}, queues: map[string]*queue{}}
}

// from shows one folder as the topmost.
func (t *tree) from(ctx context.Context, path string) error {
	t.base = place{folder: sealed.Root, entry: sealed.Entry{Kind: sealed.IsFolder, Version: sealed.Version{ID: sealed.Root}}, there: true}
	names, err := split(path)
	if err != nil {
		return err
	}
	at, err := t.find(ctx, names)
	if err != nil {
		return err
	}
	if !at.there || at.entry.Kind != sealed.IsFolder {
		return fmt.Errorf("%w: no folder %s", files.ErrNone, path)
	}
	at.name = ""
	t.base = at
	return nil
}

// split reads a path, in the form of names that the drive takes.
func split(path string) ([]string, error) {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil, nil
	}
	names := strings.Split(norm.NFC.String(path), "/")
	if len(names) > sealed.MaxDepth {
		return nil, errDepth
	}
	for _, n := range names {
		if !sealed.ValidName(n) {
			return nil, errName
		}
	}
	return names, nil
}

// place is where a name is, or may come to be.
type place struct {
	folder string   // that it is in
	above  []string // ids of the folders on the way
	name   string   // empty: the topmost
	entry  sealed.Entry
	there  bool
}

// find leads to a name. os.ErrNotExist says that there is no folder for it.
func (t *tree) find(ctx context.Context, names []string) (place, error) {
	at := t.base
	for _, name := range names {
		if !at.there || at.entry.Kind != sealed.IsFolder {
			return place{}, os.ErrNotExist
		}
		if slices.Contains(at.above, at.entry.ID) || len(at.above) > sealed.MaxDepth {
			return place{}, sealed.ErrClosed // a folder in itself: nobody made that
		}
		k, err := t.read(ctx, at.entry.ID)
		if err != nil {
			return place{}, err
		}
		next := place{folder: at.entry.ID, above: append(slices.Clip(at.above), at.entry.ID), name: name}
		next.entry, next.there = k.entry(name)
		at = next
	}
	return at, nil
}

func (t *tree) read(ctx context.Context, id string) (*kept, error) {
	t.mu.Lock()
	k, ok := t.kept[id]
	t.mu.Unlock()
	if ok && time.Since(k.read) < fresh {
		return k, nil
	}
	asked := time.Now()
	f, _, err := t.drive.Folder(ctx, id)
	if err != nil {
		return nil, err
	}
	return t.keep(id, f, asked), nil
}

// keep takes a folder for what it is; unless something newer was read while it came.
func (t *tree) keep(id string, f sealed.Folder, at time.Time) *kept {
	k := &kept{folder: f, names: map[string]int{}, read: at}
	for i, e := range f.Entries {
		if e.Trashed == 0 {
			k.names[sealed.NameKey(e.Name)] = i
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if was, ok := t.kept[id]; ok {
		if was.read.After(at) {
			return was
		}
		t.entries -= len(was.folder.Entries) + 1
	}
	t.kept[id] = k
	t.entries += len(f.Entries) + 1
	for t.entries > mostEntries && len(t.kept) > 1 {
		t.dropOldest(id)
	}
	return k
}

func (t *tree) dropOldest(but string) {
	oldest := ""
	for id, k := range t.kept {
		if id != but && (oldest == "" || k.read.Before(t.kept[oldest].read)) {
			oldest = id
		}
	}
	t.entries -= len(t.kept[oldest].folder.Entries) + 1
	delete(t.kept, oldest)
}

// queue are the wishes that wait while a folder is being changed.
type queue struct{ wishes []*wish }

// wish is one change of a folder; do changes nothing where it fails.
type wish struct {
	do    func(*sealed.Folder) error
	done  chan error
	begun bool // it is being carried out
}

// change changes a folder. What many ask for while one change is on its way is gathered
// into the next: a thousand small files are some dozens of changes.
func (t *tree) change(ctx context.Context, id string, do func(*sealed.Folder) error) error {
	w := &wish{do: do, done: make(chan error, 1)}
	t.mu.Lock()
	q, busy := t.queues[id]
	if !busy {
		q = &queue{}
		t.queues[id] = q
	}
	q.wishes = append(q.wishes, w)
	t.mu.Unlock()
	if !busy {
		go t.work(context.WithoutCancel(ctx), id, q) // for others too, whatever becomes of this one
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		if t.takeBack(q, w) {
			return errors.Join(errNever, context.Cause(ctx))
		}
		return <-w.done
	}
}

// errNever says that a change was given up before anything of it was asked for.
var errNever = errors.New("the folder was not changed")

// takeBack takes a wish out of its queue, unless it is being carried out.
func (t *tree) takeBack(q *queue, w *wish) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.begun {
		return false
	}
	q.wishes = slices.DeleteFunc(q.wishes, func(o *wish) bool { return o == w })
	return true
}

// work carries out what is wished of one folder until nothing is.
func (t *tree) work(ctx context.Context, id string, q *queue) {
	for {
		t.mu.Lock()
		n := min(len(q.wishes), mostGather)
		todo := slices.Clone(q.wishes[:n])
		q.wishes = slices.Delete(q.wishes, 0, n)
		for _, w := range todo {
			w.begun = true
		}
		if n == 0 {
			delete(t.queues, id)
		}
		t.mu.Unlock()
		if n == 0 {
			return
		}
		t.carryOut(ctx, id, todo)
	}
}

func (t *tree) carryOut(ctx context.Context, id string, todo []*wish) {
	ctx, stop := context.WithTimeout(ctx, changeTime)
	defer stop()
	errs := make([]error, len(todo))
	asked := time.Now()
	var now *sealed.Folder
	err := t.drive.Change(ctx, id, func(f *sealed.Folder) error {
		asked, now = time.Now(), f
		good := false
		for i, w := range todo {
			errs[i] = w.do(f)
			good = good || errs[i] == nil
		}
		if !good {
			return errs[0] // nothing to store
		}
		return nil
	})
	if err == nil {
		t.keep(id, *now, asked)
	} else {
		t.forget(id)
	}
	for i, w := range todo {
		if errs[i] == nil {
			errs[i] = err
		}
		w.done <- errs[i]
	}
}

func (t *tree) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k, ok := t.kept[id]; ok {
		t.entries -= len(k.folder.Entries) + 1
		delete(t.kept, id)
	}
}

// named is where a name is in a folder, outside of its trash; -1: nowhere.
func named(f *sealed.Folder, name string) int {
	key := sealed.NameKey(name)
	return slices.IndexFunc(f.Entries, func(e sealed.Entry) bool {
		return e.Trashed == 0 && (e.Name == name || sealed.NameKey(e.Name) == key)
	})
}

func withID(f *sealed.Folder, id string) int {
	return slices.IndexFunc(f.Entries, func(e sealed.Entry) bool { return e.ID == id })
}
