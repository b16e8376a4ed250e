package mirror

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"sealpost/filestore/sealed"
)

// kind is what is to be done about one key.
type kind uint8

const (
	settled    kind = iota // both have the same: agree on it
	gone                   // neither has it: forget it
	makeHere               // a folder
	makeThere              // a folder
	send                   // a file, new or a new version
	fetch                  // a file, new or a new version
	moveHere               // a file that was moved in the drive
	moveThere              // a file that was moved on this disk
	nameHere               // it got another name in the drive, of the same key
	nameThere              // and on this disk
	aside                  // both wrote: what is here gets a name of its own
	asideThere             // a file there is in the way of a folder here
	trashThere             // what was deleted here
	trashHere              // what was deleted there
	ownOnly                // left alone, or part of another step
	unreadable             // what is here changes, or cannot be read
)

var deeds = map[kind]string{
	makeHere: "folder here", makeThere: "folder there", send: "sent", fetch: "fetched", moveHere: "moved here", moveThere: "moved there",
	nameHere: "renamed here", nameThere: "renamed there", aside: "kept beside", asideThere: "kept beside", trashThere: "into the drive's trash", trashHere: "into the trash here",
}

// step is one of a plan.
type step struct {
	kind  kind
	key   string
	here  *here
	there *there
	was   *agreed
	from  string // moves: the key it had
	to    string // path here, of what comes
	why   error
}

// path is how a step is told.
func (p *step) path() string {
	switch {
	case p.here != nil:
		return p.here.path
	case p.to != "":
		return p.to
	case p.there != nil:
		return p.there.path
	}
	return p.key
}

// sight is both sides, as they were seen, and what they agreed on.
type sight struct {
	*Session
	here  side[here]
	there tree
	plan  map[string]*step
	stays map[string]bool // folders of which something stays on the side that still has it
	taken map[string]map[string]bool
}

// decide plans a round.
func (s *Session) decide(ctx context.Context, h side[here], t tree) (*sight, error) {
	w := &sight{Session: s, here: h, there: t, plan: map[string]*step{}, stays: map[string]bool{}}
	keys := map[string]bool{}
	for key := range s.state.all {
		keys[key] = true
	}
	for key := range h.all {
		keys[key] = true
	}
	for key := range t.all {
		keys[key] = true
	}
	for b := range h.blocked {
		w.hold(b)
	}
	for b := range t.blocked {
		w.hold(b)
	}
	for _, key := range backwards(keys) { // what is in a folder before the folder
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if w.blocked(key) {
			w.hold(key)
			continue
		}
		p := &step{key: key, here: h.all[key], there: t.all[key], was: s.state.all[key]}
		w.judge(ctx, p)
		w.plan[key] = p
		if p.kind != trashHere && p.kind != trashThere && p.kind != gone {
			w.hold(key)
		}
	}
	w.moves()
	if s.Direction != Both {
		w.oneWay()
	}
	w.paths()
	return w, nil
}

// backwards sorts keys so that what is below comes before what is above.
func backwards(keys map[string]bool) []string {
	all := make([]string, 0, len(keys))
	for k := range keys {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(b, a) })
	return all
}

// blocked says whether something at or above a key is not to be touched.
func (w *sight) blocked(key string) bool {
	for k := key; k != ""; k = parent(k) {
		if w.here.blocked[k] || w.there.blocked[k] {
			return true
		}
	}
	return false
}

// hold keeps the folders above.
func (w *sight) hold(key string) {
	for k := parent(key); k != "" && !w.stays[k]; k = parent(k) {
		w.stays[k] = true
	}
}

func (w *sight) judge(ctx context.Context, p *step) {
	h, t, was := p.here, p.there, p.was
	switch {
	case h == nil && t == nil:
		p.kind = gone
	case h != nil && t != nil && h.dir && t.dir():
		p.kind = settled
		w.names(p)
	case h != nil && t != nil && h.dir: // what was a file became a folder here
		if p.kind = asideThere; was != nil && !was.Dir && was.ID == t.entry.ID {
			p.kind = trashThere
		}
	case h != nil && t != nil && t.dir():
		p.kind = aside
		if was != nil && !was.Dir {
			if same, err := w.unchanged(h, was); err == nil && same {
				p.kind = trashHere
			}
		}
	case h != nil && t != nil:
		w.both(ctx, p)
	case h != nil && h.dir:
		p.kind = makeThere
		if was != nil && was.Dir && !w.stays[p.key] {
			p.kind = trashHere
		}
	case t != nil && t.dir():
		p.kind = makeHere
		if was != nil && was.Dir && !w.stays[p.key] {
			p.kind = trashThere
		}
	case h != nil:
		p.kind = send
		if was != nil && !was.Dir {
			if same, err := w.unchanged(h, was); err != nil {
				p.kind, p.why = unreadable, err
			} else if same {
				p.kind = trashHere
			}
		}
	default:
		p.kind = fetch
		if was != nil && !was.Dir && was.ID == t.entry.ID {
			p.kind = trashThere
		}
	}
}

// both is about a file that stands on both sides.
func (w *sight) both(ctx context.Context, p *step) {
	h, t, was := p.here, p.there, p.was
	mine, theirs := true, true // changed
	var err error
	if was != nil && !was.Dir {
		theirs = was.ID != t.entry.ID
		var same bool
		if same, err = w.unchanged(h, was); err == nil {
			mine = !same
		}
	}
	switch {
	case err != nil:
	case !mine && !theirs:
		p.kind = settled
		w.names(p)
		return
	case !theirs:
		p.kind = send
		return
	case !mine:
		p.kind = fetch
		return
	}
	var equal bool
	if err == nil {
		equal, err = w.equal(ctx, h, t)
	}
	switch {
	case err != nil:
		p.kind, p.why = unreadable, err
	case equal:
		p.kind = settled
	default:
		p.kind = aside
	}
}

// names follows a name that changed in case or form alone.
func (w *sight) names(p *step) {
	if p.was == nil || p.was.Dir != p.here.dir {
		return
	}
	mine, theirs := base(p.was.Here) != base(p.here.path), p.was.Name != p.there.entry.Name
	switch {
	case mine && !theirs && p.was.Name != sealed.CleanName(base(p.here.path)):
		p.kind = nameThere
	case theirs && !mine && base(p.here.path) != w.onDisk(p.there.entry.Name):
		p.kind, p.to = nameHere, join(parent(p.here.path), w.onDisk(p.there.entry.Name))
	}
}

// unchanged says whether a file of this disk is the one that was agreed on.
func (w *sight) unchanged(h *here, was *agreed) (bool, error) {
	if h.size == was.Size && h.at == was.At && !was.Fresh {
		h.hash = was.Hash
		return true, nil
	}
	if h.size != was.Size {
		return false, nil
	}
	sum, err := w.hashHere(h)
	return err == nil && bytes.Equal(sum, was.Hash), err
}

// equal says whether both have one content.
func (w *sight) equal(ctx context.Context, h *here, t *there) (bool, error) {
	if h.size != t.entry.Length {
		return false, nil
	}
	mine, err := w.hashHere(h)
	if err != nil {
		return false, err
	}
	theirs, err := w.Drive.Hash(ctx, t.entry.Head(), t.entry.ID)
	return err == nil && bytes.Equal(mine, theirs), err
}

// moves finds files that went from one place to another, so that nothing is carried
// twice: in the drive by their object, on this disk by their content.
func (w *sight) moves() {
	byID, bySize := map[string]*step{}, map[int64][]*step{}
	for _, p := range w.plan {
		switch {
		case p.was == nil || p.was.Dir:
		case p.kind == trashHere:
			byID[p.was.ID] = p
		case p.kind == trashThere && p.was.Size > 0:
			bySize[p.was.Size] = append(bySize[p.was.Size], p)
		}
	}
	for _, p := range w.plan {
		switch {
		case p.was != nil:
		case p.kind == fetch && byID[p.there.entry.ID] != nil:
			old := byID[p.there.entry.ID]
			delete(byID, p.there.entry.ID)
			p.kind, p.from, p.here = moveHere, old.key, old.here
			old.kind = ownOnly
		case p.kind == send && p.here != nil && len(bySize[p.here.size]) > 0:
			all := bySize[p.here.size]
			sum, err := w.hashHere(p.here)
			at := slices.IndexFunc(all, func(old *step) bool { return err == nil && bytes.Equal(sum, old.was.Hash) })
			if at < 0 {
				continue
			}
			old := all[at]
			bySize[p.here.size] = slices.Delete(all, at, at+1)
			p.kind, p.from, p.there = moveThere, old.key, old.there
			old.kind = ownOnly
		}
	}
}

// oneWay leaves alone what the other direction would do.
func (w *sight) oneWay() {
	for _, p := range w.plan {
		up := w.Direction == Up
		switch p.kind {
		case makeThere, send:
			if !up {
				p.kind = ownOnly
			}
		case makeHere, fetch, nameHere:
			if up && p.kind == fetch && p.here != nil {
				p.kind = send
			} else if up {
				p.kind = ownOnly
			}
		case aside, asideThere:
			switch {
			case p.here.dir || p.there.dir():
				p.kind, p.why = unreadable, errors.New("is a file on one side and a folder on the other")
			case up:
				p.kind = send
			case w.Force:
				p.kind = fetch
			default:
				p.kind, p.why = unreadable, errors.New("is there already (--force overwrites it)")
			}
		}
	}
}

// paths gives what comes a name on this disk.
func (w *sight) paths() {
	w.taken = map[string]map[string]bool{}
	take := func(path string) {
		dir := parent(path)
		if w.taken[dir] == nil {
			w.taken[dir] = map[string]bool{}
		}
		w.taken[dir][sealed.NameKey(base(path))] = true
	}
	for _, h := range w.here.all {
		take(h.path)
	}
	dirs := map[string]string{} // path of each key's folder
	for key, h := range w.here.all {
		if h.dir {
			dirs[key] = h.path
		}
	}
	keys := map[string]bool{}
	for key, p := range w.plan {
		if p.kind == makeHere || p.kind == fetch && p.here == nil || p.kind == moveHere {
			keys[key] = true
		}
	}
	all := backwards(keys)
	slices.Reverse(all)
	for _, key := range all {
		p := w.plan[key]
		dir, known := dirs[parent(key)]
		if !known && parent(key) != "" {
			p.kind, p.why = unreadable, errors.New("its folder cannot be made here")
			continue
		}
		name := w.onDisk(p.there.entry.Name)
		if p.was != nil && p.was.Here != "" && parent(p.was.Here) == dir {
			name = base(p.was.Here)
		}
		p.to = join(dir, freeName(name, w.taken[dir]))
		take(p.to)
		if p.kind == makeHere {
			dirs[key] = p.to
		}
	}
}

// guard holds deletions back that are more than half of what was agreed on.
func (w *sight) guard() (held int) {
	files, doomed := 0, 0
	for _, a := range w.state.all {
		if !a.Dir {
			files++
		}
	}
	for _, p := range w.plan {
		if (p.kind == trashHere || p.kind == trashThere) && p.was != nil && !p.was.Dir {
			doomed++
		}
	}
	if w.Deletions || files <= guardFrom || 2*doomed <= files {
		return 0
	}
	for _, p := range w.plan {
		if p.kind == trashHere || p.kind == trashThere {
			p.kind = ownOnly
		}
	}
	return doomed
}
