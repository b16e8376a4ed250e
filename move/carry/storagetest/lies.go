package storagetest

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/move/carry"
)

// lying gives what arrives another form, while it is on.
type lying struct {
	carry.Rows
	lie func(*carry.Batch) bool
	on  *atomic.Bool
	did *atomic.Bool
}

func (l lying) Write(ctx context.Context, o mailstore.Owner, b *carry.Batch) error {
	if l.on.Load() && l.lie(b) {
		l.did.Store(true)
	}
	return l.Rows.Write(ctx, o, b)
}

// arriving is the first message of a batch that comes whole, or nil.
func arriving(b *carry.Batch) *mailstore.Message {
	for i := range b.Writes.Messages {
		if m := &b.Writes.Messages[i]; m.Mail != nil {
			return m
		}
	}
	return nil
}

// lies are what may become of records on their way.
func lies() map[string]func(*carry.Batch) bool {
	without := func(b *carry.Batch, which func(mailstore.Message) bool) bool {
		at := slices.IndexFunc(b.Writes.Messages, which)
		if at >= 0 {
			b.Writes.Messages = slices.Delete(slices.Clone(b.Writes.Messages), at, at+1)
		}
		return at >= 0
	}
	return map[string]func(*carry.Batch) bool{
		"a message is lost": func(b *carry.Batch) bool {
			return without(b, func(m mailstore.Message) bool { return m.Mail != nil })
		},
		"an expunge is lost": func(b *carry.Batch) bool {
			return without(b, func(m mailstore.Message) bool { return m.Entry.Gone })
		},
		"a message is doubled": func(b *carry.Batch) bool {
			m := arriving(b)
			if m == nil {
				return false
			}
			twin, mail := *m, *m.Mail
			twin.Mail, twin.Entry.UID, mail.UID = &mail, m.Entry.UID+100_000, m.Entry.UID+100_000
			b.Writes.Messages = append(b.Writes.Messages, twin)
			return true
		},
		"another second": func(b *carry.Batch) bool {
			m := arriving(b)
			if m != nil {
				m.Entry.Received = m.Entry.Received.Add(time.Second)
			}
			return m != nil
		},
		"another flag": func(b *carry.Batch) bool {
			m := arriving(b)
			if m != nil {
				m.Entry.Flags = []string{`\Draft`}
			}
			return m != nil
		},
		"another MODSEQ": func(b *carry.Batch) bool {
			m := arriving(b)
			if m != nil {
				m.Entry.Modseq++
			}
			return m != nil
		},
		"another blob": func(b *carry.Batch) bool {
			m := arriving(b)
			if m != nil {
				mail := *m.Mail
				mail.Letters = slices.Clone(mail.Letters)
				mail.Letters[0].ID[0] ^= 1
				m.Mail = &mail
			}
			return m != nil
		},
		"another UIDNEXT": func(b *carry.Batch) bool {
			for i := range b.Writes.Mailboxes {
				b.Writes.Mailboxes[i].UIDNext += 100
				return true
			}
			return false
		},
		"another note": func(b *carry.Batch) bool {
			for box := range b.Writes.Notes {
				b.Writes.Notes[box] = []byte("another")
				return true
			}
			return false
		},
		"another usage": func(b *carry.Batch) bool {
			b.Writes.Books.Bytes++
			return b.Writes.Books.Open
		},
		"a box is lost": func(b *carry.Batch) bool {
			lost := len(b.Boxes) > 0
			if lost {
				b.Boxes = b.Boxes[1:]
			}
			return lost
		},
		"a part is lost": func(b *carry.Batch) bool {
			lost := len(b.Parts) > 0
			if lost {
				b.Parts = b.Parts[1:]
			}
			return lost
		},
		"a file is lost": func(b *carry.Batch) bool {
			lost := len(b.Objects) > 0
			if lost {
				b.Objects = b.Objects[1:]
			}
			return lost
		},
		"another link": func(b *carry.Batch) bool {
			for i := range b.Links {
				b.Links[i].Most += 5
				return true
			}
			return false
		},
		"another share": func(b *carry.Batch) bool {
			for id := range b.Writes.Shares {
				b.Writes.Shares[id]++
				return true
			}
			return false
		},
		"another spelling": func(b *carry.Batch) bool {
			for i := range b.Keywords {
				w := &b.Keywords[i]
				upper := []byte(w.Spelling)
				upper[0] ^= 'a' ^ 'A'
				w.Spelling = string(upper)
				return true
			}
			return false
		},
	}
}

// Compared has what is changed, lost or doubled on the way found, whether it goes with all, while its owner writes or behind
// the gate. It is about what compares, so one pair of engines will do.
func Compared(t *testing.T, open OpenYard) {
	for name, lie := range lies() {
		for when, stage := range []string{"with all", "meanwhile", "behind the gate"} {
			t.Run(name+" "+stage, func(t *testing.T) {
				t.Parallel()
				told := false
				for seed := range uint64(6) { // not every history has it
					if told = compared(t, open, 100+seed, lie, when) || told; told {
						break
					}
				}
				if !told {
					t.Error("nothing of that kind went there")
				}
			})
		}
	}
}

// compared lies at one of three times, and says whether it did.
func compared(t *testing.T, open OpenYard, seed uint64, lie func(*carry.Batch) bool, when int) bool {
	c := newChased(t, open, seed)
	write := func() {
		for range 70 {
			c.must(c.history.step(t.Context()))
		}
	}
	write()
	on, did, to := &atomic.Bool{}, &atomic.Bool{}, *c.To
	to.Rows = lying{to.Rows, lie, on, did}
	c.To = &to
	var chase *carry.Chase
	var err error
	for now, part := range []func(){
		func() { chase, err = c.Chase(t.Context(), c.o) },
		func() { _, err = chase.Again(t.Context()) },
		func() { _, err = chase.Finish(t.Context()) },
	} {
		on.Store(now == when)
		if part(); err != nil {
			break
		}
		if now < 2 {
			write()
		}
	}
	if err != nil && !errors.Is(err, carry.ErrDiffers) {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if did.Load() && err == nil && c.Compare(t.Context(), c.o) != nil {
		t.Errorf("seed %d: what arrived is taken for what was sent", seed)
	}
	return did.Load()
}
