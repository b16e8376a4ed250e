// Package copies remembers which copies of a mail were made while others failed.
// SMTP has one reply for all recipients (RFC 5321, section 4.2.5): the client is
// told to come again with the whole mail, and nobody is to get two.
package copies

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"sync"
	"time"

	"sealpost/mail"
)

const (
	maxMarks = 10_000
	// markAge is longer than clients and servers wait before they try again, which
	// is mostly under an hour (RFC 5321, section 4.5.4.1, asks for 30 minutes).
	markAge = 6 * time.Hour
)

// A mark stands for one copy of one mail from one sender. It is made under a key of
// this process, so it tells nothing to who reads the memory later.
type mark [sha256.Size]byte

// Made holds marks of the copies made of mails that failed for others. Its zero
// value is empty; it is bounded in number and age and safe for concurrent use.
type Made struct {
	mu   sync.Mutex
	key  []byte
	seen map[mark]time.Time
	old  []mark // in the order they were added
}

// Copies are those of one mail. They are for one goroutine. The mail is read when
// its first mark is needed: while nothing is remembered, which is nearly always,
// no mail is hashed.
type Copies struct {
	of   *Made
	mail mail.Bytes
	from string
	now  time.Time
	sum  []byte
}

// Of is about a mail of one sender, who may be named by any word that is theirs.
func (m *Made) Of(from string, b mail.Bytes, now time.Time) *Copies {
	return &Copies{of: m, mail: b, from: from, now: now}
}

// Done says that this copy was made before.
func (c *Copies) Done(name string) bool {
	return !c.of.empty() && c.of.has(c.mark(name), c.now)
}

// Keep remembers copies that were made of a mail that then failed.
func (c *Copies) Keep(names ...string) {
	for _, n := range names {
		c.of.add(c.mark(n), c.now)
	}
}

// Forget drops them once the mail has gone to all: the same again is a new mail.
func (c *Copies) Forget(names ...string) {
	if c.of.empty() {
		return
	}
	for _, n := range names {
		c.of.drop(c.mark(n))
	}
}

func (c *Copies) mark(name string) (m mark) {
	if c.sum == nil {
		h := hmac.New(sha256.New, c.of.secret())
		io.Copy(h, io.NewSectionReader(c.mail, 0, c.mail.Size())) // what cannot be read was not delivered either
		c.sum = h.Sum(nil)
	}
	h := hmac.New(sha256.New, c.of.secret())
	h.Write(c.sum)
	io.WriteString(h, c.from+"\x00"+name)
	h.Sum(m[:0])
	return m
}

func (m *Made) secret() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key == nil {
		m.key = make([]byte, 32)
		rand.Read(m.key)
	}
	return m.key
}

func (m *Made) empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.seen) == 0
}

func (m *Made) has(k mark, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.seen[k]
	return ok && now.Sub(at) < markAge
}

func (m *Made) drop(k mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.seen, k)
}

func (m *Made) add(k mark, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = make(map[mark]time.Time)
	}
	if _, known := m.seen[k]; !known {
		m.old = append(m.old, k)
	}
	m.seen[k] = now
	for len(m.old) > 0 && (len(m.old) > maxMarks || now.Sub(m.seen[m.old[0]]) >= markAge) {
		delete(m.seen, m.old[0])
		m.old = m.old[1:]
	}
}
