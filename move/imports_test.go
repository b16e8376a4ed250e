package move_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/move"
	"sealpost/pgp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/storage/postgres"
	"sealpost/storage/postgres/pgtest"
)

// engine is an index, and what it takes for the time.
type engine func(t *testing.T) mailstore.Index

// engines are all that an import may stand in.
var engines = map[string]engine{"bolt": onBolt, "postgres": onPostgres}

func onBolt(t *testing.T) mailstore.Index {
	index, err := bolt.Open(filepath.Join(t.TempDir(), "index.db"), bolt.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { index.Close() })
	return index.Index()
}

func onPostgres(t *testing.T) mailstore.Index {
	d, err := postgres.Open(t.Context(), pgtest.Take(t).URL, postgres.Options{Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d.Index()
}

func TestMain(m *testing.M) { pgtest.Main(m) }

// people is a store with one owner, ann, who has a key.
func people(t *testing.T) *move.Imports { return peopleOn(t, onBolt) }

func peopleOn(t *testing.T, on engine) *move.Imports {
	t.Helper()
	dir := t.TempDir()
	blobs, err := disk.Open(filepath.Join(dir, "blobs"), disk.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	store := &mailstore.Store{Index: on(t), Blobs: blobs, Bus: new(notify.Bus), Log: slog.New(slog.DiscardHandler), Now: time.Now}
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
		Store: store, Key: nodekey.Random(), Alone: true, Folder: filepath.Join(dir, "imports"), Spool: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Seal: func(context.Context, mailstore.Owner) (pgp.Recipient, error) {
			return pgp.Recipient{Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline}, nil
		},
	}
}

// ended waits for the end of ann's import.
func ended(t *testing.T, i *move.Imports) move.ImportState {
	t.Helper()
	i.Wait()
	s, ok, err := i.State(t.Context(), "ann")
	if err != nil || !ok || s.Ended.IsZero() {
		t.Fatalf("the import has no end: %+v, %v", s, err)
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
	if _, err := os.Stat(i.Folder); err == nil {
		t.Error("a journal was left in a file")
	}
	note, err := i.Store.Index.Note(t.Context(), "ann", mailstore.NoteImports)
	if err != nil || len(note) == 0 || bytes.Contains(note, []byte("parts")) {
		t.Errorf("what is noted is not sealed: %q, %v", note, err)
	}
}

// Asked for again once all has arrived, it brings what is new there, and nothing twice.
func TestImportsAgain(t *testing.T) {
	t.Parallel()
	i := people(t)
	at, trust := move.ServeWell(t, 0)
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
	if err := i.Stop(t.Context(), "ann"); err != nil {
		t.Error(err)
	}
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
