package storagetest

import (
	"context"
	"testing"
	"time"

	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// between does something when a mailbox is brought and was looked at, and its messages were not. Before that it is looked at
// for its blobs.
type between struct {
	mailstore.Index
	box   mailstore.MailboxID
	looks int
	do    func()
}

func (b *between) Roster(ctx context.Context, o mailstore.Owner, box mailstore.MailboxID) (mailstore.Roster, error) {
	r, err := b.Index.Roster(ctx, o, box)
	if box == b.box {
		if b.looks++; b.looks == 2 {
			b.do()
		}
	}
	return r, err
}

// testEach changes what chance seldom does, each at the worst time. The clock stands, so that no time tells a change.
func testEach(t *testing.T, open OpenYard, seed uint64) {
	then := time.Now().Add(-time.Hour)
	c := newChasedAt(t, open, seed, func() time.Time { return then })
	ctx := t.Context()
	apply := func(changes ...mailstore.Change) []mailstore.Event {
		t.Helper()
		events, err := c.history.Index.Apply(ctx, c.o, changes)
		c.must(err)
		return events
	}
	mail := func(box mailstore.MailboxID, flags ...string) mailstore.Append {
		m := mailstore.Mail{Outer: []byte("outer"), Form: pgp.FormMIME, Letters: c.history.letters(ctx, pgp.KindMessage, pgp.KindCard)}
		return mailstore.Append{Box: box, Mail: m, Size: 1, Flags: flags}
	}
	box := apply(mailstore.Create{Name: "each"})[0].Box
	other := apply(mailstore.Create{Name: "other"})[0].Box
	for range 6 {
		apply(mail(box, "spelled"), mail(box, `\Seen`), mail(other, "spelled"))
	}
	file := drive.NewID()
	files := func(w drive.Wish) {
		t.Helper()
		_, err := c.history.Drive.Apply(ctx, drive.Owner(c.o), w)
		c.must(err)
	}
	files(drive.Begin{ID: file, Size: 2*drive.PartSize + 100})
	// A message comes and another changes while all is brought: the first is brought after the second, with a lower MODSEQ.
	from, worst := *c.From, &between{Index: c.From.Index, box: box}
	worst.do = func() {
		came := apply(mail(box))[0].UIDs[0]
		apply(mailstore.SetFlags{Box: box, UIDs: []mailstore.UID{came - 1}, Op: mailstore.Replace, Flags: []string{`\Answered`, "spelled"}})
	}
	from.Index, c.From = worst, &from
	chase, err := c.Chase(ctx, c.o)
	c.must(err)
	apply(mailstore.SetFlags{Box: box, UIDs: []mailstore.UID{1, 3, 5, 7, 9, 11, 12}, Op: mailstore.Clear, Flags: []string{"spelled"}})
	apply(mailstore.SetFlags{Box: box, UIDs: []mailstore.UID{2, 4}, Op: mailstore.Add, Flags: []string{"SPELLED", `\Deleted`}})
	apply(mailstore.SetFlags{Box: box, UIDs: []mailstore.UID{6}, Op: mailstore.Clear, Flags: []string{`\Seen`}})
	apply(mailstore.PutLetters{Box: box, UID: 1, Letters: c.history.letters(ctx, pgp.KindCard)}, mailstore.Shed{Box: box, UIDs: []mailstore.UID{3}, Kinds: []pgp.Kind{pgp.KindCard}})
	apply(mailstore.Reseal{Box: box, UID: 5, Size: 9, Letters: c.history.letters(ctx, pgp.KindMessage)}, mailstore.Copy{From: box, To: other, UIDs: []mailstore.UID{7, 8}})
	apply(mailstore.Copy{From: other, To: other, UIDs: []mailstore.UID{1, 2}}, mailstore.Expunge{Box: other, UIDs: []mailstore.UID{2}})
	apply(mailstore.Rename{From: "each", To: "moved"}, mailstore.Rename{From: "other", To: "each"}, mailstore.Note{Box: other, Now: []byte("note")}, mailstore.Note{Box: mailstore.NoteImports, Now: []byte("brought")}, mailstore.SetQuota{Bytes: 1 << 41})
	files(drive.Put{Object: file, Part: drive.Part{N: 2, Sum: [32]byte{7}, Blob: c.history.put(ctx, 100)}})
	_, err = chase.Finish(ctx)
	c.must(err)
	c.arrived()
}
