package mirror

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
	"sealpost/webmail/api/client/files"
)

const (
	senders  = 3 // batches at the same time
	getters  = 4
	large    = 2 // files, each with lanes of its own
	tries    = 3 // of a file that is written to while it is read
	mostHeld = 8 << 20
)

// carry sends and fetches files.
func (x *turn) carry(ctx context.Context) error {
	var jobs []func()
	var big []func()
	for _, b := range batches(x.steps(send), client.MostBatch, client.MostBatchSize) {
		jobs = append(jobs, func() { x.sendSmall(ctx, b) })
	}
	sends := len(jobs)
	for _, b := range batches(x.steps(fetch), client.MostBatch, mostHeld) {
		jobs = append(jobs, func() { x.fetchSmall(ctx, b) })
	}
	for _, p := range x.steps(send, fetch) {
		if files.IsSmall(size(p)) {
			continue
		}
		if p.kind == send {
			big = append(big, func() { x.sendLarge(ctx, p) })
		} else {
			big = append(big, func() { x.fetchLarge(ctx, p) })
		}
	}
	do := func(job func()) {
		if ctx.Err() == nil && !x.over() {
			job()
		}
	}
	each(3, []func(){
		func() { each(senders, jobs[:sends], do) },
		func() { each(getters, jobs[sends:], do) },
		func() { each(large, big, do) },
	}, func(all func()) { all() })
	return nil
}

func (x *turn) over() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.failed != nil
}

// batches puts small files together, as they come.
func batches(all []*step, most, bytes int) (out [][]*step) {
	var now []*step
	held := int64(0)
	for _, p := range all {
		n := sealed.Size(min(size(p), client.MostSmall))
		if !files.IsSmall(size(p)) {
			continue
		}
		if len(now) == most || len(now) > 0 && held+n > int64(bytes) {
			out, now, held = append(out, now), nil, 0
		}
		now, held = append(now, p), held+n
	}
	if len(now) > 0 {
		out = append(out, now)
	}
	return out
}

// sending is a file that was sealed and has not gone yet.
type sending struct {
	step  *step
	here  *here
	small files.Small
}

func (x *turn) sendSmall(ctx context.Context, batch []*step) {
	var all []sending
	var ids []string
	room := client.MostBatchSize
	for _, p := range batch {
		if _, known := x.folderOf(p); !known {
			x.fail(p, errLost)
			continue
		}
		h, content, err := x.resting(p.here)
		if err == nil && x.touched(p, h) {
			continue
		}
		var s files.Small
		if err == nil {
			s, err = files.SealSmall(sealed.CleanName(base(h.path)), content, time.Unix(0, h.at))
		}
		if err == nil && s.Size() > room { // it grew since it was listed
			err = errMoving
		}
		if err != nil {
			x.fail(p, err)
			continue
		}
		room -= s.Size()
		all, ids = append(all, sending{p, h, s}), append(ids, s.Entry.ID)
	}
	if len(all) == 0 {
		return
	}
	if err := x.state.note(entry{Sent: ids}); err != nil {
		x.end(err)
		return
	}
	octets := make([]files.Small, len(all))
	for i, s := range all {
		octets[i] = s.small
	}
	if err := x.Drive.Bring(ctx, octets); err != nil {
		x.mu.Lock()
		x.sure = false
		x.mu.Unlock()
		for _, s := range all {
			x.fail(s.step, err)
		}
		return
	}
	for _, s := range all {
		x.enter(ctx, s.step, s.here, s.small.Entry, func() {})
	}
}

// folderOf is the drive's folder in which a file is to stand.
func (x *turn) folderOf(p *step) (id string, known bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	id, known = x.folders[parent(p.key)]
	return id, known
}

// enter puts what was sent into its folder.
func (x *turn) enter(ctx context.Context, p *step, h *here, e sealed.Entry, then func()) {
	in, known := x.folderOf(p)
	expect := ""
	if p.there != nil {
		expect = p.there.entry.ID
	}
	done := func(err error) {
		if err != nil {
			x.fail(p, errors.Join(err, x.drop(ctx, sealed.IsFile, e.ID, err)))
			return
		}
		h.hash = e.Hash
		a := x.agreedOn(h, e)
		if p.there != nil {
			a.Name = p.there.entry.Name
		}
		x.did(p, a)
		then()
	}
	if !known {
		done(errLost)
		return
	}
	if err := x.ledger.add(ctx, in, &wish{do: func(f *folder) error { return f.add(e, expect) }, done: done}); err != nil {
		x.end(err)
	}
}

// touched says that a file has another date, and the content that was agreed on.
func (x *turn) touched(p *step, h *here) bool {
	if p.was == nil || p.there == nil || p.was.ID != p.there.entry.ID || string(h.hash) != string(p.was.Hash) {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	a := *p.was
	a.At, a.Size, a.Fresh = h.at, h.size, x.fresh(h.at)
	x.agreed[p.key] = &a
	x.in.Done++
	x.in.Bytes += h.size
	return true
}

// resting reads a small file that nobody writes to meanwhile.
func (x *turn) resting(h *here) (*here, []byte, error) {
	for try := 1; ; try++ {
		b, err := x.content(h)
		if err == nil {
			now := *h
			now.hash = sum(b)
			return &now, b, nil
		}
		if !errors.Is(err, errMoving) || try == tries {
			return h, nil, err
		}
		time.Sleep(time.Duration(try) * 100 * time.Millisecond)
		info, err := x.root.Lstat(h.path)
		if err != nil {
			return h, nil, err
		}
		if !info.Mode().IsRegular() || !files.IsSmall(info.Size()) {
			return h, nil, errMoving
		}
		h = &here{key: h.key, path: h.path, size: info.Size(), at: info.ModTime().UnixNano()}
	}
}

func (x *turn) content(h *here) ([]byte, error) {
	f, err := x.open(h)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, h.size, h.size+1)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, errMoving
	}
	if info, err := f.Stat(); err != nil || !h.same(info) {
		return nil, errors.Join(err, errMoving)
	}
	return b, nil
}

func (x *turn) sendLarge(ctx context.Context, p *step) {
	h := p.here
	f, err := x.open(h)
	if err != nil {
		x.fail(p, err)
		return
	}
	defer f.Close()
	before := int64(0)
	e, forget, err := x.Drive.Stage(ctx, files.Put{
		File: filepath.Join(x.Dir, h.path), Source: f, Folder: x.Path + "/" + parent(p.key), Name: sealed.CleanName(base(h.path)), Cache: x.Cache,
		Tell: func(done, of int64) { before = x.tell(before, done*h.size/max(of, 1)) },
	})
	x.tell(before, 0)
	if err != nil {
		x.fail(p, err)
		return
	}
	x.enter(ctx, p, h, e, forget)
}

// tell counts what of a large file was carried.
func (x *turn) tell(before, now int64) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.in.Bytes += now - before
	if now > 0 {
		x.Tell(x.in)
	}
	return now
}

// arrival is a file that waits for its name.
type arrival struct {
	step *step
	dir  *os.Root
	part string
	is   *here // what it will be, under its name
}

func (x *turn) fetchSmall(ctx context.Context, batch []*step) {
	var all []arrival
	heads := map[string]sealed.Head{}
	for _, p := range batch {
		heads[p.there.entry.ID] = p.there.entry.Head()
	}
	contents, err := x.Drive.Contents(ctx, heads)
	if err != nil {
		for _, p := range batch {
			x.fail(p, err)
		}
		return
	}
	for _, p := range batch {
		b, verified := contents[p.there.entry.ID]
		if !verified {
			x.fail(p, sealed.ErrClosed)
			continue
		}
		a, err := x.arrive(p, b)
		if err != nil {
			x.fail(p, err)
			continue
		}
		all = append(all, a)
	}
	if len(all) > 0 && settlesAll {
		err = settle(all[0].dir)
	}
	for _, a := range all {
		now := err
		if now == nil {
			now = x.place(a.dir, a.part, base(a.step.target()), a.step.here)
		}
		if now == nil {
			now = x.arrived(a.step, a.is)
		}
		if now != nil {
			_ = a.dir.Remove(a.part)
			x.fail(a.step, now)
		}
		a.dir.Close()
	}
}

// target is where on this disk a file is to stand.
func (p *step) target() string {
	if p.here != nil {
		return p.here.path
	}
	return p.to
}

// arrive writes a small file under a name of ours.
func (x *turn) arrive(p *step, b []byte) (a arrival, err error) {
	a = arrival{step: p, part: part + rand.Text()}
	if a.dir, err = x.above(p.target()); err != nil {
		return a, err
	}
	f, err := a.dir.OpenFile(a.part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(b)
		if err == nil && !settlesAll {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close())
	}
	if at := p.there.entry.Modified; err == nil && at > 0 {
		err = a.dir.Chtimes(a.part, time.UnixMilli(at), time.UnixMilli(at))
	}
	if err == nil {
		if a.is, err = x.seen(p, a.dir, a.part); err == nil {
			a.is.hash = sum(b)
		}
	}
	if err != nil {
		_ = a.dir.Remove(a.part)
		err = errors.Join(err, a.dir.Close())
	}
	return a, err
}

// seen is a file as it waits for its name: what is written to it under that name counts
// as a change.
func (x *turn) seen(p *step, dir *os.Root, part string) (*here, error) {
	info, err := dir.Lstat(part)
	if err != nil {
		return nil, err
	}
	return &here{key: p.key, path: p.target(), size: info.Size(), at: info.ModTime().UnixNano()}, nil
}

// arrived notes a file that has its name.
func (x *turn) arrived(p *step, h *here) (err error) {
	if h.hash == nil {
		if h.hash, err = x.hashHere(h); err != nil {
			return err
		}
	}
	x.did(p, x.agreedOn(h, p.there.entry))
	x.mu.Lock()
	due := len(x.agreed) >= 512
	x.mu.Unlock()
	if due {
		return x.save()
	}
	return nil
}

func (x *turn) fetchLarge(ctx context.Context, p *step) {
	dir, err := x.above(p.target())
	if err != nil {
		x.fail(p, err)
		return
	}
	defer dir.Close()
	before := int64(0)
	e := p.there.entry
	var is *here
	_, err = x.Drive.Fetch(ctx, e.Head(), e.ID, files.Get{
		To: base(p.target()), Dir: dir,
		Place: func(part, name string) (err error) {
			if is, err = x.seen(p, dir, part); err != nil {
				return err
			}
			return x.place(dir, part, name, p.here)
		},
		Tell: func(done, _ int64) { before = x.tell(before, done) },
	})
	x.tell(before, 0)
	if err == nil {
		is.hash = e.Hash
		err = x.arrived(p, is)
	}
	if err != nil {
		x.fail(p, err)
	}
}
