package bolt

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/mailstore"
)

// What was given stays, and what comes next is far from what a later state can have
// given; near the end of the numbers there is still something left.
func TestSkip(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index.db"), Options{Now: func() time.Time { return time.Unix(1_000_000_000, 0) }})
	defer d.Close()
	fillWith(t, d, "ann", "word")
	full := fillWith(t, d, "bob", "word")
	err := d.submit(context.Background(), newCall(func(t *tables) (func() error, error) {
		r, err := t.rows("bob")
		if err != nil {
			return nil, err
		}
		m, err := r.Mailbox(full)
		m.UIDNext = math.MaxUint32 - 11
		key := boxKey(r.num, full)
		return func() error { return r.in(tableMailboxes).Put(key, encodeMailbox(key, m)) }, err
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	before := map[mailstore.Owner][]mailstore.Mailbox{"ann": boxesOf(t, d, "ann"), "bob": boxesOf(t, d, "bob")}
	if err := d.Skip(context.Background()); err != nil {
		t.Fatal(err)
	}
	checkRows(t, d)
	for o, was := range before {
		made, err := d.Index().Apply(context.Background(), o, []mailstore.Change{mailstore.Create{Name: "New"}})
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range boxesOf(t, d, o) {
			switch {
			case m.ID == made[0].Box:
				if last := was[len(was)-1]; m.ID < last.ID+skipped || m.UIDValidity < last.UIDValidity+skipped || m.Modseq < last.Modseq+skipped {
					t.Errorf("%s: a new mailbox is %+v", o, m)
				}
				was = append(was[:i:i], append([]mailstore.Mailbox{m}, was[i:]...)...)
			case o == "bob" && m.ID == full:
				if m.UIDNext != math.MaxUint32-6 {
					t.Errorf("a mailbox that is nearly full goes on at UID %d", m.UIDNext)
				}
			case m.UIDValidity != was[i].UIDValidity || m.UIDNext < was[i].UIDNext+skipped || m.Messages != was[i].Messages:
				t.Errorf("%s: %+v was %+v", o, m, was[i])
			}
		}
	}
}

func boxesOf(t *testing.T, d *DB, o mailstore.Owner) []mailstore.Mailbox {
	t.Helper()
	all, err := d.Index().Mailboxes(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A file that is only looked at stays as it is, may be looked at by two, and takes nothing.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index.db")
	d := openAt(t, path, Options{})
	fillWith(t, d, "ann", "word")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	was := readFile(t, path)
	one, two := openAt(t, path, Options{ReadOnly: true}), openAt(t, path, Options{ReadOnly: true})
	for _, d := range []*DB{one, two} {
		if u, err := d.Index().Usage(context.Background(), "ann"); err != nil || u.Messages != 300 {
			t.Errorf("%d messages, %v", u.Messages, err)
		}
		if err := d.Skip(context.Background()); err == nil {
			t.Error("it took a change")
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := readFile(t, path); string(got) != string(was) {
		t.Error("the file is another")
	}
	if _, err := Open(path+".not", Options{ReadOnly: true}); err == nil {
		t.Error("a file that is not there was opened")
	}
	empty, err := bbolt.Open(path+".empty", 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	empty.Close()
	if _, err := Open(path+".empty", Options{ReadOnly: true}); err == nil {
		t.Error("a file without rows was opened")
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
