package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// offline opens a site's office with no server, and closes it.
func (s *site) offline(t testing.TB, do func(o *office)) {
	t.Helper()
	o, err := openOffice(t.Context(), s.settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	do(o)
}

// join writes an account into the book and nothing into the store, as
// `account add` does when it is killed in between.
func join(t testing.TB, o *office, address string, public []byte, quota int64) account.Account {
	t.Helper()
	cert, err := pgp.ParseCert(public)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := mail.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	a, err := o.book.Add(t.Context(), account.New{Address: addr, Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline, Quota: quota})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A server that starts finishes what a killed command began.
func TestServeHealsAccounts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "bob@demo.test", "--key", public, "--quota=1GB", "--config", s.config)
	s.offline(t, func(o *office) {
		join(t, o, "ann@demo.test", read(t, public), 7<<20)
		bob, err := o.find(t.Context(), "bob@demo.test")
		if err != nil {
			t.Fatal(err)
		}
		quota := int64(2 << 20)
		if _, err := o.book.Set(t.Context(), bob.ID, account.Settings{Quota: &quota}); err != nil {
			t.Fatal(err)
		}
	})
	up := s.serve(t)
	send(t, up, "ann@demo.test", "Subject: hello\r\n\r\nhello\r\n")
	for address, want := range map[string]int64{"ann@demo.test": 7 << 20, "bob@demo.test": 2 << 20} {
		a, err := up.find(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		boxes, err := up.store.Index.Mailboxes(t.Context(), owner(a))
		if err != nil || len(boxes) != 6 {
			t.Errorf("%s has %d mailboxes: %v", address, len(boxes), err)
		}
		usage, err := up.store.Index.Usage(t.Context(), owner(a))
		if err != nil || usage.Quota != want {
			t.Errorf("%s: quota %d, want %d: %v", address, usage.Quota, want, err)
		}
	}
}

// Looking at many accounts must not hold up a start.
func BenchmarkHeal(b *testing.B) {
	s := newSite(b)
	_, public := s.keys(b, "ann@demo.test")
	key := read(b, public)
	s.offline(b, func(o *office) {
		for i := range 1000 {
			join(b, o, "a"+strings.Repeat("b", i%50)+time.Duration(i).String()+"@demo.test", key, 0)
		}
		if err := o.heal(b.Context()); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := o.heal(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A removal that was broken off leaves an account that can be named, and
// nothing of its mail.
func TestRemoveAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, "--config", s.config)
	s.offline(t, func(o *office) {
		a, err := o.find(t.Context(), "ann@demo.test")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.store.Apply(t.Context(), owner(a), mailstore.Forget{}); err != nil {
			t.Fatal(err)
		}
	})
	must(t, "account", "remove", "ann@demo.test", "--yes", "--config", s.config)
	fails(t, exitFailed, []string{"no such account"}, "account", "show", "ann@demo.test", "--config", s.config)
}

// Without its index a folder of mail is not taken for a new one: the sweeper
// would clear it, and all mail that arrives would be refused for good.
func TestIndexLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, "--config", s.config)
	index := filepath.Join(s.settings.Data, "index.db")
	if err := os.Truncate(index, 0); err != nil {
		t.Fatal(err)
	}
	must(t, "account", "list", "--config", s.config) // no mail, nothing to lose
	segments := filepath.Join(s.settings.Data, "blobs", "segments")
	if err := os.WriteFile(filepath.Join(segments, "00000001.seg"), []byte("mail"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, lose := range map[string]func() error{
		"empty":   func() error { return os.Truncate(index, 0) },
		"missing": func() error { return os.Remove(index) },
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		fails(t, exitFailed, []string{index + " is missing or empty", "there is mail"}, "serve", "--config", s.config)
		fails(t, exitFailed, []string{index + " is missing or empty"}, "account", "list", "--config", s.config)
		if info, err := os.Stat(index); err == nil && info.Size() > 0 {
			t.Errorf("%s: a new index was begun", name)
		}
		if name == "missing" {
			if err := os.WriteFile(index, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestServeTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve(t)
	fails(t, exitFailed, []string{s.settings.Data + " is in use: a server"}, "serve", "--config", s.config)
}

// Root does not mix its files among those of the server's user.
func TestServeAsRootOfAnothersFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	s := newSite(t)
	must(t, "account", "list", "--config", s.config)
	if err := os.Chown(s.settings.Data, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	fails(t, exitFailed, []string{"belongs to user 65534"}, "serve", "--config", s.config)
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// What nobody could read was not said: no command ends well then, and an app
// password that was not seen is not kept.
func TestOutputLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, public := s.keys(t, "ann@demo.test")
	config := "--config=" + s.config
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	for _, args := range [][]string{
		{"version"}, {"config"}, {"check", config}, {"account", "list", config}, {"account", "show", "ann@demo.test", config},
		{"account", "set", "ann@demo.test", "--quota=1GB", config}, {"account", "key", "ann@demo.test", "--key", public, config},
		{"password", "add", "ann@demo.test", "--name=phone", config},
	} {
		var errs strings.Builder
		if code := run(t.Context(), args, console{strings.NewReader(""), full{}, &errs}); code != exitFailed {
			t.Errorf("%v: exit %d: %s", args, code, errs.String())
		}
	}
	if got := do(t, "", "password", "list", "ann@demo.test", config); !strings.Contains(got.err, "no app passwords yet") {
		t.Errorf("a password nobody saw is kept: %+v", got)
	}
}
