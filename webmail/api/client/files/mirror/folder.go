package mirror

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client/files"
)

// A wish is one change of a folder of the drive. Many of them are made in one
// compare-and-swap; each is granted to what is there at that moment, or refused alone.
type wish struct {
	do   func(*folder) error
	done func(error)
	err  error
}

// folder is one of the drive while it is changed.
type folder struct {
	entries []sealed.Entry
	named   map[string]int // by key, outside of the trash
	ids     map[string]int
	drop    map[int]bool
	over    []sealed.Version
	now     time.Time
	changed bool
}

var (
	errLost = errors.New("another device was faster")
	errFull = errors.New("its folder in the drive has as many entries as it may have (10,000 with those in its trash)")
)

const mostInFolder = 10_000

func openFolder(f sealed.Folder, now time.Time) *folder {
	x := &folder{entries: f.Entries, named: map[string]int{}, ids: map[string]int{}, drop: map[int]bool{}, now: now}
	for i, e := range f.Entries {
		x.ids[e.ID] = i
		if e.Trashed == 0 {
			x.named[sealed.NameKey(e.Name)] = i
		}
	}
	return x
}

// add puts an entry in the place of what has its name, which is to be expect; empty:
// nothing. What was deleted meanwhile comes again, also out of the trash; what is being
// deleted for good does not.
func (x *folder) add(e sealed.Entry, expect string) error {
	if at, there := x.ids[e.ID]; there && x.entries[at].Doomed {
		return errLost
	} else if there && x.entries[at].Trashed == 0 {
		return nil
	} else if there {
		x.drop[at] = true
	}
	key := sealed.NameKey(e.Name)
	at, taken := x.named[key]
	if !taken {
		if len(x.entries)-len(x.drop) >= mostInFolder {
			return errFull
		}
		x.named[key], x.ids[e.ID], x.changed = len(x.entries), len(x.entries), true
		x.entries = append(x.entries, e)
		return nil
	}
	was := x.entries[at]
	if was.ID != expect || was.Kind != sealed.IsFile || e.Kind != sealed.IsFile {
		return errLost
	}
	e.Name = was.Name
	delete(x.ids, was.ID)
	now, over := files.Push(was, e)
	x.entries[at], x.ids[e.ID], x.changed = now, at, true
	x.over = append(x.over, over...)
	return nil
}

// take removes an entry, which stands elsewhere; trash keeps it in the trash.
func (x *folder) take(id string) error {
	if at, there := x.ids[id]; there {
		x.forget(at)
		delete(x.ids, id)
		x.drop[at], x.changed = true, true
	}
	return nil
}

// leave is take of what is to be there, and not being deleted by another device.
func (x *folder) leave(id string) error {
	if at, there := x.ids[id]; !there || x.entries[at].Doomed {
		return errLost
	}
	return x.take(id)
}

// aside gives an entry the name of a conflict.
func (x *folder) aside(e sealed.Entry, host string) error {
	for try := 1; ; try++ {
		if err := x.rename(e.ID, beside(e.Name, host, x.now, try)); err == nil || try == 100 {
			return err
		}
	}
}

func (x *folder) trash(id string) error {
	if at, there := x.ids[id]; there && x.entries[at].Trashed == 0 {
		x.forget(at)
		x.entries[at].Trashed, x.changed = x.now.UnixMilli(), true
	}
	return nil
}

func (x *folder) forget(at int) {
	if key := sealed.NameKey(x.entries[at].Name); x.named[key] == at {
		delete(x.named, key)
	}
}

func (x *folder) rename(id, name string) error {
	at, there := x.ids[id]
	if !there || x.entries[at].Trashed != 0 {
		return errLost
	}
	if other, taken := x.named[sealed.NameKey(name)]; taken && other != at {
		return errLost
	}
	x.forget(at)
	x.named[sealed.NameKey(name)] = at
	x.entries[at].Name, x.changed = name, true
	return nil
}

func (x *folder) close() []sealed.Entry {
	if len(x.drop) == 0 {
		return x.entries
	}
	var left []sealed.Entry
	for i, e := range x.entries {
		if !x.drop[i] {
			left = append(left, e)
		}
	}
	return left
}

var errNothing = errors.New("nothing changed")

// commit grants wishes of one folder.
func (s *Session) commit(ctx context.Context, id string, wishes []*wish) {
	var over []sealed.Version
	err := s.Drive.Change(ctx, id, func(f *sealed.Folder) error {
		x := openFolder(*f, s.Drive.Now())
		for _, w := range wishes {
			w.err = w.do(x)
		}
		if over = x.over; !x.changed {
			return errNothing
		}
		f.Entries = x.close()
		return nil
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	for _, v := range over {
		if err == nil {
			err = s.Drive.Drop(ctx, sealed.IsFile, v.ID)
		}
	}
	for _, w := range wishes {
		if err != nil {
			w.err = err
		}
		w.done(w.err)
	}
}

// ledger gathers wishes, so that a folder is written once for many.
type ledger struct {
	s       *Session
	mu      sync.Mutex
	wishes  map[string][]*wish
	count   int
	since   time.Time
	writing sync.Mutex
	after   func() error // what was granted is noted
}

const (
	ledgerFull = 2000
	ledgerTime = 5 * time.Second
)

// add adds a wish, and grants all once they are many or wait long.
func (l *ledger) add(ctx context.Context, folder string, w *wish) error {
	l.mu.Lock()
	if l.count == 0 {
		l.since = time.Now()
	}
	l.wishes[folder] = append(l.wishes[folder], w)
	l.count++
	due := l.count >= ledgerFull || time.Since(l.since) > ledgerTime
	l.mu.Unlock()
	if !due {
		return nil
	}
	return l.flush(ctx)
}

// flush grants all, some folders at the same time.
func (l *ledger) flush(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	now := l.wishes
	l.wishes, l.count = map[string][]*wish{}, 0
	l.mu.Unlock()
	ids := make([]string, 0, len(now))
	for id := range now {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	err := errors.Join(l.s.Drive.Seen.Hold(func() error {
		each(lanes, ids, func(id string) { l.s.commit(ctx, id, now[id]) })
		return nil
	}), l.after())
	for id := range now {
		delete(l.s.cache, id)
	}
	return err
}

const lanes = 4

// each does something with several, some at the same time.
func each[T any](n int, all []T, do func(T)) {
	todo := make(chan T)
	var wait sync.WaitGroup
	for range min(n, len(all)) {
		wait.Go(func() {
			for x := range todo {
				do(x)
			}
		})
	}
	for _, x := range all {
		todo <- x
	}
	close(todo)
	wait.Wait()
}
