package outbound

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/outbound/dsn"
	"sealpost/smtp/outbound/queue"
)

// report reads a notice back.
func report(t *testing.T, l letter) dsn.Report {
	t.Helper()
	r, err := dsn.Parse(strings.NewReader(l.text))
	if err != nil {
		t.Fatalf("%v: %s", err, l.text)
	}
	return r
}

// TestNotices is the matrix of RFC 3461: what a sender asked for, what happened,
// and what it hears.
func TestNotices(t *testing.T) {
	t.Parallel()
	const never, nothing, success, failure, delay, all = "NEVER", "", "SUCCESS", "FAILURE", "DELAY", "SUCCESS,FAILURE,DELAY"
	wishes := []string{never, nothing, success, failure, delay, all}
	for _, c := range []struct {
		what   string
		to     string
		want   map[string]string // by wish: action and status; none: no notice
		passed string            // the wish that went on to a server with DSN
	}{
		{"taken by a server with DSN", "bob@far.example", nil, all},
		{"taken by a server without", "bob@plain.example", map[string]string{success: "relayed 2.0.0", all: "relayed 2.0.0"}, ""},
		{"delivered here", "bob@near.example", map[string]string{success: "delivered 2.0.0", all: "delivered 2.0.0"}, ""},
		{"refused", "unknown@far.example", map[string]string{nothing: "failed 5.1.1", failure: "failed 5.1.1", all: "failed 5.1.1"}, ""},
		{"refused here", "unknown@near.example", map[string]string{nothing: "failed 5.1.1", failure: "failed 5.1.1", all: "failed 5.1.1"}, ""},
		{"put off", "later@far.example", nil, ""},
		{"put off for hours", "later@far.example +5h", map[string]string{nothing: "delayed 4.2.1", delay: "delayed 4.2.1", all: "delayed 4.2.1"}, ""},
		{"put off for days", "later@far.example +121h", map[string]string{nothing: "failed 4.4.7", failure: "failed 4.4.7", all: "failed 4.4.7"}, ""},
		{"never reached", "bob@dead.example +121h", map[string]string{nothing: "failed 4.4.7", failure: "failed 4.4.7", all: "failed 4.4.7"}, ""},
	} {
		w := newWorld(t)
		far, plain := &inbox{}, &inbox{}
		w.net.far(far, nil, "far.example")
		w.net.far(plain, []string{"DSN"}, "plain.example")
		who, after, _ := strings.Cut(c.to, " +")
		for _, wish := range wishes {
			before := len(w.notices())
			w.put(strings.TrimSpace(who + " " + wish))
			pause, _ := time.ParseDuration(after)
			w.clock.move(pause)
			w.step()
			if pause > 120*time.Hour { // nobody looked at it when it was due: it has more time
				w.clock.move(another)
				w.step()
			}
			got := ""
			if n := w.notices()[before:]; len(n) == 1 {
				r := report(t, n[0])
				got = fmt.Sprint(r.Recipients[0].Action, " ", r.Recipients[0].Status)
				if n[0].from != nil || n[0].to[0] != "alice@near.example" || r.EnvID != "envelope-1" || r.MessageID != "<id-1@near.example>" || r.Recipients[0].Address != who {
					t.Errorf("%s, %q: from %v to %v, %+v", c.what, wish, n[0].from, n[0].to, r)
				}
			}
			if got != c.want[wish] {
				t.Errorf("%s, %q: heard %q, expected %q", c.what, wish, got, c.want[wish])
			}
			for w.clock.move(6 * 24 * time.Hour); w.anyLeft(); w.clock.move(another) {
				w.step()
			}
		}
		if all := far.got(); c.passed != "" && (len(all) != len(wishes) || strings.Join(all[len(all)-1].rcpt[0].Notify, ",") != c.passed) {
			t.Errorf("%s: passed on %+v", c.what, all)
		}
	}
}

func (w *world) anyLeft() bool {
	all, err := w.queue.List(w.t.Context())
	return err != nil || len(all) > 0
}

// TestOneNotice: what happened to several recipients stands in one notice, and a
// delay is told once.
func TestOneNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, []string{"DSN"}, "far.example", "other.example")
	id := w.put("unknown@far.example", "unknown2@other.example", "bob@far.example SUCCESS", "later@far.example", "bob@dead.example")
	w.clock.move(5 * time.Hour)
	w.step()
	all := w.notices()
	if len(all) != 1 {
		t.Fatalf("%d notices", len(all))
	}
	var got []string
	for _, s := range report(t, all[0]).Recipients {
		got = append(got, string(s.Action)+" "+s.Address)
	}
	slices.Sort(got)
	if fmt.Sprint(got) != "[delayed bob@dead.example delayed later@far.example failed unknown2@other.example failed unknown@far.example relayed bob@far.example]" {
		t.Error(got)
	}
	w.clock.move(time.Hour)
	w.step()
	if n := len(w.notices()); n != 1 || w.left(id) == "gone" {
		t.Errorf("%d notices", n)
	}
}

// TestNoticeHoldsNothingOfTheMail (D17): subject and text of the original are in
// no notice, not even when they look like what may stand there.
func TestNoticeHoldsNothingOfTheMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, []string{"DSN"}, "far.example")
	from := address("bob@far.example") // not of this server: the notice leaves
	w.put("unknown@far.example", "bob@far.example SUCCESS", "later@far.example")
	w.putMail(queue.Mail{Envelope: smtp.Envelope{From: &from, Ret: "FULL"}, Recipient: to("unknown@far.example")})
	w.clock.move(5 * time.Hour)
	for range 3 {
		w.step()
	}
	in, out := w.notices(), far.got()
	if len(in) != 1 || len(out) != 2 {
		t.Fatalf("%d notices, %d mails", len(in), len(out))
	}
	for _, l := range []letter{in[0], out[1]} {
		if !strings.Contains(l.text, "report-type=delivery-status") || strings.Contains(l.text, "canary") {
			t.Errorf("the notice says\n%s", l.text)
		}
	}
}

// TestNoticeLeaves: who is not of this server gets a notice by the queue, from
// nobody, signed, and nobody hears what becomes of it.
func TestNoticeLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.sender.Signer = func(domain string) *mailauth.Signer {
			if domain != "mx.near.example" {
				return nil
			}
			_, key, err := ed25519.GenerateKey(nil)
			if err != nil {
				t.Error(err)
			}
			return &mailauth.Signer{Domain: domain, Keys: []mailauth.SigningKey{{Selector: "s", Private: key}}, Now: w.clock.now}
		}
	})
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	from := address("unknown@far.example")
	w.putMail(queue.Mail{Envelope: smtp.Envelope{From: &from}, Recipient: to("unknown@far.example")})
	w.step()
	all, err := w.queue.List(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	m := all[0]
	if m.Envelope.From != nil || m.Account != "" || m.Recipient[0].Address != from || fmt.Sprint(m.Recipient[0].Notify) != "[NEVER]" {
		t.Errorf("%+v", m)
	}
	w.step()
	if w.anyLeft() || len(w.inbox.got()) != 0 || w.sender.Stats().Notices != 1 {
		t.Errorf("a notice about a notice: %+v", w.sender.Stats())
	}
	from = address("bob@far.example")
	w.putMail(queue.Mail{Envelope: smtp.Envelope{From: &from}, Recipient: to("unknown@far.example")})
	w.step()
	w.step()
	if got := far.got(); len(got) != 1 || got[0].from != nil || !strings.HasPrefix(got[0].text, "DKIM-Signature:") {
		t.Errorf("%+v", got)
	}
}

// TestNoNoticeAboutNobody: mail from <> fails in silence.
func TestNoNoticeAboutNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, []string{"DSN"}, "far.example")
	id := w.putMail(queue.Mail{Recipient: to("unknown@far.example SUCCESS,FAILURE", "bob@far.example SUCCESS", "later@far.example")})
	w.clock.move(5 * time.Hour)
	w.step()
	if w.left(id) != "later 451 4.2.1 after 1" || len(w.inbox.got()) != 0 || w.sender.Stats().Notices != 0 {
		t.Error(w.left(id), w.inbox.got())
	}
}

// TestUntold: nobody is given up while the sender cannot be told; a sender whose
// mailbox is gone cannot be told ever.
func TestUntold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	w.inbox.refuse = errors.New("disk on fire")
	id := w.put("unknown@far.example", "bob@far.example")
	w.step()
	if got := w.left(id); got != "unknown 550 5.1.1 after 1" || len(far.got()) != 1 || w.sender.Stats().Failed != 0 {
		t.Error(got, w.sender.Stats())
	}
	w.inbox.refuse = nil
	w.clock.move(time.Minute)
	w.step()
	if w.left(id) != "gone" || len(w.notices()) != 1 || len(far.got()) != 1 {
		t.Error(w.left(id), len(w.notices()))
	}
	w.inbox.refuse = &smtp.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such mailbox"}
	id = w.put("unknown@far.example")
	w.step()
	if w.left(id) != "gone" || len(w.notices()) != 1 {
		t.Error(w.left(id), len(w.notices()))
	}
}

// TestDrop: an operator's removal is told to the sender first.
func TestDrop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("bob@far.example", "carol@far.example NEVER")
	w.inbox.refuse = errors.New("disk on fire")
	if told, err := w.sender.Drop(t.Context(), id, true); err == nil || told || w.left(id) == "gone" {
		t.Fatal(told, err, w.left(id))
	}
	w.inbox.refuse = nil
	if told, err := w.sender.Drop(t.Context(), id, true); err != nil || !told || w.left(id) != "gone" {
		t.Fatal(told, err, w.left(id))
	}
	all := w.notices()
	if len(all) != 1 || len(report(t, all[0]).Recipients) != 1 || report(t, all[0]).MessageID != "<id-1@near.example>" || strings.Contains(all[0].text, "canary") {
		t.Errorf("%+v", all)
	}
	if _, err := w.sender.Drop(t.Context(), id, true); !errors.Is(err, queue.ErrNoSuch) {
		t.Error(err)
	}
}

// TestDropTells: whether a sender is told or not, the mail has left (Strict: its copy
// in Outbox goes).
func TestDropTells(t *testing.T) {
	t.Parallel()
	alice := address("alice@near.example")
	for name, c := range map[string]struct {
		from *mail.Address
		to   string
		tell bool
		told bool
	}{
		"told":                      {&alice, "bob@far.example", true, true},
		"quietly":                   {&alice, "bob@far.example", false, false},
		"who wants to hear nothing": {&alice, "bob@far.example NEVER", true, false},
		"nobody":                    {nil, "bob@far.example", true, false},
	} {
		var left []queue.ID
		w := newWorld(t, func(w *world) {
			w.sender.Sent = func(_ context.Context, m queue.Mail) { left = append(left, m.ID) }
		})
		id := w.putMail(queue.Mail{Account: "alice", Envelope: smtp.Envelope{From: c.from}, Recipient: to(c.to)})
		told, err := w.sender.Drop(t.Context(), id, c.tell)
		if err != nil || told != c.told || len(w.notices()) > 0 != c.told || w.left(id) != "gone" || !slices.Equal(left, []queue.ID{id}) {
			t.Errorf("%s: told %v, %v; %d notices, %s, gone are %v", name, told, err, len(w.notices()), w.left(id), left)
		}
	}
}

// TestDropAbandoned: who goes away once the sender was told leaves no mail behind.
func TestDropAbandoned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("bob@far.example")
	ctx, leave := context.WithCancel(t.Context())
	w.inbox.came, w.inbox.gate = make(chan struct{}), make(chan struct{})
	go func() {
		<-w.inbox.came
		leave()
		close(w.inbox.gate)
	}()
	if told, err := w.sender.Drop(ctx, id, true); err != nil || !told || w.left(id) != "gone" {
		t.Error(told, err, w.left(id))
	}
}
