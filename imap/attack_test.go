package imap_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/imap"
	"sealpost/mailstore"
)

// ATTACKS D12: whatever is asked about a mailbox of somebody else is answered, to the
// octet, as of one that nobody has.
func TestAnothersMailboxIsNoMailbox(t *testing.T) {
	t.Parallel()
	h := build(t)
	_, err := h.store.Apply(t.Context(), h.alice.owner(), mailstore.Create{Name: "Secret"})
	h.must(err)
	h.deliver(h.alice, "Secret", letter("one", "hello"))
	h.deliver(h.bob, "INBOX", letter("two", "hello"))
	owner := h.line(t, true)
	owner.signIn(h.alice)
	if said := owner.ask("a", `SETMETADATA Secret (/private/comment "hello")`); !strings.HasPrefix(said, "a OK") {
		t.Fatal(said)
	}
	l := h.line(t, true)
	l.signIn(h.bob)
	for n, command := range []string{
		"STATUS %s (MESSAGES)", "MYRIGHTS %s", "GETQUOTAROOT %s", "GETMETADATA %s /private/comment", `SETMETADATA %s (/private/x "y")`,
		`LIST "" %s RETURN (STATUS (MESSAGES) MYRIGHTS)`, `LSUB "" %s`, "DELETE %s", "RENAME %s Mine", "COPY 1 %s", "MOVE 1 %s", "UID COPY 1 %s",
		"NOTIFY SET STATUS (mailboxes %s (MessageNew MessageExpunge))", "APPEND %s {5}", "REPLACE 1 %s {5}",
		"SELECT %s (QRESYNC (1 1))", "EXAMINE %s", "SELECT %s",
	} {
		tag := fmt.Sprint("b", n)
		ask := func(box string) string {
			l.ask("a", "SELECT INBOX") // which a SELECT that fails leaves
			return l.ask(tag, fmt.Sprintf(command, box))
		}
		theirs, nobodys := ask("Secret"), ask("Nobody")
		if strings.ReplaceAll(theirs, "Secret", "Nobody") != nobodys {
			t.Errorf("%s: %q, and of what nobody has %q", command, theirs, nobodys)
		}
	}
	if box := h.box(h.alice, "Secret"); box.Messages != 1 {
		t.Errorf("alice has %d messages left", box.Messages)
	}
}

// ask gives all that is answered to one command.
func (l *line) ask(tag, command string) (said string) {
	l.Helper()
	l.say(tag + " " + command + "\r\n")
	for {
		text, err := l.in.ReadString('\n')
		if err != nil {
			l.Fatalf("%s: %v", command, err)
		}
		if said += text; strings.HasPrefix(text, tag+" ") || strings.HasPrefix(text, "+ ") {
			return said
		}
	}
}

// ATTACKS D13: many append at the edge of the quota, each over a connection of its own,
// while mail comes in. An OK is a mail, what does not fit is refused, and what is used is
// the sum of what is there.
func TestAppendsAtTheEdge(t *testing.T) {
	t.Parallel()
	const appenders, deliverers, fit = 48, 16, 5
	h := build(t, func(s *imap.Server) { s.Limits.PerAccount = appenders })
	h.deliver(h.alice, "INBOX", letter("one", "hello"))
	each := h.usage().Bytes
	lines := make([]*line, appenders)
	for i := range lines {
		lines[i] = h.line(t, true)
		lines[i].SetDeadline(time.Now().Add(10 * time.Minute))
		lines[i].signIn(h.alice)
	}
	rounds := 1
	if *long {
		rounds = 1000
	}
	for round := range rounds {
		before := h.usage()
		limit := before.Bytes + fit*each + each/2
		_, err := h.store.Apply(t.Context(), h.alice.owner(), mailstore.SetQuota{Bytes: limit})
		h.must(err)
		var stored atomic.Int64
		var all sync.WaitGroup
		text := letter(fmt.Sprint("round ", round), "hello")
		for _, l := range lines {
			all.Go(func() {
				switch said := l.ask("a", fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text)); {
				case strings.HasPrefix(said, "a OK"):
					stored.Add(1)
				case !strings.HasPrefix(said, "a NO [OVERQUOTA]"):
					t.Error(said)
				}
			})
		}
		for range deliverers {
			all.Go(func() {
				switch _, err := h.bring(h.alice, "INBOX", text); {
				case err == nil:
					stored.Add(1)
				case !errors.Is(err, mailstore.ErrOverQuota):
					t.Error(err)
				}
			})
		}
		all.Wait()
		after, there := h.usage(), h.weigh(h.alice, "INBOX")
		if after.Messages-before.Messages != fit || stored.Load() != fit || after.Bytes > limit || after.Bytes != there {
			t.Fatalf("round %d: %d were told OK, %d came, %d of %d octets are used, %d are there", round, stored.Load(), after.Messages-before.Messages, after.Bytes, limit, there)
		}
	}
}

func (h *house) usage() mailstore.Usage {
	h.Helper()
	u, err := h.store.Index.Usage(h.Context(), h.alice.owner())
	h.must(err)
	return u
}

// weigh is the sum of what a mailbox holds.
func (h *house) weigh(p person, box string) (sum int64) {
	h.Helper()
	roster, err := h.store.Index.Roster(h.Context(), p.owner(), h.box(p, box).ID)
	h.must(err)
	for line, err := range h.store.Index.List(h.Context(), p.owner(), roster.ID, roster.UIDs, mailstore.Columns{Whole: true}) {
		h.must(err)
		for _, letter := range line.Mail.Letters {
			sum += letter.Size
		}
	}
	return sum
}

// Nobody but themselves pays for those who send without end, never finish, do not read,
// guess, or ask for the dearest that can be asked for.
func TestOthersGoOn(t *testing.T) {
	t.Parallel()
	h := build(t)
	home, elsewhere := h.line(t, true), h.line(t, true)
	home.signIn(h.bob)
	elsewhere.signIn(h.alice)
	h.deliver(h.bob, "INBOX", letter("one", "hello"))
	h.stuck(t)
	stop := make(chan struct{})
	var all sync.WaitGroup
	defer all.Wait()
	defer close(stop)
	attack := func(secure bool, what func(net.Conn)) {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if c, err := h.knock(secure); err == nil {
					go io.Copy(io.Discard, c)
					what(c)
					c.Close()
				}
			}
		})
	}
	signIn := "a LOGIN " + h.alice.address + " " + h.alice.password + "\r\nb SELECT INBOX\r\n"
	attack(false, func(c net.Conn) { io.WriteString(c, "a "+strings.Repeat("x", 1<<20)) })
	attack(false, func(c net.Conn) { io.WriteString(c, "a STARTTLS\r\nb LOGIN x y\r\n") })
	attack(false, func(c net.Conn) { hold(c, stop, "a LOGIN {4096+}\r\n") })
	attack(true, func(c net.Conn) { hold(c, stop, strings.Repeat("a LOGIN "+h.bob.address+" wrong\r\n", 5)) })
	attack(true, func(c net.Conn) {
		hold(c, stop, signIn+strings.Repeat("c UID FETCH "+strings.Repeat("1:*,", 10_000)+"1 (FLAGS BODYSTRUCTURE)\r\n", 5))
	})
	attack(true, func(c net.Conn) {
		hold(c, stop, signIn+strings.Repeat("c SEARCH "+strings.Repeat("OR TEXT x ", 90)+"ALL\r\n", 20))
	})
	for n := range 12 {
		for _, l := range []*line{home, elsewhere} {
			start := time.Now()
			l.say("a SELECT INBOX\r\nb FETCH 1 (UID FLAGS ENVELOPE)\r\n")
			l.until("b OK")
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("look %d took %v", n, took)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (h *house) knock(secure bool) (net.Conn, error) {
	if secure {
		return tls.Dial("tcp", h.imaps, h.tls)
	}
	return net.Dial("tcp", h.imap)
}

// hold says something and waits for what is made of it.
func hold(c net.Conn, stop chan struct{}, text string) {
	c.SetDeadline(time.Now().Add(2 * time.Second))
	io.WriteString(c, text)
	select {
	case <-stop:
	case <-time.After(200 * time.Millisecond):
	}
}
