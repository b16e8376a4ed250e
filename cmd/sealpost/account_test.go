package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/smtp/outbound/queue"
)

// Every command must do the same whether a server runs or not.
func TestAccounts(t *testing.T) {
	t.Parallel()
	t.Run("directly", func(t *testing.T) {
		t.Parallel()
		accountLife(t, newSite(t))
	})
	t.Run("over the socket", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.serve(t)
		accountLife(t, s)
	})
}

func accountLife(t *testing.T, s *site) {
	config := "--config=" + s.config
	secret, public := s.keys(t, "ann@demo.test")
	_, other := s.keys(t, "ann@new.example")

	if got := do(t, "", "account", "list", config); got.code != exitDone || !strings.Contains(got.err, "no accounts yet") {
		t.Errorf("an empty list: %+v", got)
	}
	if out := must(t, "account", "add", "Ann@demo.test", "--key", public, "--quota=1GiB", config); !strings.Contains(out, "Ann@demo.test is open") {
		t.Errorf("account add says %q", out)
	}
	fails(t, exitFailed, []string{"address is taken: ann@demo.test"}, "account", "add", "ann@demo.test", "--key", public, config)
	fails(t, exitFailed, []string{"new.example is not a domain of this server", "demo.test"}, "account", "add", "ann@new.example", "--key", public, config)
	fails(t, exitFailed, []string{"secret"}, "account", "add", "bob@demo.test", "--key", secret, config)
	fails(t, exitFailed, []string{"not a mail address"}, "account", "add", "bob", "--key", public, config)
	fails(t, exitFailed, []string{"no such account: bob@demo.test"}, "account", "show", "bob@demo.test", config)

	got := do(t, "", "account", "add", "bob@demo.test", "--key", other, config)
	if got.code != exitDone || !strings.Contains(got.err, "No user id of the key is bob@demo.test") {
		t.Errorf("a key that is not bob's: %+v", got)
	}
	aliasLife(t, config)
	passwordLife(t, config)

	must(t, "account", "set", "ann@demo.test", "--headers=shy", "--quota=2GB", config)
	show := must(t, "account", "show", "info@demo.test", config)
	for _, want := range []string{"address      Ann@demo.test", "headers      shy", "of 2GB (0 %)", "info@demo.test", "profile      compat"} {
		if !strings.Contains(show, want) {
			t.Errorf("account show lacks %q:\n%s", want, show)
		}
	}
	keyLife(t, s, config)
	removeLife(t, config)
}

func aliasLife(t *testing.T, config string) {
	t.Helper()
	must(t, "account", "alias", "ann@demo.test", "info@demo.test", config)
	if out := must(t, "account", "alias", "ann@demo.test", "*@other.test", config); !strings.Contains(out, "info@demo.test, *@other.test") {
		t.Errorf("account alias says %q", out)
	}
	fails(t, exitFailed, []string{"address is taken: ann@demo.test"}, "account", "alias", "bob@demo.test", "ann@demo.test", config)
	fails(t, exitFailed, []string{"the account has no alias nobody@demo.test"}, "account", "alias", "--remove", "ann@demo.test", "nobody@demo.test", config)
	must(t, "account", "alias", "--remove", "ann@demo.test", "*@other.test", config)
}

func passwordLife(t *testing.T, config string) {
	t.Helper()
	got := do(t, "", "password", "add", "ann@demo.test", "--name", "phone", config)
	word := strings.TrimSpace(got.out)
	if got.code != exitDone || len(word) != 30 || !strings.Contains(got.err, "Ann@demo.test") {
		t.Errorf("password add: %+v", got)
	}
	fails(t, exitFailed, []string{"not a free name"}, "password", "add", "ann@demo.test", "--name", "phone", config)
	list := must(t, "password", "list", "ann@demo.test", config)
	if !strings.Contains(list, "phone") || !strings.Contains(list, "never") || strings.Contains(list, word) {
		t.Errorf("password list says %q", list)
	}
	if show := must(t, "account", "show", "ann@demo.test", config); strings.Contains(show, word) {
		t.Error("account show tells the password")
	}
	must(t, "password", "remove", "ann@demo.test", "--name", "phone", config)
	fails(t, exitFailed, []string{`Ann@demo.test has no app password named "phone"`}, "password", "remove", "ann@demo.test", "--name", "phone", config)
}

func keyLife(t *testing.T, s *site, config string) {
	t.Helper()
	before := must(t, "account", "show", "ann@demo.test", config)
	_, fresh := s.keys(t, "ann@demo.test")
	if out := must(t, "account", "key", "ann@demo.test", "--key", fresh, config); !strings.Contains(out, "stays sealed to") {
		t.Errorf("account key says %q", out)
	}
	if out := must(t, "account", "key", "ann@demo.test", "--key", fresh, config); !strings.Contains(out, "keeps its key") {
		t.Errorf("account key, once more, says %q", out)
	}
	if after := must(t, "account", "show", "ann@demo.test", config); after == before {
		t.Error("the key is the old one")
	}
	garbage := s.write(t, "garbage.asc", []byte("no key at all"))
	fails(t, exitFailed, []string{"garbage.asc: expected an OpenPGP public key"}, "account", "key", "ann@demo.test", "--key", garbage, config)
}

func removeLife(t *testing.T, config string) {
	t.Helper()
	for _, typed := range []string{"", "yes\n", "bob@demo.test\n"} {
		if got := do(t, typed, "account", "remove", "ann@demo.test", config); got.code != exitFailed || !strings.Contains(got.err, "nothing was removed") {
			t.Errorf("confirmed by %q: %+v", typed, got)
		}
	}
	if got := do(t, "Ann@demo.test\n", "account", "remove", "ann@demo.test", config); got.code != exitDone {
		t.Errorf("confirmed: %+v", got)
	}
	must(t, "account", "remove", "bob@demo.test", "--yes", config)
	fails(t, exitFailed, []string{"no such account"}, "account", "remove", "bob@demo.test", "--yes", config)
}

func TestListKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, public := s.keys(t, "ann@demo.test")
	key, err := pgp.GenerateListKey()
	if err != nil {
		t.Fatal(err)
	}
	private, err := key.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	add := []string{"account", "add", "ann@demo.test", "--config", s.config, "--key", public, "--list-key"}
	fails(t, exitFailed, []string{"private half"}, append(add, s.write(t, "private.pem", private))...)
	fails(t, exitFailed, []string{"not a list key"}, append(add, public)...)
	must(t, append(add, s.write(t, "list.pub", []byte(pgp.FormatListPublic(key.Public()))))...)
	if show := must(t, "account", "show", "ann@demo.test", "--config", s.config); !strings.Contains(show, "cards        yes") {
		t.Errorf("account show says:\n%s", show)
	}
}

// Attack F03: what is removed must be gone from every file, free pages too.
func TestRemovedMeansGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	for _, name := range []string{"canaryanna", "bob"} {
		_, public := s.keys(t, name+"@demo.test")
		must(t, "account", "add", name+"@demo.test", "--key", public, config)
	}
	up := s.serve(t)
	const canary = "x-visible-canary-4711"
	for range 20 {
		send(t, up, "canaryanna@demo.test", "Message-ID: <"+canary+"@example.org>\r\nSubject: hi\r\n\r\nbody\r\n")
	}
	words := []string{canary, "canaryanna"}
	if !written(t, s.settings.Data, words) {
		t.Fatal("the canary is nowhere before, so this test shows nothing")
	}
	must(t, "account", "remove", "canaryanna@demo.test", "--yes", config)
	if written(t, s.settings.Data, words) {
		t.Error("the removed account is still in the files")
	}
	if blobs, err := os.ReadDir(filepath.Join(s.settings.Data, "blobs")); err != nil || len(blobs) == 0 {
		t.Errorf("no blob folder, so this test looked at the wrong place: %v", err)
	}
}

// Mail that is in a sender's hands goes with its account, and what is left of the
// account goes however often it was broken off: nothing in the queue is nobody's.
func TestRemovedWhileSending(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	s.offline(t, func(o *office) {
		a, err := o.find(t.Context(), "ann@demo.test")
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := o.queue.Put(t.Context(), queue.Mail{Account: string(a.ID), Recipient: make([]queue.State, 1)}, strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
		}
		lease, err := o.queue.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := removeAccount(t.Context(), o, named{"ann@demo.test"}); err != nil {
			t.Error(err)
		}
		if err := lease.Save(t.Context()); !errors.Is(err, queue.ErrNoSuch) {
			t.Errorf("the sender puts it back: %v", err)
		}
		if d, err := o.queue.Depth(t.Context()); err != nil || d.Mails != 0 {
			t.Errorf("%+v, %v", d, err)
		}
		if _, err := o.find(t.Context(), "ann@demo.test"); err == nil {
			t.Error("the account is still there")
		}
	})
}

// written says whether any file below dir holds one of words.
func written(t *testing.T, dir string, words []string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, w := range words {
			if bytes.Contains(data, []byte(w)) || bytes.Contains(data, []byte(base64.StdEncoding.EncodeToString([]byte(w))[:8])) {
				t.Logf("%s stands in %s", w, path)
				found = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCertNames(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"ann@demo.test":                 true,
		"Ann <ANN@demo.test>":           true,
		"Ann <joann@demo.test>":         false,
		"Ann (ann@demo.test) <x@y.org>": false,
		"Info <info@demo.test>":         true,
	} {
		_, public, err := pgp.GenerateKey(id, "z@z.org", pgp.Compat, time.Now())
		if strings.Contains(id, "<") {
			name, addr, _ := strings.Cut(strings.TrimSuffix(id, ">"), " <")
			_, public, err = pgp.GenerateKey(strings.NewReplacer("(", "", ")", "").Replace(name), addr, pgp.Compat, time.Now())
		} else {
			_, public, err = pgp.GenerateKey("", id, pgp.Compat, time.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pgp.ParseCert(public)
		if err != nil {
			t.Fatal(err)
		}
		a := account.Account{Addresses: []mail.Address{{Local: "ann", Domain: "demo.test"}, {Local: "info", Domain: "demo.test"}}}
		if got := certNames(cert, a); got != want {
			t.Errorf("%q: %v", cert.Identities(), got)
		}
	}
}
