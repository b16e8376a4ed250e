package inbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/inbound/screen"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/mailauth/report"
)

// The names say what their owners publish. This machine may send for good.example.
const zone = `
good.example.            TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.good.example.     TXT "v=DMARC1; p=reject; rua=mailto:d@good.example"
bank.example.            TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.bank.example.     TXT "v=DMARC1; p=reject; rua=mailto:d@bank.example"
shop.example.            TXT "v=spf1 ip4:192.0.2.1 ~all"
_dmarc.shop.example.     TXT "v=DMARC1; p=quarantine"
two.example.             TXT "v=spf1 ip4:192.0.2.1 ~all"
_dmarc.two.example.      TXT "v=DMARC1; p=reject"
_dmarc.two.example.      TXT "v=DMARC1; p=reject"
demo.test.               TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.demo.test.        TXT "v=DMARC1; p=reject"
`

// screened judges all mail that comes, by a DNS of its own.
func (w *world) screened(change func(*screen.Screen)) *dnstest.Server {
	w.t.Helper()
	d := dnstest.New(w.t, zone)
	s := &screen.Screen{
		Auth: &mailauth.Checker{DNS: d.Resolver(), Now: time.Now}, DNS: d.Resolver(),
		Authserv: "mx.demo.test", Now: time.Now, Log: w.handler.Log,
	}
	if change != nil {
		change(s)
	}
	w.handler.Screen = s
	return d
}

// letterFrom is a mail whose From, and whatever is in front of it, is given.
func letterFrom(fields string) string {
	return fields + "\r\nTo: alice@demo.test\r\nSubject: canary\r\nMessage-ID: <1@x.example>\r\nDate: Sun, 22 Nov 2026 10:20:30 +0000\r\n\r\nA canary sings.\r\n"
}

// box opens all mails of one mailbox, as a client shows them, and their cards.
func (w *world) box(a account.Account, name string, key *pgp.ListKey) (mails []string, cards []pgp.Card) {
	w.t.Helper()
	ctx, owner := context.Background(), mailstore.Owner(a.ID)
	boxes, err := w.index.Mailboxes(ctx, owner)
	w.must(err)
	for _, b := range boxes {
		if b.Name != name {
			continue
		}
		var uids []mailstore.UID
		for e, err := range w.index.Entries(ctx, owner, b.ID, 0) {
			w.must(err)
			uids = append(uids, e.UID)
		}
		for m, err := range w.index.Mails(ctx, owner, b.ID, uids) {
			w.must(err)
			mails = append(mails, w.open(a, m, false))
			if key == nil {
				continue
			}
			blob, err := w.handler.Store.Letter(ctx, m, pgp.KindCard)
			w.must(err)
			sealed, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
			w.must(err)
			blob.Close()
			c, err := pgp.OpenCard(sealed, *key)
			w.must(err)
			cards = append(cards, c)
		}
	}
	return mails, cards
}

func (w *world) listKey(a account.Account) *pgp.ListKey {
	w.t.Helper()
	key, err := pgp.GenerateListKey()
	w.must(err)
	_, err = w.book.Set(context.Background(), a.ID, account.Settings{ListKey: key.Public()})
	w.must(err)
	return &key
}

// everything counts the mails of an account in all its mailboxes.
func (w *world) everything(a account.Account) (n int) {
	w.t.Helper()
	boxes, err := w.index.Mailboxes(context.Background(), mailstore.Owner(a.ID))
	w.must(err)
	for _, b := range boxes {
		mails, _ := w.box(a, b.Name, nil)
		n += len(mails)
	}
	return n
}

// TestVerdictInside: what was found out stands inside the seal and in the card, and
// what the sender claims we found out does not (ATTACKS B11).
func TestVerdictInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test", pgp.Compat, 0)
	key := w.listKey(alice)
	w.screened(nil)
	forged := "Authentication-Results: mx.demo.test;\r\n dmarc=pass header.from=bank.example\r\n"
	sent := forged + letterFrom("From: Bob <bob@good.example>")
	if _, final := w.send(sent, "bob@good.example", "alice@demo.test"); !strings.HasPrefix(final, "250") {
		t.Fatal(final)
	}
	mails, cards := w.box(alice, mailstore.Inbox, key)
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	h, err := mail.ReadHeader(strings.NewReader(mails[0]), 0, 1<<20)
	w.must(err)
	results := h.Values("Authentication-Results")
	if len(results) != 1 || !strings.HasPrefix(results[0], "mx.demo.test") || !strings.Contains(results[0], "dmarc=pass") ||
		!strings.Contains(results[0], "header.from=good.example") || !strings.Contains(results[0], "spf=pass") {
		t.Errorf("results %q", results)
	}
	if got := h.Values("X-Forged-Authentication-Results"); len(got) != 1 || !strings.Contains(got[0], "bank.example") {
		t.Errorf("the forged one is %q", got)
	}
	if before := strings.Index(mails[0], "\r\nAuthentication-Results:"); before < 0 || before > strings.Index(mails[0], "\r\nReceived:") {
		t.Error("ours stands behind Received")
	}
	if c := cards[0]; !c.Verified || c.DMARC != "pass" || c.SPF != "pass" || c.DKIM != "" || c.Junk != "" {
		t.Errorf("card %+v", c)
	}
	if got := w.inbox(alice, true); got[0] != sent {
		t.Errorf("restores %q", got[0])
	}
	w.handler.Screen = nil
	w.send(sent, "bob@good.example", "alice@demo.test")
	if mails, _ := w.box(alice, mailstore.Inbox, nil); strings.Contains(mails[1], "\r\nAuthentication-Results:") {
		t.Error("a forged verdict stands where nobody judges")
	}
}

// TestRefusedInTheDialogue is ATTACKS D07, D08 and D17: what fails is refused while
// its sender listens. Nobody is written to, least of all whose address was forged.
func TestRefusedInTheDialogue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, envelope, want string }{
		"a forged bank":              {"From: bank <a@bank.example>", "x@good.example", "550 5.7.26"},
		"below it":                   {"From: a@pay.bank.example", "x@good.example", "550 5.7.26"},
		"a bounce in its name":       {"From: mailer-daemon@bank.example", "", "550 5.7.26"},
		"one of our own people":      {"From: Carol <carol@demo.test>", "carol@demo.test", "550 5.7.26"},
		"two authors":                {"From: a@good.example\r\nFrom: a@bank.example", "x@good.example", "550 5.6.0"},
		"two in one":                 {"From: a@good.example, b@bank.example", "x@good.example", "550 5.6.0"},
		"nobody":                     {"X-From: a@good.example", "x@good.example", "550 5.6.0"},
		"a space before the colon":   {"From : a@bank.example\r\nFrom: a@good.example", "x@good.example", "550 5.6.0"},
		"two records are none":       {"From: a@two.example", "x@good.example", "250"},
		"what it says it is":         {"From: a@good.example", "x@good.example", "250"},
		"through another, unaligned": {"From: a@good.example", "x@bank.example", "550 5.7.26"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			alice, carol := w.account("alice@demo.test", pgp.Modern, 0), w.account("carol@demo.test", pgp.Modern, 0)
			w.screened(nil)
			var counted []report.Observation
			w.handler.Report = func(o report.Observation) { counted = append(counted, o) }
			_, final := w.send(letterFrom(c.from), c.envelope, "alice@demo.test")
			if !strings.HasPrefix(final, c.want) {
				t.Errorf("got %s, want %s", final, c.want)
			}
			stored := 0
			if c.want == "250" {
				stored = 1
			}
			if got := w.everything(alice); got != stored {
				t.Errorf("alice has %d mails, want %d", got, stored)
			}
			if got := w.everything(carol); got != 0 {
				t.Errorf("carol has %d mails: backscatter", got)
			}
			if c.want == "550 5.7.26" && (len(counted) != 1 || counted[0].Disposition != "reject") {
				t.Errorf("counted %+v", counted)
			}
		})
	}
}

// TestJunk goes to the mailbox that its owner has for it, with the reason in the card.
func TestJunk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test", pgp.Compat, 0)
	key := w.listKey(alice)
	w.screened(nil)
	learned := 0
	w.handler.Learn = func(context.Context, string, mail.Address, mail.Header, time.Time) { learned++ }
	spam := letterFrom("From: a@shop.example")
	if _, final := w.send(spam, "x@shop.example", "alice@demo.test"); !strings.HasPrefix(final, "250") {
		t.Fatal(final)
	}
	mails, cards := w.box(alice, "Junk", key)
	if len(mails) != 1 || len(w.inbox(alice, false)) != 0 || !strings.Contains(cards[0].Junk, "shop.example asks") || cards[0].Verified || cards[0].DMARC != "fail" {
		t.Errorf("%d mails in Junk, card %+v", len(mails), cards)
	}
	_, err := w.handler.Store.Apply(context.Background(), mailstore.Owner(alice.ID), mailstore.Rename{From: "Junk", To: "Spam"})
	w.must(err)
	w.send(spam+"again\r\n", "x@shop.example", "alice@demo.test")
	if mails, _ := w.box(alice, "Spam", nil); len(mails) != 2 {
		t.Errorf("%d mails in the mailbox that is for junk", len(mails))
	}
	if learned != 0 {
		t.Error("keys are learned from junk")
	}
}

// TestPostmaster hears of everything, and nobody else rides along.
func TestPostmaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test", pgp.Compat, 0)
	w.account("carol@demo.test", pgp.Compat, 0)
	_, err := w.book.AddAlias(context.Background(), alice.ID, mail.Address{Local: "abuse", Domain: "demo.test"})
	w.must(err)
	w.screened(func(s *screen.Screen) { s.Greylist, s.Rates = true, screen.Rates{PerAddress: 1} })
	forged := letterFrom("From: a@bank.example")
	for range 3 { // beyond its rate, and at once
		rcpts, final := w.send(forged, "x@good.example", "postmaster", "carol@demo.test", "abuse@demo.test")
		if !strings.HasPrefix(rcpts[0], "250") || !strings.HasPrefix(rcpts[1], "452 4.5.3") || !strings.HasPrefix(rcpts[2], "250") || !strings.HasPrefix(final, "250") {
			t.Fatal(rcpts, final)
		}
	}
	if mails, _ := w.box(alice, "Junk", nil); len(mails) != 3 || len(w.inbox(alice, false)) != 0 {
		t.Errorf("postmaster has %d", len(mails))
	}
}

// TestUnknownLooksAlike is ATTACKS D14: what the screen says before a mail comes
// does not tell who exists.
func TestUnknownLooksAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account("alice@demo.test", pgp.Compat, 0)
	for name, change := range map[string]func(*screen.Screen){
		"greylist": func(s *screen.Screen) { s.Greylist = true },
		"rate":     func(s *screen.Screen) { s.Rates.PerDomain = 1 },
	} {
		w.screened(change)
		w.send(letterFrom("From: a@bank.example"), "x@bank.example", "alice@demo.test") // uses up what there is
		known, _ := w.send(letter, "x@bank.example", "alice@demo.test")
		unknown, _ := w.send(letter, "x@bank.example", "nobody@demo.test")
		if known[0] != unknown[0] || !strings.HasPrefix(known[0], "451 4.7.1") {
			t.Errorf("%s: %q and %q", name, known[0], unknown[0])
		}
	}
	w.screened(nil)
	if rcpts, _ := w.send(letter, "x@good.example", "nobody@demo.test", "x@elsewhere.example"); !strings.HasPrefix(rcpts[0], "550 5.1.1") || !strings.HasPrefix(rcpts[1], "550 5.7.1") {
		t.Error("a recipient who does not exist is not refused at once, which makes backscatter", rcpts)
	}
}

// TestFailingDNS costs no mail. Where it hides what the owner of From wants, only what
// is proved to be theirs is taken at once.
func TestFailingDNS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test", pgp.Compat, 0)
	d := w.screened(func(s *screen.Screen) { s.Block = []string{"block.test"} })
	d.Fault("_dmarc.bank.example.", dnstest.ServFail)
	d.Fault("_dmarc.good.example.", dnstest.ServFail)
	if _, final := w.send(letterFrom("From: a@bank.example"), "x@good.example", "alice@demo.test"); !strings.HasPrefix(final, "451 4.7.26") {
		t.Error(final)
	}
	if n := w.handler.Stats().Refused[Refused{"dmarc", true}]; n != 1 {
		t.Errorf("%d counted", n)
	}
	if _, final := w.send(letterFrom("From: a@good.example"), "x@good.example", "alice@demo.test"); !strings.HasPrefix(final, "250") {
		t.Error(final)
	}
	if got := w.inbox(alice, false); len(got) != 1 || !strings.Contains(got[0], "dmarc=temperror") {
		t.Errorf("got %q", got)
	}
}

// TestWhoIsTold: keys are learned and reports read only of mail that is from where
// it says.
func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, carol := w.account("alice@demo.test", pgp.Compat, 0), w.account("carol@demo.test", pgp.Compat, 0)
	w.screened(nil)
	var mu sync.Mutex
	var told []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprintf(format, args...))
	}
	w.handler.Learn = func(_ context.Context, id string, from mail.Address, h mail.Header, date time.Time) {
		note("learn %s %s %s %s", id, from, strings.Join(h.Values("Autocrypt"), "|"), date.Format(time.TimeOnly))
	}
	w.handler.Report = func(o report.Observation) { note("report %s %s %s", o.From, o.Disposition, o.SPF) }
	w.handler.Received = func(_ context.Context, to []mail.Address, v mailauth.Verdict, h mail.Header, m mail.Bytes) {
		b, _ := io.ReadAll(io.NewSectionReader(m, 0, m.Size()))
		note("received %v %s %d", to, v.DMARC.Result, bytes.Count(b, []byte("canary")))
	}
	autocrypt := "Autocrypt: addr=a@good.example; keydata=AAAA\r\n"
	for _, c := range []struct{ fields, envelope, want string }{
		{autocrypt + "From: a@good.example", "x@good.example",
			"report good.example none pass; learn " + string(alice.ID) + " a@good.example addr=a@good.example; keydata=AAAA 10:20:30; learn " + string(carol.ID) + " a@good.example addr=a@good.example; keydata=AAAA 10:20:30"},
		{"List-Id: <l.good.example>\r\nFrom: a@good.example", "x@good.example", "report good.example none pass"},
		{autocrypt + "From: a@unknown.example", "x@unknown.example", ""},
		{autocrypt + "From: a@two.example", "x@good.example", ""},
		{autocrypt + "From: a@bank.example", "x@good.example", "report bank.example reject pass"},
		{"List-Id: x\r\nContent-Type: application/gzip\r\nFrom: a@good.example", "x@good.example",
			"received [{alice demo.test} {carol demo.test}] pass 2"},
		{"Content-Type: application/gzip\r\nFrom: a@two.example", "x@good.example", ""},
		{"Content-Type: application/gzip\r\nFrom: a@bank.example", "x@good.example", "report bank.example reject pass"}, // says it is one
	} {
		told = nil
		w.send(letterFrom(c.fields), c.envelope, "alice@demo.test", "carol@demo.test")
		mu.Lock()
		got := strings.Join(told, "; ")
		mu.Unlock()
		if strings.ReplaceAll(got, "alice@demo.test carol@demo.test", "{alice demo.test} {carol demo.test}") != c.want {
			t.Errorf("%q:\ngot  %s\nwant %s", c.fields, got, c.want)
		}
	}
}

// TestOwnPeople: who signed in is not judged again, and their copies tell nothing
// of where they are.
func TestOwnPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test", pgp.Compat, 0)
	w.screened(func(s *screen.Screen) { s.Greylist = true })
	p := smtp.Peer{
		Addr: &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 1}, Helo: "laptop.home.example", Extended: true,
		TLS: &tls.ConnectionState{Version: tls.VersionTLS13}, User: &smtp.Identity{Account: "x", Password: "phone"},
	}
	from, to := mail.Address{Local: "carol", Domain: "demo.test"}, mail.Address{Local: "alice", Domain: "demo.test"}
	tx, err := w.handler.Begin(context.Background(), p, &from, smtp.MailOptions{})
	w.must(err)
	defer tx.Close()
	w.must(tx.Rcpt(context.Background(), to, smtp.RcptOptions{}))
	if reply, err := tx.Data(context.Background(), strings.NewReader(letterFrom("From: carol@demo.test"))); err != nil || reply.Code != 250 {
		t.Fatal(reply, err)
	}
	got := w.inbox(alice, false)
	if len(got) != 1 || strings.Contains(got[0], "203.0.113.7") || strings.Contains(got[0], "laptop") || strings.Contains(got[0], "TLS") || strings.Contains(got[0], "phone") {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(got[0], "\r\nReceived: by mx.demo.test\r\n\tid ") || strings.Contains(got[0], "Authentication-Results") {
		t.Errorf("got %q", got)
	}
}
