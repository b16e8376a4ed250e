package move_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/move"
	"sealpost/pgp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// people is a store with one owner, ann, who has a key.
func people(t *testing.T) *move.Imports {
	t.Helper()
	dir := t.TempDir()
	index, err := bolt.Open(filepath.Join(dir, "index.db"), bolt.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(filepath.Join(dir, "blobs"), disk.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close(); index.Close() })
	store := &mailstore.Store{Index: index.Index(), Blobs: blobs, Bus: new(notify.Bus), Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if err := store.Welcome(t.Context(), "ann", 0); err != nil {
		t.Fatal(err)
	}
	_, public, err := pgp.GenerateKey("Ann", "ann@example.org", pgp.Compat, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.ParseCert(public)
	if err != nil {
		t.Fatal(err)
	}
	return &move.Imports{
		Store: store, Folder: filepath.Join(dir, "imports"), Spool: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Seal: func(context.Context, mailstore.Owner) (pgp.Recipient, error) {
			return pgp.Recipient{Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline}, nil
		},
	}
}

// ended waits for the end of ann's import.
func ended(t *testing.T, i *move.Imports) move.ImportState {
	t.Helper()
	i.Wait()
	s, ok := i.State("ann")
	if !ok || s.Ended.IsZero() {
		t.Fatalf("the import has no end: %+v", s)
	}
	return s
}

func messages(t *testing.T, i *move.Imports) int64 {
	t.Helper()
	u, err := i.Store.Index.Usage(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	return u.Messages
}

// What the other server gives arrives once, however often it is asked for; what it does
// not give is counted, and comes again.
func TestImports(t *testing.T) {
	t.Parallel()
	i := people(t)
	at, trust := move.ServeSick(t)
	r := move.Remote{Address: at, User: "ann", Password: "word", TLS: trust, Max: 100}
	for run := range 2 {
		if err := i.Start(t.Context(), "ann", r); err != nil {
			t.Fatal(err)
		}
		s := ended(t, i)
		if want := int64(3 * (1 - run)); s.Done != want || s.Behind != 3 || s.Finished || s.Trouble != move.NoTrouble {
			t.Errorf("run %d: %+v, want %d done and 3 behind", run, s, want)
		}
		if n := messages(t, i); n != 3 {
			t.Errorf("run %d: %d messages, want 3", run, n)
		}
	}
	names, err := os.ReadDir(i.Folder)
	if err != nil || len(names) != 1 {
		t.Fatalf("journals: %v %v, want one", names, err)
	}
}

// Asked for again once all has arrived, it brings what is new there, and nothing twice.
func TestImportsAgain(t *testing.T) {
	t.Parallel()
	i := people(t)
	at, trust := move.ServeWell(t)
	r := move.Remote{Address: at, User: "ann", Password: "word", TLS: trust, Max: 100}
	for run := range 2 {
		if err := i.Start(t.Context(), "ann", r); err != nil {
			t.Fatal(err)
		}
		if s := ended(t, i); s.Done != int64(7*(1-run)) || !s.Finished || s.Trouble != move.NoTrouble {
			t.Errorf("run %d: %+v", run, s)
		}
		if n := messages(t, i); n != 7 {
			t.Errorf("run %d: %d messages, want 7", run, n)
		}
	}
}

// An import is refused, stopped or in trouble in one word, and never in the other
// server's own.
func TestImportsInTrouble(t *testing.T) {
	t.Parallel()
	i := people(t)
	never := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	slow := move.Remote{Address: "imap.example.org:993", Dial: never}
	if err := i.Start(t.Context(), "ann", slow); err != nil {
		t.Fatal(err)
	}
	if err := i.Start(t.Context(), "ann", slow); !errors.Is(err, move.ErrImporting) {
		t.Errorf("a second one: %v, want ErrImporting", err)
	}
	i.Most = 1
	if err := i.Start(t.Context(), "bob", slow); !errors.Is(err, move.ErrBusy) {
		t.Errorf("one too many: %v, want ErrBusy", err)
	}
	i.Stop("ann")
	if s := ended(t, i); s.Trouble != move.Stopped {
		t.Errorf("stopped: %+v", s)
	}
	refused := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no") }
	if err := i.Start(t.Context(), "ann", move.Remote{Address: "imap.example.org:993", Dial: refused}); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, i); s.Trouble != move.Unreachable {
		t.Errorf("unreachable: %+v", s)
	}
	at, _ := move.ServeSick(t)
	if err := i.Start(t.Context(), "ann", move.Remote{Address: at, User: "nobody", TLS: &tls.Config{InsecureSkipVerify: true}}); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, i); s.Trouble != move.SignInRefused {
		t.Errorf("sign-in: %+v", s)
	}
}
