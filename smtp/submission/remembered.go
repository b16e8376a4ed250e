package submission

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"sync"
	"time"

	"sealpost/account"
	"sealpost/mail"
)

const (
	maxMarks = 10_000
	// markAge is longer than clients wait before a mail is sent again.
	markAge = 6 * time.Hour
)

// A mark stands for one copy of one mail of one account. It is made under a key of
// this process, so it tells nothing to who reads the memory later.
type mark [sha256.Size]byte

// remembered knows which copies of a mail were stored or queued while others
// failed, so that nobody gets two when its sender tries again. Its zero value is
// empty; it is bounded in number and age and safe for concurrent use.
type remembered struct {
	mu   sync.Mutex
	key  []byte
	seen map[mark]time.Time
	old  []mark // in the order they were added
}

// marker makes the marks of one mail. It reads the mail when the first is needed.
type marker struct {
	of      *remembered
	mail    mail.Bytes
	account account.ID
	now     time.Time
	sum     []byte
}

func (m *remembered) marker(a account.ID, b mail.Bytes, now time.Time) *marker {
	return &marker{of: m, mail: b, account: a, now: now}
}

// done says that this copy was made before. While nothing is remembered, which is
// nearly always, no mail is hashed for it.
func (k *marker) done(copy string) bool {
	k.of.mu.Lock()
	empty := len(k.of.seen) == 0
	k.of.mu.Unlock()
	return !empty && k.of.has(k.mark(copy), k.now)
}

// keep remembers copies that were made of a mail that then failed.
func (k *marker) keep(copies []string) {
	for _, c := range copies {
		k.of.add(k.mark(c), k.now)
	}
}

// forget drops them once the mail has gone to all: the same again is a new mail.
func (k *marker) forget(copies []string) {
	k.of.mu.Lock()
	empty := len(k.of.seen) == 0
	k.of.mu.Unlock()
	for _, c := range copies {
		if !empty {
			k.of.drop(k.mark(c))
		}
	}
}

func (k *marker) mark(copy string) (m mark) {
	if k.sum == nil {
		h := hmac.New(sha256.New, k.of.secret())
		io.Copy(h, reader(k.mail)) // what cannot be read was not sent either
		k.sum = h.Sum(nil)
	}
	h := hmac.New(sha256.New, k.of.secret())
	h.Write(k.sum)
	io.WriteString(h, string(k.account)+"\x00"+copy)
	h.Sum(m[:0])
	return m
}

func (m *remembered) secret() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key == nil {
		m.key = make([]byte, 32)
		rand.Read(m.key)
	}
	return m.key
}

func (m *remembered) has(k mark, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.seen[k]
	return ok && now.Sub(at) < markAge
}

func (m *remembered) drop(k mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.seen, k)
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
