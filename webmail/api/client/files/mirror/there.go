package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"sealpost/filestore/sealed"
)

// there is a file or folder of the drive.
type there struct {
	key    string
	path   string // names as the drive has them
	folder string // id of the one that it stands in
	entry  sealed.Entry
}

func (t *there) dir() bool { return t.entry.Kind == sealed.IsFolder }

// kept is a folder as it was read last.
type kept struct {
	folder sealed.Folder
}

// refresh forgets what changed in the drive since it was read.
func (s *Session) refresh(ctx context.Context) error {
	l, err := s.Drive.Server.Cabinet(ctx, s.since)
	if err != nil {
		return fmt.Errorf("ask what changed: %w", err)
	}
	if s.since == 0 || !l.Complete {
		clear(s.cache)
	}
	for _, i := range l.Items {
		if i.Drawer == sealed.Drawer {
			delete(s.cache, i.Name)
		}
	}
	s.since = l.Version
	if !l.Complete {
		s.since = 0
	}
	return nil
}

// readers is how many folders are asked for at the same time.
const readers = 8

// read fetches folders that are not known.
func (s *Session) read(ctx context.Context, ids []string) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	todo := make(chan string)
	for range readers {
		all.Go(func() {
			for id := range todo {
				f, _, err := s.Drive.Folder(ctx, id)
				mu.Lock()
				if s.cache[id] = (kept{f}); err != nil {
					delete(s.cache, id)
					failed = errors.Join(failed, err)
				}
				mu.Unlock()
			}
		})
	}
	for _, id := range ids {
		mu.Lock()
		_, known := s.cache[id]
		stop := failed != nil
		mu.Unlock()
		if stop {
			break
		}
		if !known {
			todo <- id
		}
	}
	close(todo)
	all.Wait()
	return failed
}

// tree is the drive's side: every folder once, and not deeper than a client goes.
type tree struct {
	side[there]
	full map[string]int // entries of folders, by id, with those in the trash
	ids  map[string]int // how often an object or folder stands in it
	left []string       // folders in which somebody left a deletion half-way
}

// look reads the drive's folder and all below, level by level.
func (s *Session) look(ctx context.Context, top string) (t tree, err error) {
	t = tree{side: newSide[there](), full: map[string]int{}, ids: map[string]int{}}
	if top == "" { // with Dry: it is not there yet
		return t, nil
	}
	end := s.Drive.Seen.Together()
	defer func() { err = errors.Join(err, end()) }()
	if err := s.refresh(ctx); err != nil {
		return t, err
	}
	type level struct{ id, key, path string }
	seen := map[string]bool{top: true}
	now := []level{{id: top}}
	for depth := 0; len(now) > 0; depth++ {
		if depth > sealed.MaxDepth {
			return t, fmt.Errorf("read drive: %w", sealed.ErrClosed)
		}
		ids := make([]string, len(now))
		for i, l := range now {
			ids[i] = l.id
		}
		if err := s.read(ctx, ids); err != nil {
			return t, err
		}
		var next []level
		for _, l := range now {
			f := s.cache[l.id].folder
			t.full[l.id] = len(f.Entries)
			if s.Drive.Left(f) {
				t.left = append(t.left, l.id)
			}
			for _, e := range f.Entries {
				if e.Trashed != 0 {
					continue
				}
				x := &there{key: join(l.key, sealed.NameKey(e.Name)), path: join(l.path, e.Name), folder: l.id, entry: e}
				if len(t.all) == mostEntries {
					return t, errMany
				}
				t.ids[e.ID]++
				if s.Ignore.Match(x.path, x.dir()) || len(base(x.path)) >= len(Ours) && base(x.path)[:len(Ours)] == Ours {
					t.blocked[x.key] = true
					continue
				}
				t.all[x.key] = x
				if !x.dir() {
					continue
				}
				if seen[e.ID] { // a folder in two places: nobody made that
					return t, fmt.Errorf("read drive: %w", sealed.ErrClosed)
				}
				seen[e.ID] = true
				next = append(next, level{e.ID, x.key, x.path})
			}
		}
		now = next
	}
	return t, nil
}

// lone says whether all that stands below a folder of the drive now was there, or left,
// when it was looked at: then nothing new goes with it.
func (s *Session) lone(ctx context.Context, t tree, id string, depth int) (bool, error) {
	if depth > sealed.MaxDepth {
		return false, fmt.Errorf("read drive: %w", sealed.ErrClosed)
	}
	if err := s.read(ctx, []string{id}); err != nil {
		return false, err
	}
	for _, e := range s.cache[id].folder.Entries {
		if e.Trashed != 0 {
			continue
		}
		if t.ids[e.ID] == 0 {
			return false, nil
		}
		if e.Kind == sealed.IsFolder {
			if ok, err := s.lone(ctx, t, e.ID, depth+1); !ok || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

var folderName = regexp.MustCompile(`^[0-9a-f]{32}$`)

// orphans deletes what an earlier call stored, that was ended before it stood in a
// folder. Another device may have moved it since, so all of the drive is asked.
func (s *Session) orphans(ctx context.Context) error {
	if len(s.state.pending) == 0 {
		return nil
	}
	s.state.earlier = slices.Collect(maps.Keys(s.state.pending))
	if err := s.refresh(ctx); err != nil {
		return err
	}
	stands := map[string]bool{}
	l, err := s.Drive.Server.Cabinet(ctx, 0)
	if err != nil {
		return fmt.Errorf("ask what is there: %w", err)
	}
	var ids []string
	for _, i := range l.Items {
		if i.Drawer == sealed.Drawer && !i.Gone && (i.Name == sealed.Root || folderName.MatchString(i.Name)) {
			ids = append(ids, i.Name)
		}
	}
	if !slices.Contains(ids, sealed.Root) {
		return nil
	}
	if err := s.read(ctx, ids); err != nil {
		return nil // nothing is deleted on a guess
	}
	for _, id := range ids {
		for _, e := range s.cache[id].folder.Entries {
			stands[e.ID] = true
			for _, v := range e.Versions {
				stands[v.ID] = true
			}
		}
	}
	if now, err := s.Drive.Server.Cabinet(ctx, l.Version); err != nil || len(now.Items) > 0 || !now.Complete {
		return nil // something moves: another time
	}
	for id := range s.state.pending {
		if !stands[id] {
			if err := s.Drive.Drop(ctx, sealed.IsFile, id); err != nil {
				return err
			}
		}
	}
	s.state.earlier = nil
	return s.state.settle()
}
