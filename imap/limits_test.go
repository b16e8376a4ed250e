package imap_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/account"
	"sealpost/imap"
	"sealpost/mailstore"
)

// line is a connection on which a test speaks for itself.
type line struct {
	net.Conn
	*testing.T
	in *bufio.Reader
}

func (h *house) line(t *testing.T, secure bool) *line {
	t.Helper()
	var c net.Conn
	var err error
	if secure {
		c, err = tls.Dial("tcp", h.imaps, h.tls)
	} else {
		c, err = net.Dial("tcp", h.imap)
	}
	h.must(err)
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &line{c, t, bufio.NewReader(c)}
}

// until reads lines up to one that starts so.
func (l *line) until(start string) string {
	l.Helper()
	for {
		text, err := l.in.ReadString('\n')
		if err != nil {
			l.Fatalf("waiting for %q: %v", start, err)
		}
		if strings.HasPrefix(text, start) {
			return text
		}
	}
}

func (l *line) say(text string) { io.WriteString(l.Conn, text) }

func (l *line) over() {
	l.Helper()
	if rest, err := io.ReadAll(l.in); err != nil || len(rest) > 0 {
		l.Errorf("still open: %q, %v", rest, err)
	}
}

func (l *line) signIn(p person) {
	l.Helper()
	l.until("* OK")
	l.say("l LOGIN " + p.address + " " + p.password + "\r\n")
	l.until("l OK")
}

func TestSilenceEnds(t *testing.T) {
	t.Parallel()
	h := build(t, func(s *imap.Server) {
		s.Limits.Login = 300 * time.Millisecond
		s.Limits.Idle = 400 * time.Millisecond
	})
	stranger := h.line(t, false)
	stranger.until("* OK")
	stranger.until("* BYE you were silent")
	stranger.over()

	// Talking does not prolong the lobby.
	talker := h.line(t, false)
	talker.until("* OK")
	start := time.Now()
	go func() {
		for range 100 {
			talker.say("a NOOP\r\n")
			time.Sleep(20 * time.Millisecond)
		}
	}()
	talker.until("* BYE you were silent")
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("the lobby kept somebody for %v", d)
	}
}

func TestSilenceEndsSignedIn(t *testing.T) {
	t.Parallel()
	h := build(t, func(s *imap.Server) { s.Limits.Idle = 300 * time.Millisecond })
	user := h.line(t, true)
	user.signIn(h.alice)
	user.until("* BYE you were silent")
	user.over()
	idler := h.line(t, true)
	idler.signIn(h.alice)
	idler.say("a IDLE\r\n")
	idler.until("+ idling")
	idler.until("* BYE you were silent")
	idler.over()
}

func TestConnectionsAreCounted(t *testing.T) {
	t.Parallel()
	h := build(t, func(s *imap.Server) {
		s.Limits.PerAddress = 4
		s.Limits.PerAccount = 2
	})
	for range 2 {
		h.line(t, true).signIn(h.alice)
	}
	third := h.line(t, true)
	third.until("* OK")
	third.say("a LOGIN " + h.alice.address + " " + h.alice.password + "\r\n")
	third.until("a NO [LIMIT]")
	third.say("b LOGIN " + h.bob.address + " " + h.bob.password + "\r\n")
	third.until("b OK")
	fourth := h.line(t, false)
	fourth.until("* OK")
	h.line(t, false).until("* BYE too many connections")
	fifth := h.line(t, false)
	fifth.until("* BYE too many connections")
	fifth.over()
	// A place that is left is free again.
	fourth.say("a LOGOUT\r\n")
	fourth.until("a OK")
	fourth.over()
	for range 50 {
		again := h.line(t, false)
		if text, _ := again.in.ReadString('\n'); strings.HasPrefix(text, "* OK") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("no place became free")
}

func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	h := build(t, func(s *imap.Server) {
		paces := account.DefaultPaces()
		paces.Host = account.Pace{Every: time.Hour, Burst: 3}
		s.Throttle = account.NewThrottle(paces, time.Now)
	})
	guesser := h.line(t, true)
	guesser.until("* OK")
	for n := range 3 {
		guesser.say(fmt.Sprintf("a%d LOGIN %s wrong\r\n", n, h.alice.address))
		guesser.until(fmt.Sprintf("a%d NO [AUTHENTICATIONFAILED]", n))
	}
	guesser.say("b LOGIN " + h.alice.address + " wrong\r\n")
	guesser.until("b NO [UNAVAILABLE] too many sign-ins")
}

// stuck is a client that asked for far more than any buffer holds, and does not
// read it.
func (h *house) stuck(t *testing.T) {
	t.Helper()
	h.deliver(h.alice, "INBOX", letter("large", strings.Repeat("hello world\r\n", 100_000)))
	slow := h.line(t, true)
	slow.signIn(h.alice)
	slow.say("a SELECT INBOX\r\n")
	slow.until("a OK")
	slow.say("b FETCH 1 (" + strings.Repeat("BODY.PEEK[] ", 29) + "BODY.PEEK[])\r\n")
	slow.until("* 1 FETCH")
}

// A client that does not read is left, and its place is free again.
func TestSlowReaderIsLeft(t *testing.T) {
	t.Parallel()
	h := build(t, func(s *imap.Server) {
		s.Limits.Write = 300 * time.Millisecond
		s.Limits.PerAccount = 1
	})
	h.stuck(t)
	for start := time.Now(); time.Since(start) < 15*time.Second; time.Sleep(100 * time.Millisecond) {
		other := h.line(t, true)
		other.until("* OK")
		other.say("a LOGIN " + h.alice.address + " " + h.alice.password + "\r\n")
		if strings.HasPrefix(other.until("a "), "a OK") {
			return
		}
		other.Close()
	}
	t.Error("the slow reader still has its place")
}

func TestShutdownSaysBye(t *testing.T) {
	t.Parallel()
	h := build(t)
	stranger, user, idler := h.line(t, false), h.line(t, true), h.line(t, true)
	stranger.until("* OK")
	user.signIn(h.alice)
	idler.signIn(h.alice)
	idler.say("a IDLE\r\n")
	idler.until("+ idling")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h.must(h.server.Shutdown(ctx))
	for _, l := range []*line{stranger, user, idler} {
		l.until("* BYE server is shutting down")
		l.over()
	}
	if _, err := net.Dial("tcp", h.imap); err == nil {
		t.Error("the door is still open")
	}
}

// One client that does not read must not keep the server from stopping.
func TestShutdownCutsWhoDoesNotRead(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.stuck(t)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := h.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("shutdown took %v", d)
	}
}

// A running command is finished before the connection ends.
func TestShutdownFinishesTheCommand(t *testing.T) {
	t.Parallel()
	h := build(t)
	user := h.line(t, true)
	user.signIn(h.alice)
	text := letter("one", "hello")
	user.say(fmt.Sprintf("a APPEND INBOX {%d}\r\n", len(text)))
	user.until("+ go on")
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	go func() { done <- h.server.Shutdown(ctx) }()
	user.until("* BYE server is shutting down")
	if err := <-done; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if h.box(h.alice, "INBOX").Messages != 0 {
		t.Error("half a mail was stored")
	}
}

// Who is removed is shown out.
func TestRemovedAccountIsShownOut(t *testing.T) {
	t.Parallel()
	h := build(t)
	user, idler := h.line(t, true), h.line(t, true)
	for _, l := range []*line{user, idler} {
		l.signIn(h.alice)
		l.say("a SELECT INBOX\r\n")
		l.until("a OK")
	}
	idler.say("b IDLE\r\n")
	idler.until("+ idling")
	_, err := h.store.Apply(context.Background(), h.alice.owner(), mailstore.Forget{})
	h.must(err)
	idler.until("* BYE this account is gone")
	user.say("b NOOP\r\n")
	user.until("* BYE this account is gone")
}

// ATTACKS D10: whoever has not signed in costs at most 64 KiB, announcing what
// they like. Not parallel: it measures the heap.
func TestLobbyMemory(t *testing.T) {
	const strangers = 300
	h := build(t, func(s *imap.Server) { s.Limits.PerAddress = strangers + 10 })
	before := inUse()
	for n := range strangers {
		c, err := net.Dial("tcp", h.imap)
		h.must(err)
		defer c.Close()
		io.WriteString(c, "a LOGIN {4294967295}\r\nb LOGIN {4096}\r\n"+strings.Repeat("x", 4000))
		if n == strangers-1 {
			l := &line{c, t, bufio.NewReader(c)}
			l.until("+ go on")
		}
	}
	if each := (inUse() - before) / strangers; each > 64<<10 {
		t.Errorf("a stranger takes %d bytes", each)
	} else {
		t.Logf("a stranger takes %d bytes, both ends", each)
	}
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// Many mails in one command take no more memory than one (ATTACKS D10). Not
// parallel: it measures the heap.
func TestManyMailsAtOnceTakeLittleMemory(t *testing.T) {
	h := build(t)
	l := h.line(t, true)
	l.signIn(h.alice)
	before := inUse()
	mail := letter("many", strings.Repeat("hello\r\n", 100_000))
	l.say("a APPEND INBOX")
	for range 30 {
		l.say(fmt.Sprintf(" {%d+}\r\n%s", len(mail), mail))
	}
	l.say(" {10}\r\n")
	l.until("+ go on")
	if grown := inUse() - before; grown > 8<<20 {
		t.Errorf("30 mails of %d octets take %d of heap", len(mail), grown)
	}
	l.say("a: b\r\n\r\nc\r\n\r\n")
	if ok := l.until("a "); !strings.Contains(ok, "1:31") {
		t.Error(ok)
	}
}

// The log names accounts and numbers, and nothing a client sent.
func TestLogKeepsQuiet(t *testing.T) {
	t.Parallel()
	h := build(t)
	c := h.client(h.alice, nil)
	c.Select("canary-mailbox", nil).Wait()
	c.Create("canary/mailbox", nil).Wait()
	appendMail(t, c, "INBOX", letter("canary", "canary"), nil)
	c.Search(&goimap.SearchCriteria{Text: []string{"canary"}}, nil).Wait()
	c.Login("canary", "canary").Wait()
	l := h.line(t, true)
	l.until("* OK")
	l.say("a LOGIN canary@demo.test canary-password\r\n")
	l.until("a NO")
	l.say("b LOGIN " + h.alice.address + " " + h.alice.password + "\r\nc FETCH canary (canary)\r\nd LIST (canary) \"\" canary\r\ne LOGOUT\r\n")
	l.until("e OK")
	said := h.log.String()
	for _, word := range []string{"canary", "alice@", h.alice.password} {
		if strings.Contains(said, word) {
			t.Errorf("the log holds %q:\n%s", word, said)
		}
	}
	if said == "" {
		t.Error("nothing was logged at all, so this shows nothing")
	}
}
