package inbound

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/smtp"
)

const letter = "From: Bob <bob@sender.example>\r\nTo: alice@demo.test\r\nSubject: canary\r\nMessage-ID: <1@sender.example>\r\n\r\nA canary sings.\r\n"

func TestDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, carol := w.account("alice@demo.test", pgp.Compat, 0), w.account("carol@demo.test", pgp.Modern, 0)
	rcpts, final := w.send(letter, "bob@sender.example", "alice@demo.test", "Carol+list@demo.test")
	if want := []string{"250 2.1.5 recipient accepted", "250 2.1.5 recipient accepted"}; strings.Join(rcpts, "|") != strings.Join(want, "|") {
		t.Fatal(rcpts)
	}
	id, ok := strings.CutPrefix(final, "250 2.0.0 stored as ")
	if !ok {
		t.Fatal(final)
	}
	for acc, address := range map[*account.Account]string{&alice: "alice@demo.test", &carol: "Carol+list@demo.test"} {
		got := w.inbox(*acc, true)
		if len(got) != 1 || got[0] != letter {
			t.Fatalf("%s restores %q", address, got)
		}
		want := `^(?s).*Return-Path: <bob@sender\.example>\r\n` +
			`Received: from sender\.example \(\[127\.0\.0\.1\]\)\r\n\tby mx\.demo\.test with SMTP\r\n` +
			`\tid ` + id + ` for <` + regexp.QuoteMeta(address) + `>;\r\n\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n`
		shown := w.inbox(*acc, false)[0]
		if !regexp.MustCompile(want).MatchString(shown) {
			t.Errorf("%s is shown %q", address, shown)
		}
		if other := "for <alice@"; acc == &carol && strings.Contains(shown, other) {
			t.Errorf("carol's copy tells of alice: %q", shown)
		}
	}
	if !strings.Contains(w.logs.String(), "id="+id) {
		t.Error("the log does not know the id the sender was told")
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test", pgp.Compat, 0)
	w.account("carol@demo.test", pgp.Compat, 1000)
	w.account("used@demo.test", pgp.Compat, 0)
	revoke(t, w, "used@demo.test")
	broken := w.account("broken@demo.test", pgp.Compat, 0)
	broken.Cert = broken.Cert[:len(broken.Cert)/2]
	w.must(w.people.Put(context.Background(), broken))
	_, err := w.book.AddAlias(context.Background(), alice.ID, mail.Address{Local: "post", Domain: "bücher.test"})
	w.must(err)
	for to, want := range map[string]string{
		"alice@demo.test":            "250",
		"ALICE+tag@demo.test":        "250",
		"post@xn--bcher-kva.test":    "250",
		"postmaster":                 "250",
		"nobody@demo.test":           "550 5.1.1",
		"alice@elsewhere.example":    "550 5.7.1",
		"alice%elsewhere@demo.test":  "550 5.1.1",
		"@demo.test:x@other.example": "550 5.7.1",
		"used@demo.test":             "451 4.7.5",
		"broken@demo.test":           "451 4.",
	} {
		rcpts, _ := w.send(letter, "", to)
		if !strings.HasPrefix(rcpts[0], want) {
			t.Errorf("%s: got %s, want %s", to, rcpts[0], want)
		}
	}
	if got := len(w.inbox(alice, true)); got != 4 {
		t.Errorf("alice has %d mails, want 4", got)
	}
}

// revoke stores an account's certificate with a revocation.
func revoke(t *testing.T, w *world, address string) {
	t.Helper()
	secret, _, err := pgp.GenerateKey("", address, pgp.Compat, time.Now().Add(-time.Hour))
	w.must(err)
	keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(secret))
	w.must(err)
	w.must(keys[0].Revoke(packet.KeyCompromised, "lost", nil))
	var cert bytes.Buffer
	w.must(keys[0].Serialize(&cert))
	a, err := mail.ParseAddress(address)
	w.must(err)
	acc, err := w.people.ByAddress(context.Background(), a.Key())
	w.must(err)
	acc.Cert = cert.Bytes()
	w.must(w.people.Put(context.Background(), acc))
}

func TestQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, carol := w.account("alice@demo.test", pgp.Compat, 0), w.account("carol@demo.test", pgp.Compat, 20_000)
	big := letter + strings.Repeat("canary\r\n", 2000)
	// Carol's copy does not fit, which shows only when it is stored.
	if _, final := w.send(big+big, "", "alice@demo.test", "carol@demo.test"); !strings.HasPrefix(final, "452 4.2.2") {
		t.Fatal(final)
	}
	w.must(w.handler.Store.Welcome(context.Background(), mailstore.Owner(carol.ID), 100_000))
	for range 10 {
		w.send(big, "", "carol@demo.test")
	}
	rcpts, final := w.send(letter, "", "alice@demo.test", "carol@demo.test")
	if !strings.HasPrefix(rcpts[0], "250") || !strings.HasPrefix(final, "250") {
		t.Error("a full mailbox delays another recipient", rcpts, final)
	}
	if got := len(w.inbox(alice, true)); got != 2 {
		t.Errorf("alice has %d mails, want 2", got)
	}
}

func TestOneCopyEach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test", pgp.Compat, 0)
	if _, final := w.send(letter, "", "alice@demo.test", "alice+1@demo.test", "postmaster"); !strings.HasPrefix(final, "250") {
		t.Fatal(final)
	}
	if got := w.inbox(alice, false); len(got) != 1 || !strings.Contains(got[0], "for <alice@demo.test>") {
		t.Errorf("got %q", got)
	}
}

// TestOneFails: the others keep their copy and get no second one when the
// sender tries again.
func TestOneFails(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func() error{
		"error":    func() error { return errors.New("the disk went away") },
		"no space": func() error { return filestore.ErrFull },
		"panic":    func() error { panic("a bug of ours: canary") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			alice, carol := w.account("alice@demo.test", pgp.Compat, 0), w.account("carol@demo.test", pgp.Compat, 0)
			w.index.fail(carol.ID, fault)
			to := []string{"alice@demo.test", "carol@demo.test"}
			if _, final := w.send(letter, "bob@sender.example", to...); !strings.HasPrefix(final, "45") {
				t.Fatal(final)
			}
			if a, c := len(w.inbox(alice, true)), len(w.inbox(carol, true)); a != 1 || c != 0 {
				t.Fatalf("alice has %d, carol %d", a, c)
			}
			// It is still wrong: alice must not get one copy a try.
			w.send(letter, "bob@sender.example", to...)
			w.index.fail(carol.ID, nil)
			if _, final := w.send(letter, "bob@sender.example", to...); !strings.HasPrefix(final, "250") {
				t.Fatal(final)
			}
			if a, c := len(w.inbox(alice, true)), len(w.inbox(carol, true)); a != 1 || c != 1 {
				t.Errorf("alice has %d, carol %d, want 1 and 1", a, c)
			}
			// Another mail, or the same from another sender, is another mail.
			w.send(letter+"more\r\n", "bob@sender.example", to...)
			w.send(letter, "eve@sender.example", to...)
			if a, c := len(w.inbox(alice, true)), len(w.inbox(carol, true)); a != 3 || c != 3 {
				t.Errorf("alice has %d, carol %d, want 3 and 3", a, c)
			}
		})
	}
}

func TestLoop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account("alice@demo.test", pgp.Compat, 0)
	hop := "Received: from x by y; Sun, 22 Nov 2026 10:20:30 +0000\r\n"
	if _, final := w.send(strings.Repeat(hop, 100)+letter, "", "alice@demo.test"); !strings.HasPrefix(final, "250") {
		t.Error("100 hops:", final)
	}
	if _, final := w.send(strings.Repeat(hop, 101)+letter, "", "alice@demo.test"); !strings.HasPrefix(final, "554 5.4.6") {
		t.Error("101 hops:", final)
	}
}

// TestLargeMail goes through the spool's file, of which nothing stays.
func TestLargeMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, carol := w.account("alice@demo.test", pgp.Compat, 0), w.account("carol@demo.test", pgp.Modern, 0)
	big := letter + strings.Repeat("canary of seventy-odd octets a line, and some more of it to fill it up.\r\n", 40_000)
	if _, final := w.send(big, "", "alice@demo.test", "carol@demo.test"); !strings.HasPrefix(final, "250") {
		t.Fatal(final)
	}
	for _, a := range []account.Account{alice, carol} {
		if got := w.inbox(a, true); len(got) != 1 || got[0] != big {
			t.Errorf("%d mails, or another one", len(got))
		}
	}
	left, err := os.ReadDir(filepath.Join(w.dir, "spool"))
	if err != nil || len(left) != 0 {
		t.Errorf("the spool keeps %v %v", left, err)
	}
}

// TestBounds: a mail whose look ends early is stored all the same.
func TestBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handler.Look = mail.Limits{Header: 200, Parts: 1, Depth: 1, Bytes: 10, Terms: 1, Time: time.Nanosecond}
	alice := w.account("alice@demo.test", pgp.Compat, 0)
	deep := "Subject: canary\r\n" + strings.Repeat("X: y\r\n", 200) + "Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
		strings.Repeat("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", 1000)
	if _, final := w.send(deep, "", "alice@demo.test"); !strings.HasPrefix(final, "250") {
		t.Fatal(final)
	}
	if got := w.inbox(alice, true); len(got) != 1 || got[0] != deep {
		t.Errorf("got %d mails", len(got))
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	wrap := func(err error) error { return errors.Join(errors.New("while storing"), err) }
	for err, want := range map[error]string{
		account.ErrUnknown:     "5.1.1",
		errRelay:               "5.7.1",
		mailstore.ErrOverQuota: "4.2.2",
		pgp.ErrNoKey:           "4.7.5",
		pgp.ErrRevoked:         "4.7.5",
		spool.ErrTooLarge:      "5.3.4",
		filestore.ErrFull:      "4.3.1",
		context.Canceled:       "4.3.0",
		os.ErrPermission:       "4.3.0",
		&smtp.Reply{Code: 554, Enhanced: "5.6.0", Text: "x"}: "5.6.0",
	} {
		if r := replyFor(wrap(err)); r.Enhanced != want || r.Code/100 != int(want[0]-'0') {
			t.Errorf("%v: got %d %s, want %s", err, r.Code, r.Enhanced, want)
		}
	}
}
