package imap_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"sealpost/imap"
)

// ATTACKS D10: what is too deep, too long or too often is refused, nothing of it
// is run, and the next command is answered as if it had never been.
func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.deliver(h.alice, "INBOX", letter("one", "hello"))
	deep := strings.Repeat("(", 10_000)
	l := h.line(t, true)
	l.signIn(h.alice)
	l.say("a SELECT INBOX\r\n")
	l.until("a OK")
	for _, bad := range []string{
		"SEARCH " + deep + "ALL" + strings.Repeat(")", 10_000),
		"SEARCH " + strings.Repeat("NOT ", 10_000) + "ALL",
		"SEARCH " + strings.Repeat("OR ALL ", 8_000) + "ALL",
		"FETCH 1 " + deep,
		"FETCH 1 (" + strings.Repeat("BODY.PEEK[] ", 4_000) + "FLAGS)",
		"FETCH 1 BODY[" + strings.Repeat("1.", 10_000) + "1]",
		"STORE 1 FLAGS " + deep,
		"LIST " + deep + " * *",
		"LIST \"\" (" + strings.Repeat("* ", 10_000) + "*)",
		"STATUS INBOX " + deep,
		"SELECT INBOX (QRESYNC " + deep,
		"SELECT {4294967295}",
		"SELECT {99999999999999999999999}",
		"FETCH 1 BODY[HEADER.FIELDS ({9+}\r\na\r\nb NOOP)]",
		"SEARCH 4294967296",
		"SEARCH 0:1",
		"FETCH 1:*:3 UID",
	} {
		l.say("x " + bad + "\r\n")
		if said := l.until("x "); !strings.HasPrefix(said, "x BAD") && !strings.HasPrefix(said, "x NO [TOOBIG]") && !strings.HasPrefix(said, "x NO [LIMIT]") {
			t.Errorf("%.60s: %s", bad, said)
		}
		l.say("y NOOP\r\n")
		if said := l.until(""); !strings.HasPrefix(said, "y OK") {
			t.Fatalf("after %.60s: %s", bad, said)
		}
	}
}

// "1:*" ten thousand times is every message once.
func TestRepeatedSetsCostNothing(t *testing.T) {
	t.Parallel()
	h := build(t)
	for range 3 {
		h.deliver(h.alice, "INBOX", letter("one", "hello"))
	}
	l := h.line(t, true)
	l.signIn(h.alice)
	l.say("a SELECT INBOX\r\n")
	l.until("a OK")
	start := time.Now()
	l.say("b FETCH " + strings.Repeat("1:*,*:1,", 8_000) + "2 UID\r\n")
	for n := range 3 {
		if said := l.until("* "); !strings.Contains(said, "FETCH (UID") {
			t.Errorf("answer %d is %s", n, said)
		}
	}
	if said := l.until(""); !strings.HasPrefix(said, "b OK") {
		t.Errorf("more than once each: %s", said)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A command that never ends: go-imap answered SERVERBUG and ran the rest of it.
func TestUnendingCommands(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, signedIn := range []bool{false, true} {
		l := h.line(t, true)
		if signedIn {
			l.signIn(h.alice)
		} else {
			l.until("* OK")
		}
		go l.say("a CREATE " + strings.Repeat("x", 200_000) + "\r\nINJ CREATE injected\r\n")
		l.until("* BYE command is too long")
		if rest, _ := io.ReadAll(l.in); strings.Contains(string(rest), "INJ") {
			t.Error("the rest of a command was run")
		}
	}
	if boxes, err := h.client(h.alice, nil).List("", "injected", nil).Collect(); err != nil || len(boxes) > 0 {
		t.Errorf("%d mailboxes were made, %v", len(boxes), err)
	}
}

// A client that sends no more is answered what it has sent, and is over then.
func TestHalfClosedSockets(t *testing.T) {
	t.Parallel()
	h := build(t)
	l := h.line(t, false)
	l.until("* OK")
	l.say("a NOOP\r\nb NOOP\r\nc LOGIN x {10}\r\n")
	h.must(l.Conn.(*net.TCPConn).CloseWrite())
	l.until("a OK")
	l.until("b OK")
	l.until("+ go on")
	l.over()

	inside := h.line(t, true)
	inside.signIn(h.alice)
	inside.say("a SELECT INBOX\r\nb IDLE\r\n")
	inside.until("+ idling")
	h.must(inside.Conn.(*tls.Conn).CloseWrite())
	inside.over()
}

// Octets before TLS are no command of anybody's (ATTACKS D03, D04), and whoever
// sends them costs the others nothing.
func TestBytesBeforeTLS(t *testing.T) {
	t.Parallel()
	h := build(t, func(s *imap.Server) { s.Limits.Login = 2 * time.Second })
	home := h.line(t, true)
	home.signIn(h.alice)
	for _, plain := range []string{"a NOOP\r\n", "a LOGIN " + h.alice.address + " " + h.alice.password + "\r\n", strings.Repeat("\x16\x03", 5000), ""} {
		c, err := net.Dial("tcp", h.imaps)
		h.must(err)
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, plain)
		said, _ := io.ReadAll(c)
		if strings.Contains(string(said), "OK") {
			t.Errorf("%.20q was answered: %q", plain, said)
		}
		c.Close()
	}
	// Between STARTTLS and TLS, in a segment of their own, they are no TLS either.
	l := h.line(t, false)
	l.until("* OK")
	l.say("a STARTTLS\r\n")
	l.until("a OK")
	l.say("b NOOP\r\nc LOGIN " + h.alice.address + " " + h.alice.password + "\r\n")
	if said, _ := io.ReadAll(l.in); strings.Contains(string(said), "OK") || strings.Contains(string(said), "BAD") {
		t.Errorf("what came in place of TLS was answered: %q", said)
	}
	home.say("b NOOP\r\n")
	home.until("b OK")
}

// In IDLE only DONE is heard: all else ends it, and is no command (RFC 2177).
func TestIdleHearsOnlyDone(t *testing.T) {
	t.Parallel()
	h := build(t)
	l := h.line(t, true)
	l.signIn(h.alice)
	for text, answer := range map[string]string{
		"DONE": "a OK", "done": "a OK", "": "a BAD expected DONE", "x CREATE injected": "a BAD expected DONE",
		"DONE\rx CREATE injected": "a BAD expected DONE", "DONE {5+}": "a BAD expected DONE", "\x00": "a BAD expected DONE",
	} {
		l.say("a IDLE\r\n")
		l.until("+ idling")
		l.say(text + "\r\n")
		if said := l.until(""); !strings.HasPrefix(said, answer) {
			t.Errorf("%q: %s", text, said)
		}
		l.say("b NOOP\r\n")
		if said := l.until(""); !strings.HasPrefix(said, "b OK") {
			t.Errorf("after %q: %s", text, said)
		}
	}
	l.say("a IDLE\r\n")
	l.until("+ idling")
	go l.say(strings.Repeat("x", 200_000) + "\r\nx CREATE injected\r\n")
	l.until("* BYE expected DONE")
	l.over()
	if boxes, err := h.client(h.alice, nil).List("", "injected", nil).Collect(); err != nil || len(boxes) > 0 {
		t.Errorf("%d mailboxes were made, %v", len(boxes), err)
	}
}

// What a client says in AUTHENTICATE is bounded, and is no command.
func TestSASLIsBounded(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"} {
		l := h.line(t, true)
		l.until("* OK")
		for _, bad := range []string{"{5+}", "x NOOP", "====", "AA=", "\x00", "AA==\rAA=="} {
			l.say("a AUTHENTICATE " + mechanism + "\r\n")
			l.until("+ ")
			l.say(bad + "\r\n")
			if said := l.until(""); !strings.HasPrefix(said, "a BAD expected base64") {
				t.Errorf("%q: %s", bad, said)
			}
		}
		l.say("a AUTHENTICATE " + mechanism + "\r\n")
		l.until("+ ")
		go l.say(strings.Repeat("A", 200_000) + "\r\nINJ NOOP\r\n")
		l.until("* BYE response is too long")
		if rest, _ := io.ReadAll(l.in); strings.Contains(string(rest), "INJ") {
			t.Error("the rest of a response was run")
		}
	}
}

// A set is as dear as what is there, not as what it names. Not parallel: it measures.
func TestHugeSetsCostNothing(t *testing.T) {
	h := build(t)
	for range 3 {
		h.deliver(h.alice, "INBOX", letter("one", "hello"))
	}
	l := h.line(t, true)
	l.signIn(h.alice)
	l.say("a ENABLE QRESYNC\r\nb SELECT INBOX\r\n")
	valid := strings.Fields(l.until("* OK [UIDVALIDITY"))[3]
	l.until("b OK")
	const all = "1:4294967295"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n, command := range []string{
		"FETCH " + all + " UID", "UID FETCH " + all + " (FLAGS) (CHANGEDSINCE 1 VANISHED)", "UID FETCH " + all + " UID (PARTIAL 1:4294967295)",
		"STORE " + all + " +FLAGS (\\Seen)", "UID STORE " + all + " (UNCHANGEDSINCE 0) FLAGS ()", "COPY " + all + " Trash", "UID COPY " + all + " Trash",
		"SEARCH " + all, "SEARCH UID " + all, "SEARCH RETURN (SAVE) NOT UID " + all, "SEARCH RETURN (PARTIAL -1:-4294967295) ALL",
		"SORT (ARRIVAL) UTF-8 UID " + all, "UID THREAD REFERENCES UTF-8 " + all, "UIDBATCHES 100000 1:1",
		"SELECT INBOX (QRESYNC (" + strings.TrimSuffix(valid, "]") + " 1 " + all + " (" + all + " " + all + ")))",
		"UID EXPUNGE " + all, "UID MOVE " + all + " Trash",
	} {
		tag := fmt.Sprint("c", n)
		l.say(tag + " " + command + "\r\n")
		if said := l.until(tag); !strings.HasPrefix(said, tag+" OK") {
			t.Errorf("%s: %s", command, said)
		}
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("%d octets of memory were used", took)
	}
}

// One goroutine for a connection, and none more while it is idle.
func TestIdleTakesNoGoroutine(t *testing.T) {
	h := build(t)
	lines := make([]*line, 20)
	for i := range lines {
		lines[i] = h.line(t, true)
		lines[i].signIn(h.alice)
		lines[i].say("a SELECT INBOX\r\n")
		lines[i].until("a OK")
	}
	before := goroutines()
	for _, l := range lines {
		l.say("b IDLE\r\n")
		l.until("+ idling")
	}
	if grown := goroutines() - before; grown > 3 {
		t.Errorf("%d connections in IDLE take %d goroutines more", len(lines), grown)
	}
	h.deliver(h.alice, "INBOX", letter("one", "hello"))
	for _, l := range lines {
		l.until("* 1 EXISTS")
	}
}

func goroutines() int {
	time.Sleep(50 * time.Millisecond)
	return runtime.NumGoroutine()
}
