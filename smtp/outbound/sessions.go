package outbound

import (
	"context"
	"time"

	"sealpost/smtp/outbound/route"
)

// freshEnough is how long an idle session is believed to be alive without being
// asked. One that is not costs a second attempt.
const freshEnough = time.Second

// session takes a kept session if it may, or opens one, with none of the exchangers
// of skip.
func (d *delivery) session(ctx context.Context, any bool, skip []string) (sess *route.Session, reused bool, err error) {
	for any {
		k := d.hosts.take(d.key)
		if k == nil {
			break
		}
		if time.Since(k.since) < freshEnough || k.Reset(ctx) == nil {
			d.counted.reused.Add(1)
			return k.Session, true, nil
		}
	}
	sess, err = d.Router.Open(ctx, d.domain, d.wish(), skip...)
	if err == nil {
		d.counted.sessions.Add(1)
	}
	return sess, false, err
}

// take takes the session that waited least.
func (h *hosts) take(key string) *kept {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.all[key]
	if d == nil || len(d.idle) == 0 {
		return nil
	}
	k := d.idle[len(d.idle)-1]
	d.idle = d.idle[:len(d.idle)-1]
	h.idle--
	if k.timer.Stop() {
		h.closing.Done()
	}
	return k
}

// put keeps a session for the next mail, or closes it.
func (h *hosts) put(key string, sess *route.Session) {
	if sess.Spent() || sess.Sent >= mailsPerSession || !h.keepIdle(key, sess) {
		sess.Close()
	}
}

func (h *hosts) keepIdle(key string, sess *route.Session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.idle >= idleAtMost {
		return false
	}
	k := &kept{Session: sess, since: time.Now()}
	h.closing.Add(1)
	k.timer = time.AfterFunc(h.keep, func() {
		defer h.closing.Done()
		if h.remove(key, k) {
			k.Close()
		}
	})
	d := h.get(key)
	d.idle = append(d.idle, k)
	h.idle++
	return true
}

// remove takes one session out, and says whether it was still there.
func (h *hosts) remove(key string, k *kept) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.all[key]
	if d == nil {
		return false
	}
	for i, other := range d.idle {
		if other == k {
			d.idle = append(d.idle[:i], d.idle[i+1:]...)
			h.idle--
			if d.busy == 0 && len(d.idle) == 0 && d.failures == 0 {
				delete(h.all, key)
			}
			return true
		}
	}
	return false
}

// closeAll ends every kept session, and returns when they have ended.
func (h *hosts) closeAll() {
	h.mu.Lock()
	for _, d := range h.all {
		for _, k := range d.idle {
			if k.timer.Stop() {
				k.timer.Reset(0)
			}
		}
	}
	h.mu.Unlock()
	h.closing.Wait()
}
