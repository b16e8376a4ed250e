package mailstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// withCard seals a mail that has a card; its letters stand in too for what a client makes.
func withCard(t *testing.T, words string) pgp.Sealed {
	t.Helper()
	to, err := recipient()
	if err != nil {
		t.Fatal(err)
	}
	key, err := pgp.GenerateListKey()
	if err != nil {
		t.Fatal(err)
	}
	to.ListKey = key.Public()
	b := strings.NewReader("From: bob@example.org\r\nSubject: " + words + "\r\n\r\n" + words + "\r\n")
	s, err := pgp.Seal(t.Context(), pgp.Mail{Bytes: b, Gist: mail.Look(t.Context(), b, mail.DefaultLimits), Time: time.Unix(1_700_000_000, 0)}, to)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func letterOf(t *testing.T, k pgp.Kind, words string) pgp.Letter {
	t.Helper()
	for _, l := range withCard(t, words).Letters() {
		if l.Kind == k {
			return l
		}
	}
	t.Fatalf("no letter of kind %d", k)
	return pgp.Letter{}
}

// A client's better card takes the place of the server's, and the old blob goes; what
// is refused leaves no blob.
func TestPutLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, err := w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "INBOX", Sealed: withCard(t, "one")})
	if err != nil {
		t.Fatal(err)
	}
	at := mailstore.Place{Box: e.Box, UID: e.UIDs[0]}
	before := w.blobs.count()
	woken, end := w.Bus.Subscribe(string(owner))
	defer end()
	put, err := w.PutLetters(t.Context(), owner, at, letterOf(t, pgp.KindCard, "better"))
	if err != nil || put.Modseq <= e.Modseq || len(put.Freed) != 1 {
		t.Fatalf("event %+v, %v", put, err)
	}
	<-woken
	if w.blobs.count() != before || len(w.inUse()) != before {
		t.Errorf("%d blobs were, %d are, %d in use", before, w.blobs.count(), len(w.inUse()))
	}
	for what, refuse := range map[string]func() error{
		"no message": func() error {
			_, err := w.PutLetters(t.Context(), owner, mailstore.Place{Box: at.Box, UID: 99}, letterOf(t, pgp.KindCard, "x"))
			return err
		},
		"another owner": func() error {
			_, err := w.PutLetters(t.Context(), "fedcba9876543210", at, letterOf(t, pgp.KindCard, "x"))
			return err
		},
		"a message letter": func() error {
			_, err := w.PutLetters(t.Context(), owner, at, letterOf(t, pgp.KindMessage, "x"))
			return err
		},
		"nothing": func() error { _, err := w.PutLetters(t.Context(), owner, at); return err },
	} {
		if err := refuse(); !mailstore.Refused(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.Apply(t.Context(), owner, mailstore.SetQuota{Bytes: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.PutLetters(t.Context(), owner, at, letterOf(t, pgp.KindTerms, strings.Repeat("many words ", 50))); !errors.Is(err, mailstore.ErrOverQuota) {
		t.Errorf("over quota: %v", err)
	}
	if w.blobs.count() != before {
		t.Errorf("%d blobs were, %d are: what is refused leaves some", before, w.blobs.count())
	}
}

// What may have been stored keeps its blobs: the sweeper will know.
func TestPutLettersInDoubt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, err := w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "INBOX", Sealed: withCard(t, "one")})
	if err != nil {
		t.Fatal(err)
	}
	before := w.blobs.count()
	w.index.fault = func(apply func() ([]mailstore.Event, error)) ([]mailstore.Event, error) {
		apply()
		return nil, context.DeadlineExceeded
	}
	if _, err := w.PutLetters(t.Context(), owner, mailstore.Place{Box: e.Box, UID: e.UIDs[0]}, letterOf(t, pgp.KindCard, "x")); err == nil {
		t.Fatal("no error")
	}
	if w.blobs.count() != before+1 {
		t.Errorf("%d blobs were, %d are: the new one or the old one is gone", before, w.blobs.count())
	}
	w.tick(time.Hour)
	if n, err := w.Sweep(t.Context(), time.Minute); n != 1 || err != nil {
		t.Errorf("%d swept, %v", n, err)
	}
	if w.blobs.count() != before || len(w.inUse()) != before {
		t.Errorf("%d blobs, %d in use, want %d", w.blobs.count(), len(w.inUse()), before)
	}
}
