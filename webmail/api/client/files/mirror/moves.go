package mirror

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client/files"
)

// asides gives what is in the way a name of its own; the next round carries it.
func (x *turn) asides(ctx context.Context) error {
	for _, p := range x.steps(aside) {
		err := x.aside(p)
		if err != nil {
			x.fail(p, err)
			continue
		}
		x.count(p)
		x.Say(Deed{deeds[aside], p.path()})
		x.again = true
	}
	for _, p := range x.steps(asideThere) {
		x.wish(ctx, p, p.there.folder, func(f *folder) error { return f.aside(p.there.entry, x.Host) }, func() {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.again = true
			x.count(p)
			x.Say(Deed{deeds[p.kind], p.path()})
		})
	}
	return nil
}

func (x *turn) aside(p *step) error {
	dir, err := x.above(p.here.path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if info, err := dir.Lstat(base(p.here.path)); err != nil || !p.here.same(info) {
		return errors.Join(err, errMoving)
	}
	return x.keepBeside(dir, base(p.here.path), base(p.here.path))
}

// wish asks for one change of a folder, and does something once it was granted.
func (x *turn) wish(ctx context.Context, p *step, in string, do func(*folder) error, then func()) {
	err := x.ledger.add(ctx, in, &wish{do: do, done: func(err error) {
		if err != nil {
			x.fail(p, err)
			return
		}
		then()
	}})
	if err != nil {
		x.end(err)
	}
}

func (x *turn) movesHere(context.Context) error {
	for _, p := range x.steps(moveHere, nameHere) {
		a := &agreed{Dir: p.here.dir, Here: p.to, Name: p.there.entry.Name, ID: p.there.entry.ID}
		if !a.Dir {
			a.Size, a.At, a.Hash = p.here.size, p.here.at, p.here.hash
		}
		if err := x.moveHere(p); err != nil {
			x.fail(p, err)
			continue
		}
		x.did(p, a)
	}
	return nil
}

func (x *turn) moveHere(p *step) error {
	info, err := x.root.Lstat(p.here.path)
	if err != nil || !p.here.dir && !p.here.same(info) {
		return errors.Join(err, errMoving)
	}
	if parent(p.here.path) == parent(p.to) {
		dir, err := x.above(p.to)
		if err != nil {
			return err
		}
		defer dir.Close()
		return renameFresh(dir, base(p.here.path), base(p.to))
	}
	if err := x.root.Link(p.here.path, p.to); err == nil {
		return x.root.Remove(p.here.path)
	} else if errors.Is(err, fs.ErrExist) {
		return errMoving
	}
	if _, err := x.root.Lstat(p.to); !errors.Is(err, fs.ErrNotExist) {
		return errMoving
	}
	return x.root.Rename(p.here.path, p.to)
}

// movesThere moves files in the drive: into the new place first, so that broken off they
// are in both, and the next round takes them out of one.
func (x *turn) movesThere(ctx context.Context) error {
	var moved, lost []*step
	brought := map[*step]bool{}
	for _, p := range x.steps(moveThere) {
		in, known := x.folders[parent(p.key)]
		if !known {
			x.fail(p, errors.New("its folder is not in the drive"))
			continue
		}
		e := p.there.entry
		e.Name = sealed.CleanName(base(p.here.path))
		if in == p.there.folder {
			x.wish(ctx, p, in, func(f *folder) error { return f.rename(e.ID, e.Name) }, func() { x.did(p, x.agreedOn(p.here, e)) })
			continue
		}
		fresh := false
		x.wish(ctx, p, in, func(f *folder) error {
			_, there := f.ids[e.ID]
			fresh = !there
			return f.add(e, "")
		}, func() {
			x.mu.Lock()
			defer x.mu.Unlock()
			moved, brought[p] = append(moved, p), fresh
		})
	}
	if err := x.ledger.flush(ctx); err != nil {
		return err
	}
	for _, p := range moved {
		e := p.there.entry
		e.Name = sealed.CleanName(base(p.here.path))
		there := false
		err := x.ledger.add(ctx, p.there.folder, &wish{do: func(f *folder) error {
			err := f.leave(e.ID)
			there = err != nil && files.Stands(f.entries, e.ID)
			return err
		}, done: func(err error) {
			if err == nil {
				x.did(p, x.agreedOn(p.here, e))
				return
			}
			if x.Drive.Stays(ctx, e, err, errLost, there && brought[p]) {
				x.mu.Lock()
				lost = append(lost, p)
				x.mu.Unlock()
				err = errLost
			}
			x.fail(p, err)
		}})
		if err != nil {
			x.end(err)
		}
	}
	if err := x.ledger.flush(ctx); err != nil {
		return err
	}
	for _, p := range lost { // it was changed meanwhile, or deleted for good
		x.wish(ctx, p, x.folders[parent(p.key)], func(f *folder) error { return f.take(p.there.entry.ID) }, func() {})
	}
	return x.namesThere(ctx)
}

func (x *turn) namesThere(ctx context.Context) error {
	for _, p := range x.steps(nameThere) {
		name := sealed.CleanName(base(p.here.path))
		x.wish(ctx, p, p.there.folder, func(f *folder) error { return f.rename(p.there.entry.ID, name) }, func() {
			a := *p.was
			a.Here, a.Name = p.here.path, name
			x.did(p, &a)
		})
	}
	return nil
}

// agreedOn is a file that both sides have now.
func (x *turn) agreedOn(h *here, e sealed.Entry) *agreed {
	return &agreed{Here: h.path, Name: e.Name, ID: e.ID, Size: h.size, At: h.at, Hash: h.hash, Fresh: x.fresh(h.at)}
}

// trashesThere puts into the drive's trash what was deleted here: a folder whole, where
// all of it was.
func (x *turn) trashesThere(ctx context.Context) error {
	all := x.steps(trashThere)
	if len(all) == 0 {
		return nil
	}
	if err := x.refresh(ctx); err != nil {
		return err
	}
	for _, p := range all {
		if above := x.plan[parent(p.key)]; above != nil && above.kind == trashThere {
			continue
		}
		if p.there.dir() {
			ok, err := x.lone(ctx, x.there, p.there.entry.ID, 0)
			if err != nil {
				return err
			}
			if !ok {
				x.fail(p, errLost)
				continue
			}
		}
		id, do := p.there.entry.ID, (*folder).trash
		if x.there.ids[id] > 1 { // it was moved, and not taken out of its old place
			do = (*folder).take
		}
		x.wish(ctx, p, p.there.folder, func(f *folder) error { return do(f, id) }, func() {
			for _, q := range all {
				if under(q.key, p.key) {
					x.did(q, nil)
				}
			}
		})
	}
	return nil
}

// trashesHere puts into this folder's trash what was deleted in the drive.
func (x *turn) trashesHere(context.Context) error {
	all := x.steps(trashHere)
	slices.Reverse(all)
	for _, p := range all {
		if p.here.dir {
			if err := x.root.Remove(p.here.path); err != nil { // something is in it that nobody saw
				continue
			}
		} else if err := x.throw(p.here); err != nil {
			x.fail(p, err)
			continue
		}
		x.did(p, nil)
	}
	return nil
}
