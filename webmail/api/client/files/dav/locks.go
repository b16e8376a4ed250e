package dav

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/webdav"
)

// locks are in memory, so many at most: they end with the program.
type locks struct {
	webdav.LockSystem
	mu   sync.Mutex
	ends map[string]time.Time // by token
}

func newLocks() *locks {
	return &locks{LockSystem: webdav.NewMemLS(), ends: map[string]time.Time{}}
}

// Create counts those that a client holds; those of a request alone have no end.
func (l *locks) Create(now time.Time, d webdav.LockDetails) (string, error) {
	if d.Duration < 0 {
		return l.LockSystem.Create(now, d)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for token, end := range l.ends {
		if now.After(end) {
			delete(l.ends, token)
		}
	}
	if len(l.ends) >= mostLocks {
		return "", webdav.ErrLocked
	}
	token, err := l.LockSystem.Create(now, d)
	if err == nil {
		l.ends[token] = now.Add(d.Duration)
	}
	return token, err
}

// Refresh is that of webdav.LockSystem.
func (l *locks) Refresh(now time.Time, token string, d time.Duration) (webdav.LockDetails, error) {
	details, err := l.LockSystem.Refresh(now, token, d)
	if err == nil {
		l.mu.Lock()
		l.ends[token] = now.Add(d)
		l.mu.Unlock()
	}
	return details, err
}

// Unlock is that of webdav.LockSystem.
func (l *locks) Unlock(now time.Time, token string) error {
	err := l.LockSystem.Unlock(now, token)
	if err == nil {
		l.mu.Lock()
		delete(l.ends, token)
		l.mu.Unlock()
	}
	return err
}

// lockTime is a Timeout (RFC 4918, section 10.7) of at most longestLock.
func lockTime(header string) string {
	most := int(longestLock / time.Second)
	for one := range strings.SplitSeq(header, ",") {
		if n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(one), "Second-")); err == nil && n > 0 && n <= most {
			return fmt.Sprintf("Second-%d", n)
		}
	}
	return fmt.Sprintf("Second-%d", most)
}
