package ordering

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Finish looks at all mailboxes through all nodes, when nothing is broken any more, opens all that is
// there with open, which gives the text of a mail as it is served, and checks the log.
// It fails when a node is not well before ctx ends.
func (w *World) Finish(ctx context.Context, open func(served string) (string, error)) ([]Finding, error) {
	for i, n := range w.Nodes {
		c := w.client("finish-"+n.Name, uint64(5000+i))
		for _, box := range w.Boxes {
			if err := c.insist(ctx, n, func() bool { return c.look(box, false) }); err != nil {
				return nil, fmt.Errorf("look through node %s: %w", n.Name, err)
			}
			if i > 0 { // the others have the same mails, as the look shows
				continue
			}
			if err := c.insist(ctx, n, func() bool { return c.box == box && c.read(open) || c.look(box, false) && c.read(open) }); err != nil {
				return nil, fmt.Errorf("read through node %s: %w", n.Name, err)
			}
		}
		c.leave()
	}
	for i, c := range w.clients { // each goes on from what it knew
		for _, box := range w.Boxes {
			if err := c.insist(ctx, w.Nodes[i%len(w.Nodes)], func() bool { return c.look(box, true) }); err != nil {
				return nil, fmt.Errorf("resume client %s: %w", c.name, err)
			}
		}
		c.leave()
	}
	all, err := w.Log.Records()
	if err != nil {
		return nil, fmt.Errorf("write log: %w", err)
	}
	return Check(all), nil
}

// insist tries until it is done.
func (c *client) insist(ctx context.Context, n Node, do func() bool) (err error) {
	for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if c.wire == nil {
			if err = c.connect(n); err != nil {
				continue
			}
		}
		if do() {
			return nil
		}
	}
	return fmt.Errorf("it is not well: %w", errors.Join(context.Cause(ctx), err))
}

// What reads all bodies in the end: how many are asked for in one command, and for how long
// those are asked for again that could not be read.
const (
	readAtOnce = 20
	readAgain  = 10 * time.Second
)

// read opens all bodies of the selected mailbox, and writes down which mail each is; of one that
// cannot be read, that it is none. It fails when the connection does.
func (c *client) read(open func(string) (string, error)) bool {
	marks := map[uint32]string{}
	r := &Record{Do: Read}
	for until := time.Now().Add(readAgain); ; time.Sleep(200 * time.Millisecond) {
		var left []uint32
		for uid := range c.known[c.box].all {
			if marks[uid] == "" {
				left = append(left, uid)
			}
		}
		if len(left) == 0 || time.Now().After(until) {
			break
		}
		slices.Sort(left)
		at := readAtOnce
		if len(marks) > 0 { // one that cannot be read is not to hide others
			at = 1
		}
		for part := range slices.Chunk(left, at) {
			a, _ := c.say(r, "UID FETCH %s (UID BODY.PEEK[])", setOf(part))
			if c.wire == nil {
				return false
			}
			for uid, served := range a.bodies {
				marks[uid] = markIn(open, served)
			}
		}
	}
	for uid := range c.known[c.box].all {
		r.Seen = append(r.Seen, Message{UID: uid, Mark: marks[uid]})
	}
	c.Log.Add(r)
	return true
}

// markIn is which mail it is that was served, if it is one of the run, whole.
func markIn(open func(string) (string, error), served string) string {
	text, err := open(served)
	if mark := markItem.FindStringSubmatch(text); err == nil && mark != nil && strings.HasSuffix(text, Letter(mark[1])) { // below what servers added
		return mark[1]
	}
	return ""
}
