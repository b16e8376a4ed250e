package inbound

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
	// markAge is longer than senders wait before they try again, which is
	// mostly under an hour (RFC 5321, section 4.5.4.1, asks for 30 minutes).
	markAge = 6 * time.Hour
)

// A mark stands for one mail from one sender to one account. It is made under
// a key of this process, so it tells nothing to who reads the memory later.
type mark [sha256.Size]byte

// remembered knows which copies were stored of mails that failed for others.
// Its zero value is empty; it is bounded in number and age and safe for
// concurrent use.
type remembered struct {
	mu   sync.Mutex
	key  []byte
	seen map[mark]time.Time
	old  []mark // in the order they were added
}

// marks makes the marks of a mail, or none while nothing is remembered, which
// is nearly always: then no mail is hashed.
func (m *remembered) marks(b mail.Bytes, from *mail.Address, to []recipient) []mark {
	m.mu.Lock()
	empty := len(m.seen) == 0
	m.mu.Unlock()
	if empty {
		return nil
	}
	return m.makeMarks(b, from, to)
}

func (m *remembered) makeMarks(b mail.Bytes, from *mail.Address, to []recipient) []mark {
	content := m.mac()
	io.Copy(content, io.NewSectionReader(b, 0, b.Size()))
	sum := content.Sum(nil)
	sender := "<>"
	if from != nil {
		sender = from.Key()
	}
	marks := make([]mark, len(to))
	for i, r := range to {
		h := m.mac()
		h.Write(sum)
		io.WriteString(h, sender+"\x00"+string(r.account))
		h.Sum(marks[i][:0])
	}
	return marks
}

func (m *remembered) mac() (h interface {
	io.Writer
	Sum([]byte) []byte
}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key == nil {
		m.key = make([]byte, 32)
		rand.Read(m.key)
	}
	return hmac.New(sha256.New, m.key)
}

func (m *remembered) has(k mark, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.seen[k]
	return ok && now.Sub(at) < markAge
}

func (m *remembered) add(k mark, now time.Time) {
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
