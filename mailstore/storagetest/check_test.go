package storagetest

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// liar is an index that shows one thing wrong.
type liar struct {
	mailstore.Index
	box   func(*mailstore.Mailbox)
	entry func(*mailstore.Entry) bool // whether it is shown
	usage func(*mailstore.Usage)
	blob  func() int // times each blob is listed
}

func (l liar) Mailboxes(ctx context.Context, o mailstore.Owner) ([]mailstore.Mailbox, error) {
	all, err := l.Index.Mailboxes(ctx, o)
	for i := range all {
		if l.box != nil {
			l.box(&all[i])
		}
	}
	return all, err
}

func (l liar) Entries(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		for e, err := range l.Index.Entries(ctx, o, b, since) {
			if l.entry != nil && !l.entry(&e) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (l liar) Usage(ctx context.Context, o mailstore.Owner) (mailstore.Usage, error) {
	u, err := l.Index.Usage(ctx, o)
	if l.usage != nil {
		l.usage(&u)
	}
	return u, err
}

func (l liar) Blobs(ctx context.Context) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		for id, err := range l.Index.Blobs(ctx) {
			for range l.blob() {
				if !yield(id, err) {
					return
				}
			}
		}
	}
}

// complaints counts what a check says.
type complaints struct{ said []string }

func (*complaints) Helper()                        {}
func (c *complaints) Error(args ...any)            { c.said = append(c.said, fmt.Sprint(args...)) }
func (c *complaints) Errorf(f string, args ...any) { c.said = append(c.said, fmt.Sprintf(f, args...)) }
func (c *complaints) Fatalf(f string, args ...any) { c.Errorf(f, args...) }

// Each lie turns the check red; without one it stays green.
func TestCheckSeesLies(t *testing.T) {
	t.Parallel()
	honest := NewModel(Options{Now: time.Now, Remember: 10})
	for _, changes := range [][]mailstore.Change{
		{mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}, mailstore.Create{Name: "b"}},
		{mailstore.Append{Box: 1, Mail: newMail(1), Size: 5}, mailstore.Append{Box: 1, Mail: newMail(1), Size: 5}, mailstore.Append{Box: 1, Mail: newMail(1), Size: 5}},
		{mailstore.Expunge{Box: 1, UIDs: []mailstore.UID{2}}, mailstore.Copy{From: 1, To: 2, UIDs: []mailstore.UID{1}}},
	} {
		if _, err := honest.Apply(t.Context(), alice, changes); err != nil {
			t.Fatal(err)
		}
	}
	once := func() int { return 1 }
	lies := map[string]liar{
		"none":               {},
		"messages":           {box: func(b *mailstore.Mailbox) { b.Messages++ }},
		"unseen":             {box: func(b *mailstore.Mailbox) { b.Unseen = 0 }},
		"bytes":              {box: func(b *mailstore.Mailbox) { b.Bytes++ }},
		"UIDNEXT":            {box: func(b *mailstore.Mailbox) { b.UIDNext = 3 }},
		"HIGHESTMODSEQ":      {box: func(b *mailstore.Mailbox) { b.Modseq = 2 }},
		"UIDVALIDITY twice":  {box: func(b *mailstore.Mailbox) { b.UIDValidity = 7 }},
		"name":               {box: func(b *mailstore.Mailbox) { b.Name = "../" + b.Name }},
		"subscribed":         {box: func(b *mailstore.Mailbox) { b.Subscribed = true }},
		"log forgets":        {box: func(b *mailstore.Mailbox) { b.Expunged++ }},
		"usage":              {usage: func(u *mailstore.Usage) { u.Bytes -= 1000 }},
		"entry hidden":       {entry: func(e *mailstore.Entry) bool { return e.UID != 3 }},
		"expunged UID lives": {entry: func(e *mailstore.Entry) bool { e.Gone = false; return true }},
		"MODSEQ too high":    {entry: func(e *mailstore.Entry) bool { e.Modseq = 99; return true }},
		"blob not in use":    {blob: func() int { return 2 }},
		"blob forgotten":     {blob: func() int { return 0 }},
	}
	for name, lie := range lies {
		lie.Index = honest
		if lie.blob == nil {
			lie.blob = once
		}
		var c complaints
		Check(&c, lie, alice, bob)
		if (len(c.said) == 0) != (name == "none") {
			t.Errorf("%s: the check says %q", name, c.said)
		}
	}
}
