package outbound

import (
	"errors"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/outbound/queue"
)

// An exchanger that breaks off, or puts off, is followed by the next one (RFC 5321,
// section 5.1); who has the mail does not get it again.
func TestNextExchanger(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(w *world){
		"ends after EHLO": func(w *world) {
			w.net.script("far.example", func(_ int, c *chat) { c.greet() })
		},
		"421 at MAIL": func(w *world) {
			w.net.script("far.example", func(_ int, c *chat) {
				c.greet()
				c.hear("MAIL")
				c.say("421 4.3.2 out of order")
			})
		},
		"puts off after the text": func(w *world) {
			w.net.script("far.example", func(_ int, c *chat) {
				if c.greet() && c.take() {
					c.say("451 4.3.0 disk full")
					c.hear("QUIT")
				}
			})
		},
		"puts off one of two": func(w *world) {
			w.net.script("far.example", func(_ int, c *chat) {
				c.greet()
				c.hear("MAIL")
				c.say("250 ok")
				c.hear("RCPT")
				c.say("250 ok")
				c.hear("RCPT")
				c.say("452 4.2.2 full")
				c.hear("DATA")
				c.say("354 go")
				c.hear(".")
				c.say("250 ok")
				c.hear("QUIT")
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			first(w)
			second := &inbox{}
			w.net.far(second, nil, "second.far.example")
			id := w.put("ann@far.example", "bob@far.example")
			w.step()
			got := second.got()
			if w.left(id) != "gone" || len(got) != 1 || len(w.notices()) != 0 || w.sender.Stats().Duplicates != 0 {
				t.Fatalf("left %s, %d mails, %+v", w.left(id), len(got), w.sender.Stats())
			}
			if one := name == "puts off one of two"; one != (len(got[0].to) == 1) || got[0].to[len(got[0].to)-1] != "bob@far.example" {
				t.Errorf("the second exchanger got it for %v", got[0].to)
			}
		})
	}
}

// Whether an exchanger took a mail whose session ended after the text nobody knows:
// another is not given it too.
func TestUnsureStaysWithOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.script("far.example", func(_ int, c *chat) {
		if c.greet() {
			c.take()
		}
	})
	second := &inbox{}
	w.net.far(second, nil, "second.far.example")
	id := w.put("bob@far.example")
	w.step()
	if w.left(id) == "gone" || len(second.got()) != 0 {
		t.Errorf("left %s, the second got %d", w.left(id), len(second.got()))
	}
}

// A key that cannot sign puts mail off: unsigned it would be junk, or refused.
func TestCannotSign(t *testing.T) {
	t.Parallel()
	key := any("no key")
	w := newWorld(t, func(w *world) {
		w.sender.Signer = func(domain string) *mailauth.Signer {
			return &mailauth.Signer{Domain: domain, Keys: []mailauth.SigningKey{{Selector: "s", Private: key}}, Now: w.clock.now}
		}
	})
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	from := mail.Address{Local: "alice", Domain: "near.example"}
	id := w.putMail(queue.Mail{Envelope: smtp.Envelope{From: &from}, Recipient: to("bob@far.example"), Sign: "near.example"})
	w.step()
	if w.left(id) != "bob 451 4.3.0 after 1" || len(far.got()) != 0 || len(w.notices()) != 0 {
		t.Error(w.left(id), len(far.got()))
	}
}

// A failure whose sender cannot be told is told of later, and the mail is not offered
// again; in the end nobody hears.
func TestFailedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	w.inbox.refuse = errors.New("disk on fire")
	id := w.put("unknown@far.example")
	w.step()
	w.net.breaks("far.example", errors.New("asked again"))
	w.clock.move(time.Minute)
	w.step()
	if got, s := w.left(id), w.sender.Stats(); got != "unknown 550 5.1.1 after 2" || s.Reused > 0 || w.net.opens("far.example") != 1 {
		t.Errorf("%s, %+v", got, s)
	}
	for range 100 {
		if w.clock.move(4 * time.Hour); !w.anyLeft() {
			break
		}
		w.step()
	}
	if w.anyLeft() || len(w.notices()) != 0 {
		t.Errorf("after 16 days: %s, %d notices", w.left(id), len(w.notices()))
	}
}

// A server that comes back after days, and its network minutes later, gives no mail up.
func TestLateNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("bob@far.example")
	w.clock.move(6 * 24 * time.Hour)
	for range 3 {
		w.step()
		w.clock.move(10 * time.Minute)
	}
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	w.step()
	if w.left(id) != "gone" || len(far.got()) != 1 || len(w.notices()) > 1 {
		t.Errorf("%s, %d mails, %d notices", w.left(id), len(far.got()), len(w.notices()))
	}
}
