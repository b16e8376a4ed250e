package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	people "sealpost/account/storagetest"
	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
)

const canary = "canary-7f3a91c2"

// fillWith gives an owner 300 mails whose visible header holds a word.
func fillWith(t testing.TB, d *DB, o mailstore.Owner, word string) mailstore.MailboxID {
	t.Helper()
	box := openOwner(t, d, o)
	for range 30 {
		var changes []mailstore.Change
		for range 10 {
			m := mailOf(500)
			m.Outer = bytes.Repeat([]byte(word+" "), 30)
			changes = append(changes, mailstore.Append{Box: box, Mail: m, Size: 1, Flags: []string{word}})
		}
		if _, err := d.Index().Apply(context.Background(), o, changes); err != nil {
			t.Fatal(err)
		}
	}
	return box
}

func holds(t testing.TB, f io.Reader, word string) bool {
	t.Helper()
	all, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(all, []byte(word))
}

func fileHolds(t testing.TB, path, word string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return holds(t, f, word)
}

// F03: removed rows stay readable in free pages until the file is compacted,
// and then they are gone, from the new file and from the old.
func TestCompactForgets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	defer d.Close()
	fillWith(t, d, "stays", "kept-word")
	fillWith(t, d, "leaves", canary)
	if err := d.Accounts().Put(t.Context(), people.Person("aa", canary)); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()

	if _, err := d.Index().Apply(t.Context(), "leaves", []mailstore.Change{mailstore.Forget{}}); err != nil {
		t.Fatal(err)
	}
	if err := d.Accounts().Delete(t.Context(), "aa"); err != nil {
		t.Fatal(err)
	}
	if !fileHolds(t, path, canary) { // the control: without this the test shows nothing
		t.Fatal("free pages hold nothing before the compaction")
	}
	worn := d.FreeShare()
	if err := d.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.retired.Wait()
	if fileHolds(t, path, canary) {
		t.Error("the new file holds what was removed")
	}
	if holds(t, old, canary) {
		t.Error("the old file still holds what was removed")
	}
	if share := d.FreeShare(); worn < 0.05 || share > worn/2 {
		t.Errorf("%.2f of the file were free, and %.2f after the compaction", worn, share)
	}
	if !fileHolds(t, path, "kept-word") {
		t.Error("the other owner's rows are gone")
	}
	storagetest.Check(t, d.Index(), "stays", "leaves")
	checkRows(t, d)
}

// Readers and writers go on through compactions, and nothing is lost or doubled.
func TestCompactUnderLoad(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	box := fillWith(t, d, "o", "word")
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var acked []mailstore.UID
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				e, err := d.Index().Apply(context.Background(), "o", []mailstore.Change{mailstore.Append{Box: box, Mail: mailOf(300), Size: 1}})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked = append(acked, e[0].UIDs...)
				mu.Unlock()
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			for _, err := range d.Index().Entries(context.Background(), "o", box, 0) {
				if err != nil {
					t.Error(err)
					return
				}
			}
			for _, err := range d.Index().Blobs(context.Background()) {
				if err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 8 {
		if err := d.Compact(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	all.Wait()
	path := d.path
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openAt(t, path, Options{})
	defer d.Close()
	slices.Sort(acked)
	if len(acked) == 0 || int(acked[len(acked)-1])-300 != len(acked) {
		t.Errorf("%d appends acknowledged, the last is UID %d", len(acked), acked[len(acked)-1])
	}
	for m, err := range d.Index().Mails(t.Context(), "o", box, acked) {
		if err != nil || m.UID != acked[0] {
			t.Fatalf("mail %d (%v) where %d should be", m.UID, err, acked[0])
		}
		acked = acked[1:]
	}
	if len(acked) != 0 {
		t.Errorf("%d acknowledged mails are lost", len(acked))
	}
	storagetest.Check(t, d.Index(), "o")
	checkRows(t, d)
}

// Owner numbers go on after a compaction: a sequence is part of the copy.
func TestCompactKeepsSequences(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	defer d.Close()
	for i := range 5 {
		o := mailstore.Owner(fmt.Sprint("owner", i))
		openOwner(t, d, o)
		if i < 4 {
			if _, err := d.Index().Apply(t.Context(), o, []mailstore.Change{mailstore.Forget{}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := d.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	openOwner(t, d, "sixth")
	if key := firstKey(t, d, tableMailboxes); readOwner(key) != 5 {
		t.Errorf("first owner left is %d", readOwner(key))
	}
	checkRows(t, d)
	storagetest.Check(t, d.Index(), "owner4", "sixth")
}

func TestCompactGivenUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	defer d.Close()
	fillWith(t, d, "o", "word")
	err := d.submit(t.Context(), newCall(nil, func() error {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return d.compact(ctx)
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path + compactSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a copy stays: %v", err)
	}
	openOwner(t, d, "later")
	storagetest.Check(t, d.Index(), "o", "later")
}

// What a crash left of a compaction is removed, and the index is as it was.
func TestCompactCrashed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	fillWith(t, d, "o", "word")
	d.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 1, 5000, len(whole) / 2, len(whole)} {
		if err := os.WriteFile(path+compactSuffix, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		d := openAt(t, path, Options{})
		if _, err := os.Stat(path + compactSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("half a copy stays: %v", err)
		}
		storagetest.Check(t, d.Index(), "o")
		if _, err := d.Accounts().Account(t.Context(), "zz"); !errors.Is(err, account.ErrUnknown) {
			t.Error(err)
		}
		d.Close()
	}
}
