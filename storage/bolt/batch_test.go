package bolt

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
)

// hold keeps the batcher busy until release is called, so that what is
// submitted meanwhile becomes one batch.
func hold(t *testing.T, d *DB) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	go d.submit(context.Background(), newCall(nil, func() error {
		close(begun)
		<-end
		return nil
	}))
	<-begun
	return func() { close(end) }
}

func waitQueue(d *DB, n int) {
	for len(d.calls) < n {
		time.Sleep(100 * time.Microsecond)
	}
}

func commits(t *testing.T, d *DB) int {
	t.Helper()
	tx, err := d.begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	return tx.ID()
}

// Calls that wait together are committed together, and those among them that
// are refused change nothing, see what those before them did, and harm nobody.
func TestOneBatch(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	defer d.Close()
	box := openOwner(t, d, "o")
	before := commits(t, d)
	release := hold(t, d)
	var all sync.WaitGroup
	submit := func(want error, changes ...mailstore.Change) {
		queued := len(d.calls)
		all.Go(func() {
			if _, err := d.Index().Apply(context.Background(), "o", changes); !errors.Is(err, want) {
				t.Errorf("%+v: %v, want %v", changes, err, want)
			}
		})
		waitQueue(d, queued+1) // one after the other
	}
	for range 20 {
		submit(nil, mailstore.Append{Box: box, Mail: mailOf(10), Size: 1})
		submit(mailstore.ErrNoMailbox, mailstore.Append{Box: box, Mail: mailOf(10), Size: 1}, mailstore.Append{Box: 99, Mail: mailOf(10), Size: 1})
		submit(mailstore.ErrExists, mailstore.Append{Box: box, Mail: mailOf(10), Size: 1}, mailstore.Create{Name: "INBOX"})
	}
	submit(nil, mailstore.Create{Name: "new"})
	submit(mailstore.ErrExists, mailstore.Create{Name: "new"})
	release()
	all.Wait()
	if n := commits(t, d) - before; n != 1 {
		t.Errorf("%d commits for one batch", n)
	}
	boxes, err := d.Index().Mailboxes(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		if b.ID == box && (b.Messages != 20 || b.UIDNext != 21) {
			t.Errorf("mailbox is %+v", b)
		}
	}
	storagetest.Check(t, d.Index(), "o")
	checkRows(t, d)
}

// Who gives up while queued is not served; who was taken hears the outcome.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	defer d.Close()
	release := hold(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := d.Index().Apply(ctx, "o", []mailstore.Change{mailstore.SetQuota{Bytes: 5}})
		done <- err
	}()
	waitQueue(d, 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || mailstore.Refused(err) {
		t.Errorf("got %v", err)
	}
	release()
	openOwner(t, d, "next")
	if u, err := d.Index().Usage(t.Context(), "o"); err != nil || u.Quota != 0 {
		t.Errorf("a withdrawn call was stored: %+v, %v", u, err)
	}
}

// Nothing changed is nothing to sync.
func TestNoChangeNoCommit(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	defer d.Close()
	box := openOwner(t, d, "o")
	before := commits(t, d)
	for _, c := range []mailstore.Change{mailstore.Expunge{Box: box}, mailstore.SetFlags{Box: box, UIDs: []mailstore.UID{1}, Flags: []string{"x"}}, mailstore.Copy{From: box, To: box, UIDs: []mailstore.UID{7}}} {
		if _, err := d.Index().Apply(t.Context(), "o", []mailstore.Change{c}); err != nil {
			t.Error(err)
		}
	}
	if n := commits(t, d); n != before {
		t.Errorf("%d commits for nothing", n-before)
	}
}

// A commit that fails is an error of every call in it, not a refusal; then the
// index is as it was and goes on without repair.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	defer d.Close()
	box := openOwner(t, d, "o")
	appendTo(t, d, "o", box, 3)
	for _, fault := range []func(*tables) (func() error, error){
		func(*tables) (func() error, error) { d.file.MaxSize = 1; return nil, nil }, // no room to grow
		func(*tables) (func() error, error) { panic("a bug") },
		func(*tables) (func() error, error) {
			return func() error { return errors.New("write failed half-way") }, nil
		},
	} {
		release := hold(t, d)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				change := mailstore.Change(mailstore.Append{Box: box, Mail: mailOf(5 << 20), Size: 1})
				if i == 3 {
					change = mailstore.Create{Name: "INBOX"} // would be refused
				}
				if _, err := d.Index().Apply(context.Background(), "o", []mailstore.Change{change}); err == nil || mailstore.Refused(err) {
					t.Errorf("call %d of a failed commit: %v", i, err)
				}
			})
		}
		all.Go(func() { d.submit(context.Background(), newCall(fault, nil)) })
		waitQueue(d, 5)
		release()
		all.Wait()
		appendTo(t, d, "o", box, 1)
		storagetest.Check(t, d.Index(), "o")
		checkRows(t, d)
	}
	if n := len(collectEntries(t, d, "o", box)); n != 6 {
		t.Errorf("%d entries, want the six that were acknowledged", n)
	}
}

func collectEntries(t testing.TB, d *DB, o mailstore.Owner, box mailstore.MailboxID) (all []mailstore.Entry) {
	t.Helper()
	for e, err := range d.Index().Entries(context.Background(), o, box, 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// Close ends what was queued: each call was stored, or says that it was not.
func TestCloseUnderLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	box := openOwner(t, d, "o")
	var mu sync.Mutex
	stored := 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				_, err := d.Index().Apply(context.Background(), "o", []mailstore.Change{mailstore.Append{Box: box, Mail: mailOf(10), Size: 1}})
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				stored++
				mu.Unlock()
			}
		})
	}
	for range 20 {
		openOwner(t, d, "clock")
		d.Index().Apply(context.Background(), "clock", []mailstore.Change{mailstore.Forget{}})
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	d = openAt(t, path, Options{})
	defer d.Close()
	if n := len(collectEntries(t, d, "o", box)); n != stored || n == 0 {
		t.Errorf("%d entries, %d acknowledged", n, stored)
	}
}
