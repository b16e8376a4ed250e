package copies

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCopies(t *testing.T) {
	t.Parallel()
	var m Made
	now := time.Now()
	text := strings.NewReader("a mail")
	c := m.Of("one", text, now)
	if c.Done("x"); c.sum != nil {
		t.Error("a mail is hashed for nothing")
	}
	c.Keep("x", "z")
	if !c.Done("x") || c.Done("y") || m.Of("two", text, now).Done("x") || m.Of("one", strings.NewReader("another"), now).Done("x") {
		t.Error("marks are mixed up")
	}
	if c.Forget("x"); c.Done("x") || !c.Done("z") {
		t.Error("another copy was forgotten")
	}
	if m.Of("one", text, now.Add(markAge)).Done("z") {
		t.Error("a mark is remembered too long")
	}
}

func TestBounded(t *testing.T) {
	t.Parallel()
	var m Made
	now := time.Now()
	c := m.Of("one", strings.NewReader("a mail"), now)
	for i := range maxMarks + 10 {
		c.Keep(fmt.Sprint(i))
	}
	if len(m.seen) != maxMarks || len(m.old) != maxMarks || c.Done("0") || !c.Done("10") {
		t.Errorf("%d marks", len(m.seen))
	}
	m.Of("one", strings.NewReader("a mail"), now.Add(markAge)).Keep("new")
	if len(m.seen) != 1 || len(m.old) != 1 {
		t.Errorf("%d old marks are kept", len(m.seen))
	}
}
