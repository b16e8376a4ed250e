package bolt

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
)

// quota is a call that sets one.
func quota(bytes int64) *call {
	return newCall(func(t *tables) (func() error, error) {
		r, err := t.rows("o")
		if err != nil {
			return nil, err
		}
		return func() error {
			books := r.owner.Books
			books.Quota = bytes
			p := put{}
			r.putOwner(&p, books)
			return p.err
		}, nil
	}, nil)
}

func quotaOf(t *testing.T, d *DB) int64 {
	t.Helper()
	u, err := d.Index().Usage(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	return u.Quota
}

// What can wait costs no commit where there is another.
func TestLaterGoesAlong(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	defer d.Close()
	openOwner(t, d, "o")
	before := commits(t, d)
	done := make(chan error, 1)
	go func() { done <- d.submitLater(context.Background(), quota(7), time.Hour) }()
	for len(d.later) == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	if got := quotaOf(t, d); got != 0 {
		t.Errorf("written alone: %d", got)
	}
	openOwner(t, d, "other")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := commits(t, d) - before; n != 1 || quotaOf(t, d) != 7 {
		t.Errorf("%d commits, quota %d", n, quotaOf(t, d))
	}
}

func TestLaterIsNotForEver(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	defer d.Close()
	openOwner(t, d, "o")
	if err := d.submitLater(t.Context(), quota(7), time.Millisecond); err != nil || quotaOf(t, d) != 7 {
		t.Fatalf("quota %d, %v", quotaOf(t, d), err)
	}
	// A job keeps it waiting, and does not lose it.
	release := hold(t, d)
	done := make(chan error, 1)
	go func() { done <- d.submitLater(context.Background(), quota(8), time.Millisecond) }()
	for len(d.later) == 0 || len(d.wake) == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	release()
	if err := <-done; err != nil || quotaOf(t, d) != 8 {
		t.Fatalf("quota %d, %v", quotaOf(t, d), err)
	}
}

func TestLaterWithdraws(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	defer d.Close()
	openOwner(t, d, "o")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.submitLater(ctx, quota(7), time.Hour) }()
	for len(d.later) == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	openOwner(t, d, "other")
	if got := quotaOf(t, d); got != 0 {
		t.Errorf("a withdrawn call was stored: %d", got)
	}
}

// Close writes what waits.
func TestLaterEndsWithTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	openOwner(t, d, "o")
	done := make(chan error, 1)
	go func() { done <- d.submitLater(context.Background(), quota(7), time.Hour) }()
	for len(d.later) == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path, Options{})
	defer again.Close()
	if got := quotaOf(t, again); got != 7 {
		t.Errorf("quota %d after Close", got)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := again.submitLater(t.Context(), quota(8), time.Hour); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// The row of a mail that has left is removed in passing, and Done says so only
// when it is.
func TestDeleteWaitsForOthers(t *testing.T) {
	t.Parallel()
	s := openSpot(t, t.TempDir(), nodekey.Random(), false)
	if _, err := s.Put(t.Context(), wordMail(1), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	l, err := s.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	release := hold(t, s.rows.DB)
	done := make(chan error, 1)
	go func() { done <- l.Done(context.Background()) }()
	for len(s.rows.later) == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	if len(s.rows.calls) > 0 || len(done) > 0 {
		t.Error("the removal asked for a commit of its own")
	}
	release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if rows, err := s.rows.List(t.Context(), "", 10); err != nil || len(rows) > 0 {
		t.Errorf("%d rows left, %v", len(rows), err)
	}
}
