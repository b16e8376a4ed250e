package disk

import "fmt"

// commit writes a group's frames, of that size, and syncs them.
func (a *appender) commit(group []*wish, size int64) error {
	if err := a.ready(); err != nil {
		return err
	}
	a.allocate(a.seg.end + size)
	a.staged = a.seg.end
	for _, w := range group {
		if err := a.write(w); err != nil {
			return fmt.Errorf("write segment: %w", err)
		}
	}
	if err := a.flush(); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	if err := a.file.Sync(); err != nil {
		return fmt.Errorf("sync segment: %w", err)
	}
	return nil
}

// write stamps a Put's frames and writes them or leaves them in stage.
func (a *appender) write(w *wish) error {
	now := a.b.o.Now()
	for _, f := range w.r.frames {
		if f.large {
			continue
		}
		_, t := split(f.id)
		f.id = join(a.seg.number, t)
		header{f.id, f.length, now}.put(f.buf)
		off := a.staged + int64(len(a.stage))
		w.entries = append(w.entries, entry{t, place{uint32(off), uint32(f.length), uint32(now.Unix())}})
		if err := a.push(f.buf); err != nil {
			return err
		}
	}
	return nil
}

func (a *appender) push(frame []byte) error {
	if len(a.stage)+len(frame) > stageBytes {
		if err := a.flush(); err != nil {
			return err
		}
	}
	if len(frame) <= stageBytes {
		a.stage = append(a.stage, frame...)
		return nil
	}
	_, err := a.file.WriteAt(frame, a.staged)
	a.staged += int64(len(frame))
	return err
}

func (a *appender) flush() error {
	if len(a.stage) == 0 {
		return nil
	}
	_, err := a.file.WriteAt(a.stage, a.staged)
	a.staged += int64(len(a.stage))
	a.stage = a.stage[:0]
	return err
}

// allocate reserves room up to end and some more. It may fail: that there is no
// room is found out when it is needed.
func (a *appender) allocate(end int64) {
	if end <= a.allocated {
		return
	}
	from := max(a.allocated, a.seg.end)
	a.allocated = max(end, from+allocateBytes)
	a.file.Allocate(from, a.allocated-from)
}

// settle answers to a group that was committed or refused.
func (a *appender) settle(group []*wish, err error) {
	a.mu.Lock()
	for _, w := range group {
		w.settled = !w.left
	}
	a.mu.Unlock()
	if err == nil {
		a.publish(group)
	}
	for _, w := range group {
		w.r.release()
		if w.settled {
			w.done <- err
		}
	}
}

// publish makes a group's blobs visible; those that nobody waits for are dead.
func (a *appender) publish(group []*wish) {
	var list []entry
	var dead []tail
	for _, w := range group {
		if w.settled {
			list = append(list, w.entries...)
			continue
		}
		for _, e := range w.entries {
			dead = append(dead, e.tail)
		}
	}
	a.seg.add(list, a.staged)
	a.seg.writeDead(dead)
}
