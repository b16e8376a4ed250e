package bolt

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
)

// withoutSets is a file that a program wrote which kept no sets: two owners, UIDs
// of two times two million, flags, keywords, holes and copies.
func withoutSets(t *testing.T) string {
	t.Helper()
	packed, err := os.ReadFile(filepath.Join("testdata", "without-sets.gz"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(r)
	path := filepath.Join(t.TempDir(), "index")
	if err := errors.Join(err, os.WriteFile(path, whole, 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

func rosterOf(t *testing.T, d *DB, o mailstore.Owner) mailstore.Roster {
	t.Helper()
	boxes, err := d.Index().Mailboxes(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		if b.Name == mailstore.Inbox {
			r, err := d.Index().Roster(t.Context(), o, b.ID)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
	}
	t.Fatal("no INBOX")
	return mailstore.Roster{}
}

// A file that keeps no sets answers all the same, before and after it was changed;
// Enroll makes them, and from then on they are kept.
func TestEnroll(t *testing.T) {
	t.Parallel()
	path := withoutSets(t)
	reading := openAt(t, path, Options{ReadOnly: true})
	storagetest.Check(t, reading.Index(), "first", "second")
	reading.Close()
	var said bytes.Buffer
	d := openAt(t, path, Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	defer d.Close()
	storagetest.Check(t, d.Index(), "first", "second")
	inbox := rosterOf(t, d, "first")
	_, err := d.Index().Apply(t.Context(), "first", []mailstore.Change{
		mailstore.Append{Box: inbox.ID, Mail: mailOf(8), Size: 1, Flags: []string{"Before"}},
		mailstore.Expunge{Box: inbox.ID, UIDs: []mailstore.UID{4}},
	})
	if err != nil {
		t.Fatal(err)
	}
	storagetest.Check(t, d.Index(), "first", "second")
	for range 2 { // the second has nothing to do
		if err := d.Enroll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(said.String(), "mailboxes=12 of=12") {
		t.Errorf("it said %q", said.String())
	}
	storagetest.Check(t, d.Index(), "first", "second")
	checkRows(t, d)
	after := rosterOf(t, d, "first")
	if after.UIDs.Len() != inbox.UIDs.Len() || strings.Join(after.Keywords, " ") != "$MDNSent Before word0 Word1" {
		t.Errorf("got %d UIDs, keywords %v", after.UIDs.Len(), after.Keywords)
	}
	if _, err := d.Index().Apply(t.Context(), "first", []mailstore.Change{mailstore.Expunge{Box: inbox.ID, OnlyDeleted: true}}); err != nil {
		t.Fatal(err)
	}
	checkRows(t, d)
	storagetest.Check(t, d.Index(), "first", "second")
}

// Broken off anywhere it goes on; if anything was written meanwhile it begins anew.
func TestEnrollBrokenOff(t *testing.T) {
	t.Parallel()
	for steps := range 13 {
		for _, written := range []bool{false, true} {
			path := withoutSets(t)
			d := openAt(t, path, Options{})
			enrollSteps(t, d, steps)
			d.Close()
			d = openAt(t, path, Options{})
			if written && steps < 12 {
				if _, err := d.Index().Apply(t.Context(), "first", []mailstore.Change{mailstore.Expunge{Box: rosterOf(t, d, "first").ID, UIDs: []mailstore.UID{1}}}); err != nil {
					t.Fatal(err)
				}
			}
			resumes := false
			if err := d.view(t.Context(), func(tx *bbolt.Tx) error {
				e := enrollment{tell: func(int, int) {}}
				err := e.begin(tx)
				resumes = e.resumed
				return err
			}); err != nil || resumes != (!written && steps > 0 && steps < 12) {
				t.Errorf("after %d steps, written %v: resumes is %v, %v", steps, written, resumes, err)
			}
			if err := d.Enroll(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkRows(t, d)
			d.Close()
		}
	}
}

// enrollSteps does so many mailboxes and no more.
func enrollSteps(t *testing.T, d *DB, steps int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e := enrollment{size: 1, tell: func(done, _ int) {
		if done >= steps {
			cancel()
		}
	}}
	if steps == 0 {
		cancel()
	}
	job := newCall(nil, func() error { return e.run(ctx, d.file) })
	if err := d.hand(t.Context(), job, d.calls); err != nil {
		t.Fatal(err)
	}
	if err := d.outcome(t.Context(), job, nil); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
