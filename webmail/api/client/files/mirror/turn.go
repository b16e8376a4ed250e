package mirror

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
	"sealpost/webmail/api/client/files"
)

// turn is a plan under way.
type turn struct {
	*sight
	ledger *ledger

	mu      sync.Mutex
	report  Report
	again   bool
	sure    bool               // that all that was stored stands in a folder
	agreed  map[string]*agreed // not noted yet
	folders map[string]string  // ids of the drive's, by key
	failed  error              // what ends the turn
}

// round looks at both sides, and does what is to be done.
func (s *Session) round(ctx context.Context) (r Report, again bool, err error) {
	t, err := s.look(ctx, s.state.top)
	if err != nil {
		return r, false, err
	}
	h, err := s.scan(ctx, t)
	if err != nil {
		return r, false, err
	}
	w, err := s.decide(ctx, h.side, t)
	if err != nil {
		return r, false, err
	}
	r.LeftOut, r.Held = h.left, w.guard()
	x := &turn{sight: w, report: r, sure: true, agreed: map[string]*agreed{}, folders: map[string]string{"": s.state.top}}
	x.ledger = &ledger{s: s, wishes: map[string][]*wish{}, after: x.save}
	for key, e := range t.all {
		if e.dir() {
			x.folders[key] = e.entry.ID
		}
	}
	if s.Dry {
		x.rehearse()
		return x.report, false, nil
	}
	if err := errors.Join(s.sweep(), s.clear(h.stale)); err != nil {
		return r, false, err
	}
	err = errors.Join(x.run(ctx), x.save())
	if err == nil && x.sure {
		err = s.state.settle()
	}
	for _, id := range t.left {
		if err == nil && s.Direction == Both {
			err = s.Drive.Purge(ctx, id, []string{id}, nil)
		}
	}
	return x.report, x.again, err
}

// scan looks at this disk, with the names that it has in the drive.
func (s *Session) scan(ctx context.Context, t tree) (*scan, error) {
	alias := map[string]string{}
	for key, e := range t.all {
		if name := base(e.path); s.onDisk(name) != name {
			alias[join(parent(key), sealed.NameKey(s.onDisk(name)))] = key
		}
	}
	x := &scan{Session: s, side: newSide[here]()}
	x.keyOf = func(dir, path string) string {
		if key := s.state.here[path]; key != "" && parent(key) == dir {
			return key
		}
		own := join(dir, sealed.NameKey(sealed.CleanName(base(path))))
		if key := alias[own]; key != "" && t.all[own] == nil {
			return key
		}
		return own
	}
	return x, x.folder(ctx, "", "", 0)
}

// steps are those of some kinds, the upper ones first.
func (x *turn) steps(kinds ...kind) (all []*step) {
	for _, p := range x.plan {
		if slices.Contains(kinds, p.kind) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *step) int { return strings.Compare(a.key, b.key) })
	return all
}

// rehearse says what would be done.
func (x *turn) rehearse() {
	for _, p := range x.plan {
		x.count(p)
	}
	for _, p := range x.steps(makeHere, makeThere, send, fetch, moveHere, moveThere, nameHere, nameThere, aside, asideThere, trashThere, trashHere) {
		x.Say(Deed{deeds[p.kind], p.path()})
	}
	for _, p := range x.steps(unreadable) {
		x.fail(p, p.why)
	}
}

// count is called with mu held, or alone.
func (x *turn) count(p *step) {
	r := &x.report
	switch p.kind {
	case send:
		r.Sent, r.Bytes = r.Sent+1, r.Bytes+p.here.size
	case fetch:
		r.Fetched, r.Bytes = r.Fetched+1, r.Bytes+p.there.entry.Length
	case moveHere, moveThere, nameHere, nameThere:
		r.Moved++
	case aside, asideThere:
		r.Conflicts++
	case trashHere, trashThere:
		if p.was == nil || !p.was.Dir {
			r.Trashed++
		}
	}
}

// did says that a step is done, and what both sides have then; nil: nothing.
func (x *turn) did(p *step, a *agreed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.count(p)
	x.agreed[p.key] = a
	if p.from != "" {
		x.agreed[p.from] = nil
	}
	if a == nil && p.here != nil && p.there != nil { // it was in the way of a folder
		x.again = true
	}
	if p.kind == send || p.kind == fetch {
		x.in.Done++
		x.in.Bytes += size(p)
		x.Tell(x.in)
	}
	if what := deeds[p.kind]; what != "" {
		x.Say(Deed{what, p.path()})
	}
}

func size(p *step) int64 {
	if p.kind == send {
		return p.here.size
	}
	return p.there.entry.Length
}

// fail says that a step is not done. What is no longer as it was seen is looked at anew.
func (x *turn) fail(p *step, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if errors.Is(err, errMoving) || errors.Is(err, errLost) || errors.Is(err, files.ErrChanging) || errors.Is(err, fs.ErrNotExist) {
		x.again = true
	}
	if hopeless(err) {
		if x.failed == nil {
			x.failed = err
		}
		return
	}
	x.report.Failed = append(x.report.Failed, Note{p.path(), plain(err)})
}

// hopeless says that the next request will fare no better: the server cannot be reached,
// or lets nobody in, or has no room.
func hopeless(err error) bool {
	var asked *url.Error
	var said *client.Problem
	return errors.As(err, &asked) || errors.As(err, &said) && (said.Status >= 500 || said.Status == http.StatusUnauthorized || said.Status == http.StatusForbidden)
}

// save notes what was agreed on.
func (x *turn) save() error {
	x.mu.Lock()
	now := x.agreed
	x.agreed = map[string]*agreed{}
	x.mu.Unlock()
	if x.Direction != Both { // then nothing may be deleted on the other side later
		return nil
	}
	for len(now) > 0 {
		some := map[string]*agreed{}
		for key, a := range now {
			some[key] = a
			delete(now, key)
			if len(some) == atOnce {
				break
			}
		}
		if err := x.state.note(entry{Set: some}); err != nil {
			return err
		}
	}
	return nil
}

// run does a plan: what makes room for others first, what deletes last.
func (x *turn) run(ctx context.Context) error {
	x.in = Progress{}
	for _, p := range x.plan {
		switch p.kind {
		case send, fetch:
			x.in.Of++
			x.in.All += size(p)
		case settled:
			x.settle(p)
		case gone:
			if p.was != nil {
				x.agreed[p.key] = nil
			}
		case unreadable:
			x.fail(p, p.why)
		}
	}
	phases := []func(context.Context) error{
		x.foldersHere, x.foldersThere, x.asides, x.movesHere, x.carry, x.movesThere, x.trashesThere, x.trashesHere,
	}
	for _, phase := range phases {
		if err := phase(ctx); err != nil {
			return err
		}
		if err := x.finish(ctx); err != nil {
			return err
		}
	}
	return nil
}

// finish puts into folders what was stored: also when somebody ends the program, who
// waits that long.
func (x *turn) finish(ctx context.Context) error {
	now := ctx
	if ctx.Err() != nil {
		var stop context.CancelFunc
		now, stop = context.WithTimeout(context.WithoutCancel(ctx), graceTime)
		defer stop()
	}
	err := errors.Join(x.ledger.flush(now), x.save())
	x.mu.Lock()
	defer x.mu.Unlock()
	return errors.Join(err, x.failed, context.Cause(ctx))
}

const graceTime = 15 * time.Second

// settle agrees on what is the same on both sides.
func (x *turn) settle(p *step) {
	if x.Direction != Both {
		return
	}
	a := &agreed{Dir: p.here.dir, Here: p.here.path, Name: p.there.entry.Name, ID: p.there.entry.ID}
	if !a.Dir {
		a.Size, a.At, a.Hash, a.Fresh = p.here.size, p.here.at, p.here.hash, x.fresh(p.here.at)
	}
	if w := p.was; w == nil || w.Dir != a.Dir || w.Here != a.Here || w.Name != a.Name || w.ID != a.ID || w.At != a.At || w.Fresh != a.Fresh {
		x.agreed[p.key] = a
	}
}

// fresh says that a file was written just now: it may be written again within what the
// file system takes for one moment.
func (x *turn) fresh(at int64) bool { return x.Drive.Now().UnixNano()-at < 2e9 }

func (x *turn) foldersHere(context.Context) error {
	for _, p := range x.steps(makeHere) {
		if err := x.root.Mkdir(p.to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			x.fail(p, err)
			continue
		}
		x.did(p, &agreed{Dir: true, Here: p.to, Name: p.there.entry.Name, ID: p.there.entry.ID})
	}
	return nil
}

// foldersThere makes folders of the drive, level by level.
func (x *turn) foldersThere(ctx context.Context) error {
	levels := map[int][]*step{}
	deepest := 0
	for _, p := range x.steps(makeThere) {
		n := strings.Count(p.key, "/")
		levels[n], deepest = append(levels[n], p), max(deepest, n)
	}
	for n := range deepest + 1 {
		err := x.Drive.Seen.Hold(func() error {
			each(readers, levels[n], func(p *step) { x.folderThere(ctx, p) })
			return nil
		})
		if err := errors.Join(err, x.ledger.flush(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (x *turn) folderThere(ctx context.Context, p *step) {
	x.mu.Lock()
	in, known := x.folders[parent(p.key)]
	x.mu.Unlock()
	if !known || ctx.Err() != nil {
		x.fail(p, errors.New("its folder is not in the drive"))
		return
	}
	e, err := x.Drive.NewFolder(ctx, sealed.CleanName(base(p.here.path)))
	if err != nil {
		x.fail(p, err)
		return
	}
	err = x.ledger.add(ctx, in, &wish{do: func(f *folder) error { return f.add(e, "") }, done: func(err error) {
		if err != nil {
			_ = x.drop(ctx, sealed.IsFolder, e.ID, err)
			x.fail(p, err)
			return
		}
		x.mu.Lock()
		x.folders[p.key] = e.ID
		x.mu.Unlock()
		x.did(p, &agreed{Dir: true, Here: p.here.path, Name: e.Name, ID: e.ID})
	}})
	if err != nil {
		x.end(err)
	}
}

// drop deletes what was stored and surely stands in no folder.
func (x *turn) drop(ctx context.Context, kind sealed.Kind, id string, why error) error {
	if errors.Is(why, errLost) || errors.Is(why, errFull) {
		return x.Drive.Drop(ctx, kind, id)
	}
	x.mu.Lock()
	x.sure = false // a folder may have it
	x.mu.Unlock()
	return nil
}

// end keeps what ends the turn.
func (x *turn) end(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failed = errors.Join(x.failed, err)
}

// sum is what a content is known by.
func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}
