package imap_test

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/imap"
	"sealpost/mailstore"
)

// slow is an index that keeps whoever asks waiting while it is told to.
type slow struct {
	mailstore.Index
	held atomic.Bool
}

func (s *slow) wait() {
	for range 20_000 {
		if !s.held.Load() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *slow) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	s.wait()
	return s.Index.Apply(ctx, o, changes)
}

func (s *slow) List(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids mailstore.UIDSet, c mailstore.Columns) iter.Seq2[*mailstore.Line, error] {
	return func(yield func(*mailstore.Line, error) bool) {
		n := 0
		for line, err := range s.Index.List(ctx, o, b, uids, c) {
			if n++; n%64 == 1 {
				s.wait()
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

// Whoever waits for a command is told that it goes on, and how far it is where that is
// known (RFC 9585, section 4).
func TestLongCommandsTellTheirProgress(t *testing.T) {
	t.Parallel()
	index := &slow{}
	h := build(t, func(s *imap.Server) {
		index.Index = s.Store.Index
		s.Store.Index = index
		s.Limits.Progress = 20 * time.Millisecond
	})
	for range 130 {
		h.deliver(h.alice, "INBOX", letter("one", "x"))
	}
	c := h.line(t, true)
	c.say(fmt.Sprintf("a LOGIN %s %s\r\nb SELECT INBOX\r\n", h.alice.address, h.alice.password))
	c.until("b OK")

	const known = `"%s" \d+ 130|"%s" NIL NIL`
	for _, test := range []struct{ tag, command, detail string }{
		{"search", "SEARCH SUBJECT one", known},
		{"sort", "SORT (SUBJECT) UTF-8 ALL", known},
		{"thread", "UID THREAD REFERENCES UTF-8 ALL", known},
		{"store", `STORE 1 +FLAGS (\Seen)`, `"%s" NIL NIL`},
		{"copy", "COPY 1:3 Archive", `"%s" NIL NIL`},
		{"move", "MOVE 1 Archive", `"%s" NIL NIL`},
		{"expunge", "UID EXPUNGE 1:9", `"%s" NIL NIL`},
		{"append", "APPEND Archive {4+}\r\nA:b\n {4+}\r\nA:c\n", `"%s" NIL NIL|"%s" [01] 2`},
		{"delete", "DELETE Archive", `"%s" NIL NIL`},
		{"a]b", "CREATE x", "NIL NIL NIL"}, // the bracket would end the code
	} {
		index.held.Store(true)
		c.say(test.tag + " " + test.command + "\r\n")
		want := regexp.MustCompile(`^\* OK \[INPROGRESS \((` + strings.ReplaceAll(test.detail, "%s", test.tag) + `)\)\] `)
		told := 0
		for {
			line := c.next()
			if strings.HasPrefix(line, test.tag+" ") {
				if !strings.HasPrefix(line, test.tag+" OK") {
					t.Errorf("%s: %q", test.tag, line)
				}
				break
			}
			if !strings.Contains(line, "INPROGRESS") {
				continue
			}
			if told++; !want.MatchString(line) {
				t.Errorf("%s: said %q", test.tag, line)
			}
			index.held.Store(told < 2)
		}
		if told < 2 {
			t.Errorf("%s was said to go on %d times", test.tag, told)
		}
	}
	// what is quick is not talked about
	c.say("quick NOOP\r\n")
	if line := c.next(); !strings.HasPrefix(line, "quick OK") {
		t.Errorf("said %q", line)
	}
}
