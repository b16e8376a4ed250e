package inbound

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
	"sealpost/storage/disk"
)

// papers are rules.Papers in memory.
type papers struct {
	mu    sync.Mutex
	all   map[string][]byte
	fault error
}

func (p *papers) Get(_ context.Context, account, name string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.all[account+" "+name]), p.fault
}

func (p *papers) Put(_ context.Context, account, name string, value []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[account+" "+name] = bytes.Clone(value)
	if value == nil {
		delete(p.all, account+" "+name)
	}
	return p.fault
}

func (p *papers) All(_ context.Context, account string) (all [][]byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, v := range p.all {
		if strings.HasPrefix(k, account+" ") {
			all = append(all, bytes.Clone(v))
		}
	}
	return all, p.fault
}

// nobody knows nobody.
type nobody struct{}

func (nobody) Peer(context.Context, string, mail.Address) (discover.Peer, error) {
	return discover.Peer{}, discover.ErrNoKey
}
func (nobody) PutPeer(context.Context, string, discover.Peer) error   { return nil }
func (nobody) DeletePeer(context.Context, string, mail.Address) error { return nil }
func (nobody) Peers(context.Context, string) ([]discover.Peer, error) { return nil, nil }
func (nobody) ForgetPeers(context.Context, string) error              { return nil }

// ruled is a world whose people have rules, and a queue for what leaves by itself.
type ruled struct {
	*world
	room        *rules.Room
	sets, heard *papers
	queue       *queue.Queue
	friend      *pgp.SecretKeys // opens what is sent to friend@else.example
	clock       time.Time
	alice       account.Account
}

func newRuled(t *testing.T) *ruled {
	t.Helper()
	w := &ruled{world: newWorld(t), sets: &papers{all: map[string][]byte{}}, heard: &papers{all: map[string][]byte{}}, clock: time.Now()}
	w.alice = w.account("alice@demo.test", pgp.Compat, 0)
	secret, public, err := pgp.GenerateKey("", "friend@else.example", pgp.Compat, time.Now().Add(-time.Hour))
	w.must(err)
	w.friend, err = pgp.ParseSecretKeys(secret, nil)
	w.must(err)
	cert, err := pgp.ParseCert(public)
	w.must(err)
	texts, err := disk.Open(w.dir+"/queue", disk.Options{})
	w.must(err)
	t.Cleanup(func() { texts.Close() })
	w.queue = &queue.Queue{Store: memqueue.New(), Blobs: texts, Key: nodekey.Random(), Now: func() time.Time { return w.clock }}
	w.room = &rules.Room{
		Rules: w.sets, Heard: w.heard, Book: w.book, Queue: w.queue, Local: w.handler, Spool: w.handler.Spool,
		Keys: &discover.Finder{Peers: nobody{}, Own: func(_ context.Context, a mail.Address) (*pgp.Cert, error) {
			if a.Domain == "else.example" && a.Local == "friend" {
				return cert, nil
			}
			return nil, discover.ErrNoKey
		}},
		Log: w.handler.Log, Now: func() time.Time { return w.clock },
	}
	w.handler.Rules = w.room
	return w
}

func (w *ruled) set(s rules.Set) {
	w.t.Helper()
	old, err := w.room.Get(w.t.Context(), w.alice.ID)
	w.must(err)
	s.Version = old.Version
	_, err = w.room.Put(w.t.Context(), w.alice.ID, s)
	w.must(err)
}

func (w *ruled) rule(c rules.Condition, actions ...rules.Action) {
	w.t.Helper()
	w.set(rules.Set{Rules: []rules.Rule{{Name: "canary", On: true, All: true, Conditions: []rules.Condition{c}, Actions: actions}}})
}

func (w *ruled) take(text, from string) {
	w.t.Helper()
	if _, final := w.send(text, from, "alice@demo.test"); !strings.HasPrefix(final, "250") {
		w.t.Fatalf("%q", final)
	}
}

// flagged are the flags of every mail of a mailbox.
func (w *ruled) flagged(name string) (all [][]string) {
	w.t.Helper()
	owner := mailstore.Owner(w.alice.ID)
	boxes, err := w.index.Mailboxes(w.t.Context(), owner)
	w.must(err)
	for _, b := range boxes {
		if b.Name != name {
			continue
		}
		for e, err := range w.index.Entries(w.t.Context(), owner, b.ID, 0) {
			w.must(err)
			all = append(all, e.Flags)
		}
	}
	return all
}

// left takes every mail that waits to leave.
func (w *ruled) left() (texts []string, mails []queue.Mail) {
	w.t.Helper()
	for {
		ctx, cancel := context.WithTimeout(w.t.Context(), 50*time.Millisecond)
		l, err := w.queue.Take(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return texts, mails
		}
		w.must(err)
		c, err := l.Content(w.t.Context())
		w.must(err)
		text, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		w.must(err)
		w.must(c.Close())
		w.must(l.Done(w.t.Context()))
		texts, mails = append(texts, string(text)), append(mails, l.Mail)
	}
}

func letterWith(fields string) string {
	return letterFrom("From: Bob <bob@shop.example>\r\n" + fields + "X: y")
}

func TestRulesFile(t *testing.T) {
	t.Parallel()
	w := newRuled(t)
	bob := rules.Condition{Field: "from", Op: "ends", Value: "@SHOP.example"}
	w.rule(bob, rules.Action{Do: "move", Mailbox: "Shops/New"}, rules.Action{Do: "flag", Flag: `\flagged`}, rules.Action{Do: "flag", Flag: "bills"})
	w.take(letterWith(""), "bob@shop.example")
	if got := w.flagged("Shops/New"); len(got) != 1 || len(got[0]) != 2 {
		t.Errorf("filed %v", got)
	}
	w.rule(bob, rules.Action{Do: "discard"})
	w.take(letterWith("A: 1\r\n"), "bob@shop.example")
	if got := w.flagged("Trash"); len(got) != 1 || len(w.flagged("INBOX")) != 0 {
		t.Errorf("thrown away %v", got)
	}
	w.rule(rules.Condition{Field: "from", Op: "is", Value: "carol@shop.example"}, rules.Action{Do: "discard"})
	w.take(letterWith("A: 2\r\n"), "bob@shop.example")
	if len(w.flagged("INBOX")) != 1 {
		t.Error("a rule that does not meet was obeyed")
	}
}

// TestFaultyRulesLoseNothing: whatever is wrong with them, mail is stored in INBOX.
func TestFaultyRulesLoseNothing(t *testing.T) {
	t.Parallel()
	w := newRuled(t)
	w.rule(rules.Condition{Field: "size", Op: "over", Value: "1"}, rules.Action{Do: "move", Mailbox: "Elsewhere"})
	key := string(w.alice.ID) + " "
	good := w.sets.all[key]
	for i, spoil := range []func(){
		func() { w.sets.all[key] = []byte("{") },
		func() { w.sets.fault = errors.New("disk on fire") },
		func() {
			w.sets.fault, w.sets.all[key] = nil, bytes.Replace(good, []byte("Elsewhere"), []byte("a/../b"), 1)
		},
		func() { w.searchLogs(); w.room.Rules = nil }, // it panics
	} {
		spoil()
		w.take(letterWith("A: "+strings.Repeat("x", i)+"\r\n"), "bob@shop.example")
		if n := len(w.flagged("INBOX")); n != i+1 {
			t.Fatalf("%d mails after fault %d", n, i)
		}
	}
	w.logs.mu.Lock() // a stack names versions of packages by "@"
	defer w.logs.mu.Unlock()
	if text := w.logs.b.String(); !strings.Contains(text, "rules panicked") || strings.Contains(text, "canary") {
		t.Errorf("the log says %s", text)
	}
	w.logs.b.Reset()
}

// TestForwardsEncryptedOnly: to who has a key, wrapped in a mail of our own; any other
// mail is filed and marked.
func TestForwardsEncryptedOnly(t *testing.T) {
	t.Parallel()
	w := newRuled(t)
	all := rules.Condition{Field: "size", Op: "over", Value: "1"}
	w.rule(all, rules.Action{Do: "forward", Address: "friend@else.example"})
	w.take(letterWith(""), "bob@shop.example")
	texts, mails := w.left()
	if len(mails) != 1 || mails[0].Envelope.From != nil || mails[0].Sign != "demo.test" {
		t.Fatalf("%+v", mails)
	}
	if strings.Contains(texts[0], "canary") || strings.Contains(texts[0], "shop.example") {
		t.Errorf("readable on its way:\n%s", texts[0])
	}
	for _, want := range []string{"X-Loop: alice@demo.test\r\n", "From: <alice@demo.test>\r\n", "Auto-Submitted: auto-generated\r\n"} {
		if !strings.Contains(texts[0], want) {
			t.Errorf("no %q in\n%s", want, texts[0])
		}
	}
	var plain bytes.Buffer
	armored := texts[0][strings.Index(texts[0], "-----BEGIN"):]
	_, err := pgp.Opener{Keys: w.friend}.Open(t.Context(), strings.NewReader(armored), &plain)
	w.must(err)
	if !strings.Contains(plain.String(), "A canary sings.") || !strings.Contains(plain.String(), "From: Bob <bob@shop.example>") {
		t.Errorf("inside:\n%s", plain.String())
	}
	for _, loop := range []string{"X-Loop: alice@demo.test\r\n", "X-Loop: a@a.example\r\nX-Loop: b@b.example\r\nX-Loop: c@c.example\r\n"} {
		w.take(letterWith(loop), "bob@shop.example")
	}
	w.rule(all, rules.Action{Do: "forward", Address: "stranger@else.example"})
	w.take(letterWith("A: 1\r\n"), "bob@shop.example")
	if texts, _ := w.left(); len(texts) != 0 {
		t.Errorf("%d left that must not", len(texts))
	}
	got := w.flagged("INBOX")
	if len(got) != 4 || len(got[0]) != 0 {
		t.Fatalf("filed %v", got)
	}
	for _, flags := range got[1:] {
		if len(flags) != 1 || flags[0] != rules.NotForwarded {
			t.Errorf("marked %v", flags)
		}
	}
}

// TestVacation: once, to people who wrote to the account itself, and nothing of their
// mail in it (RFC 3834).
func TestVacation(t *testing.T) {
	t.Parallel()
	w := newRuled(t)
	w.set(rules.Set{Vacation: rules.Vacation{On: true, Subject: "Aus-zeit", Text: "Back in May."}})
	for _, quiet := range []struct{ fields, from string }{
		{"", ""}, {"List-Id: <l.shop.example>\r\n", "bob@shop.example"}, {"Auto-Submitted: auto-generated\r\n", "bob@shop.example"},
		{"Precedence: bulk\r\n", "bob@shop.example"}, {"", "owner-list@shop.example"}, {"", "noreply@shop.example"},
		{"", "mailer-daemon@shop.example"}, {"", "alice@demo.test"}, {"X-Auto-Response-Suppress: All\r\n", "bob@shop.example"},
	} {
		w.take(letterWith(quiet.fields), quiet.from)
		if texts, _ := w.left(); len(texts) != 0 {
			t.Errorf("%+v was answered", quiet)
		}
	}
	blind := strings.Replace(letterWith(""), "To: alice@demo.test", "To: somebody@shop.example", 1)
	w.take(blind, "bob@shop.example")
	if texts, _ := w.left(); len(texts) != 0 {
		t.Error("a blind copy was answered")
	}
	w.take(letterWith("A: 1\r\n"), "bob@shop.example")
	texts, mails := w.left()
	if len(mails) != 1 || mails[0].Envelope.From != nil || mails[0].Recipient[0].Address.String() != "bob@shop.example" {
		t.Fatalf("%+v", mails)
	}
	if strings.Contains(texts[0], "canary") || !strings.Contains(texts[0], "Auto-Submitted: auto-replied") ||
		!strings.Contains(texts[0], "Subject: Aus-zeit\r\n") || !strings.Contains(texts[0], "In-Reply-To: <1@x.example>") {
		t.Errorf("the notice says\n%s", texts[0])
	}
	w.take(letterWith("A: 2\r\n"), "bob@shop.example")
	w.clock = w.clock.Add(6 * 24 * time.Hour)
	w.take(letterWith("A: 3\r\n"), "Bob@shop.example")
	if texts, _ := w.left(); len(texts) != 0 {
		t.Error("told again too soon")
	}
	w.clock = w.clock.Add(25 * time.Hour)
	w.must(w.room.Tidy(t.Context()))
	if len(w.heard.all) != 0 {
		t.Errorf("%d are remembered for ever", len(w.heard.all))
	}
	w.take(letterWith("A: 4\r\n"), "bob@shop.example")
	if texts, _ := w.left(); len(texts) != 1 {
		t.Error("not told again")
	}
	w.take(letterFrom("From: friend@else.example"), "friend@else.example")
	if texts, _ := w.left(); len(texts) != 1 || strings.Contains(texts[0], "Aus-zeit") {
		t.Error("who has a key is told in plain text")
	}
}

// TestNoAnswerToStrangersInDisguise: what is junk, or whose reverse-path nobody
// vouches for, is answered by nothing: others would get the answers.
func TestNoAnswerToStrangersInDisguise(t *testing.T) {
	t.Parallel()
	w := newRuled(t)
	w.screened(nil)
	w.set(rules.Set{
		Rules:    []rules.Rule{{On: true, All: true, Conditions: []rules.Condition{{Field: "size", Op: "over", Value: "1"}}, Actions: []rules.Action{{Do: "forward", Address: "friend@else.example"}}}},
		Vacation: rules.Vacation{On: true, Text: "Back in May."},
	})
	if _, final := w.send(letterFrom("From: a@shop.example"), "x@shop.example", "alice@demo.test"); !strings.HasPrefix(final, "250") {
		t.Fatal(final)
	}
	if texts, _ := w.left(); len(texts) != 0 || len(w.flagged("Junk")) != 1 {
		t.Error("junk was answered or forwarded")
	}
	if _, final := w.send(letterFrom("From: a@nopolicy.example"), "x@nopolicy.example", "alice@demo.test"); !strings.HasPrefix(final, "250") {
		t.Fatal(final)
	}
	if _, mails := w.left(); len(mails) != 1 || mails[0].Recipient[0].Address.Domain != "else.example" {
		t.Errorf("%+v: expected the forwarded mail alone", mails)
	}
}
