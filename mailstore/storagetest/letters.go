package storagetest

import (
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

func letter(k pgp.Kind, size int64) mailstore.Stored {
	l := mailstore.Stored{Kind: k, Ref: filestore.Ref{Size: size}}
	fill(l.ID[:])
	return l
}

func testPutLetters(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	m := newMail(3) // message, header, terms
	f.apply(alice, mailstore.Append{Box: inbox, Mail: m, Size: 9})
	f.apply(alice, mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{1}})
	since := f.mailbox(alice, "INBOX").Modseq

	card := letter(pgp.KindCard, 256)
	e := f.apply(alice, mailstore.PutLetters{Box: inbox, UID: 1, Letters: []mailstore.Stored{card}})[0]
	same(t, "freed", e.Freed, nil)
	same(t, "letters", f.mails(alice, inbox, 1)[0].Letters, append(m.Letters[:3:3], card))
	same(t, "letters of the copy", f.mails(alice, other, 1)[0].Letters, m.Letters)
	same(t, "changed", uids(f.entries(alice, inbox, since)), []mailstore.UID{1})
	if e.Modseq <= since || f.entries(alice, inbox, since)[0].Modseq != e.Modseq {
		t.Errorf("MODSEQ %d after %d: other clients would not look", e.Modseq, since)
	}

	terms, better := letter(pgp.KindTerms, 50), letter(pgp.KindCard, 128)
	e = f.apply(alice, mailstore.PutLetters{Box: inbox, UID: 1, Letters: []mailstore.Stored{terms, better}})[0]
	sameSet(t, "freed", e.Freed, []filestore.ID{card.ID}) // the terms it had are the copy's too
	same(t, "letters", f.mails(alice, inbox, 1)[0].Letters, append(m.Letters[:2:2], terms, better))
	e = f.apply(alice, mailstore.PutLetters{Box: other, UID: 1, Letters: []mailstore.Stored{letter(pgp.KindTerms, 1)}})[0]
	sameSet(t, "freed when nobody shares", e.Freed, []filestore.ID{m.Letters[2].ID})

	put := func(l ...mailstore.Stored) mailstore.PutLetters {
		return mailstore.PutLetters{Box: inbox, UID: 1, Letters: l}
	}
	for _, k := range []pgp.Kind{pgp.KindMessage, pgp.KindHeader, pgp.KindBody, 0, 6} {
		f.refuse(mailstore.ErrLetter, alice, put(letter(k, 1)))
	}
	f.refuse(mailstore.ErrLetter, alice, put(letter(pgp.KindCard, 1), letter(pgp.KindCard, 1)))
	f.refuse(mailstore.ErrNoMail, alice, mailstore.PutLetters{Box: inbox, UID: 2, Letters: []mailstore.Stored{card}})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.PutLetters{Box: 99, UID: 1, Letters: []mailstore.Stored{card}})
	f.refuse(mailstore.ErrNoOwner, "nobody", put(letter(pgp.KindCard, 1)))

	f.apply(alice, mailstore.SetQuota{Bytes: f.usage(alice).Bytes})
	f.refuse(mailstore.ErrOverQuota, alice, put(letter(pgp.KindCard, 129)))
	f.apply(alice, put(letter(pgp.KindCard, 128))) // as large as the one it replaces
	f.apply(alice, mailstore.SetQuota{})

	// Together with other changes: a copy made before keeps what it copied, one made
	// after takes what is there, and so does a move.
	last := letter(pgp.KindCard, 77)
	before := f.mails(alice, inbox, 1)[0].Letters
	events := f.apply(alice,
		mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{1}}, put(last),
		mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{1}}, mailstore.Move{From: inbox, To: other, UIDs: []mailstore.UID{1}})
	same(t, "copied before", f.mails(alice, other, events[0].UIDs[0])[0].Letters, before)
	after := append(before[:3:3], last)
	same(t, "copied after", f.mails(alice, other, events[2].UIDs[0])[0].Letters, after)
	same(t, "moved", f.mails(alice, other, events[3].UIDs[0])[0].Letters, after)
	f.apply(alice, mailstore.Append{Box: inbox, Mail: newMail(1), Size: 1}, mailstore.PutLetters{Box: inbox, UID: 2, Letters: []mailstore.Stored{letter(pgp.KindCard, 5)}})
	if got := f.mails(alice, inbox, 2)[0].Letters; len(got) != 2 {
		t.Errorf("a mail appended in the same call has %+v", got)
	}
}

func testShed(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	a, b := newMail(5), newMail(3)
	f.apply(alice, mailstore.Append{Box: inbox, Mail: a, Size: 9}, mailstore.Append{Box: inbox, Mail: b, Size: 9}, mailstore.Append{Box: inbox, Mail: newMail(2), Size: 9})
	f.apply(alice, mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{2}})
	since, usage := f.mailbox(alice, "INBOX").Modseq, f.usage(alice).Bytes
	e := f.apply(alice, mailstore.Shed{Box: inbox, UIDs: []mailstore.UID{3, 1, 2, 1, 77}, Kinds: []pgp.Kind{pgp.KindCard, pgp.KindTerms}})[0]
	same(t, "shed", e.UIDs, []mailstore.UID{1, 2})
	sameSet(t, "freed", e.Freed, []filestore.ID{a.Letters[2].ID, a.Letters[4].ID})
	same(t, "letters", f.mails(alice, inbox, 1)[0].Letters, []mailstore.Stored{a.Letters[0], a.Letters[1], a.Letters[3]})
	same(t, "letters of the copy", f.mails(alice, other, 1)[0].Letters, b.Letters)
	same(t, "changed", uids(f.entries(alice, inbox, since)), []mailstore.UID{1, 2})
	if got := f.usage(alice).Bytes; got != usage-3000 {
		t.Errorf("usage was %d and is %d", usage, got)
	}
	e = f.apply(alice, mailstore.Shed{Box: inbox, UIDs: []mailstore.UID{1, 2}, Kinds: []pgp.Kind{pgp.KindCard, pgp.KindTerms}})[0]
	if e.Modseq != 0 || e.UIDs != nil {
		t.Errorf("nothing was left to shed: %+v", e)
	}
	f.refuse(mailstore.ErrLetter, alice, mailstore.Shed{Box: inbox, UIDs: []mailstore.UID{1}, Kinds: []pgp.Kind{pgp.KindMessage}})
	f.refuse(mailstore.ErrLetter, alice, mailstore.Shed{Box: inbox, UIDs: []mailstore.UID{1}, Kinds: []pgp.Kind{pgp.KindCard, pgp.KindBody}})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Shed{Box: 99, UIDs: []mailstore.UID{1}, Kinds: []pgp.Kind{pgp.KindCard}})
	f.apply(alice, mailstore.Expunge{Box: inbox}, mailstore.Expunge{Box: other})
	if u := f.usage(alice); u.Bytes != 0 {
		t.Errorf("usage of nothing is %d", u.Bytes)
	}
}

// A message that was sealed anew has another UID and size, and is the same mail in all else.
func testReseal(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	m := newMail(3) // message, header, terms
	f.apply(alice, mailstore.Append{Box: inbox, Mail: m, Size: 9, Flags: []string{`\Flagged`, "k"}, Received: f.now().Add(-time.Hour)})
	f.apply(alice, mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{1}})
	was, usage, before := f.entries(alice, inbox, 0)[0], f.usage(alice), f.mailbox(alice, "INBOX")

	message, card := letter(pgp.KindMessage, m.Letters[0].Size+4), letter(pgp.KindCard, 256)
	reseal := func(uid mailstore.UID, l ...mailstore.Stored) mailstore.Reseal {
		return mailstore.Reseal{Box: inbox, UID: uid, Size: 13, Letters: l}
	}
	e := f.apply(alice, reseal(1, message, card))[0]
	same(t, "uids", e.UIDs, []mailstore.UID{2})
	same(t, "sources", e.Sources, []mailstore.UID{1})
	same(t, "freed", e.Freed, nil) // the copy has what it had
	now := f.entries(alice, inbox, 0)
	if len(now) != 1 || now[0].UID != 2 || now[0].Size != 13 || !now[0].Received.Equal(was.Received) || now[0].Modseq <= was.Modseq {
		t.Errorf("%+v was, %+v is", was, now)
	}
	same(t, "flags", now[0].Flags, was.Flags)
	same(t, "changed", uids(f.entries(alice, inbox, before.Modseq)), []mailstore.UID{2, 1})
	got := f.mails(alice, inbox, 2)[0]
	same(t, "letters", got.Letters, append(m.Letters[1:3:3], message, card))
	if got.ID != m.ID || string(got.Outer) != string(m.Outer) {
		t.Error("it is another mail")
	}
	same(t, "letters of the copy", f.mails(alice, other, 1)[0].Letters, m.Letters)
	if u := f.usage(alice); u.Bytes != usage.Bytes+4+256 || u.Messages != usage.Messages {
		t.Errorf("usage %+v was %+v", u, usage)
	}
	if b := f.mailbox(alice, "INBOX"); b.Messages != 1 || b.Unseen != before.Unseen || b.Bytes != 13 {
		t.Errorf("mailbox %+v", b)
	}

	// Another device was faster: nothing changes, and the letters are free.
	late := letter(pgp.KindMessage, 5)
	e = f.apply(alice, reseal(1, late))[0]
	same(t, "freed of one that is late", e.Freed, []filestore.ID{late.ID})
	if e.UIDs != nil || e.Modseq != 0 {
		t.Errorf("resealed twice: %+v", e)
	}
	f.refuse(mailstore.ErrLetter, alice, reseal(2, card))
	f.refuse(mailstore.ErrLetter, alice, reseal(2, late, letter(pgp.KindMessage, 5)))
	f.refuse(mailstore.ErrLetter, alice, reseal(2, late, letter(pgp.KindBody, 5)))
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Reseal{Box: 99, UID: 2, Letters: []mailstore.Stored{late}})
	f.apply(alice, mailstore.SetQuota{Bytes: f.usage(alice).Bytes})
	f.refuse(mailstore.ErrOverQuota, alice, reseal(2, letter(pgp.KindMessage, message.Size+1)))
	f.apply(alice, reseal(2, letter(pgp.KindMessage, message.Size))) // as large as before
	f.apply(alice, mailstore.SetQuota{})
	f.apply(alice, mailstore.Expunge{Box: inbox}, mailstore.Expunge{Box: other})
	if u := f.usage(alice); u.Bytes != 0 {
		t.Errorf("usage of nothing is %d", u.Bytes)
	}
}
