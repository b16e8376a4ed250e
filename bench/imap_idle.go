package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Connections that wait: what each holds of memory, and how soon it hears of a change.

// A wait is what was measured of one server with so many connections that wait.
type wait struct {
	server  string
	conns   int
	why     string // not measured, because
	opened  time.Duration
	before  memory // of the server, with nobody connected
	after   memory
	told    []time.Duration // from asking for a change until somebody who waits has read it
	written []time.Duration // from asking for it until it was answered
}

// behind is how much later than the answer each change was told; some are told first.
func (w wait) behind() []time.Duration {
	var all []time.Duration
	for i := range w.told {
		all = append(all, max(w.told[i]-w.written[i], 0))
	}
	return all
}

// longestWaking is for those that let everybody wait for half a second (Dovecot gathers
// changes for as long).
const longestWaking = 15 * time.Second

// each is the memory of one connection, and what of it is in no file.
func (w wait) each() float64 { return float64(w.after.pss-w.before.pss) / float64(max(w.conns, 1)) }
func (w wait) own() float64  { return float64(w.after.anon-w.before.anon) / float64(max(w.conns, 1)) }

func (r *record) raceIdle(ctx context.Context, s *site, doors []*door) error {
	p := r.plan.read
	for _, n := range p.idle {
		for _, d := range doors {
			w := wait{server: d.name, conns: n}
			if d.forks && n > p.costly {
				w.why = fmt.Sprintf("a process for each connection; measured at %s", grouped(p.costly))
			} else if err := w.measure(ctx, s, d, p); err != nil {
				return fmt.Errorf("%s, %d that wait: %w", d.name, n, err)
			} else {
				r.say("%s: %s wait, %s each (%s in no file), woken in %s, 99 %% in %s", d.name, grouped(n), kilobytes(w.each()), kilobytes(w.own()), milliseconds(percentile(w.told, 0.5)), milliseconds(percentile(w.told, 0.99)))
			}
			r.reads.waits = append(r.reads.waits, w)
		}
	}
	return nil
}

func kilobytes(n float64) string { return significant(n/1024) + " KiB" }

// measure starts the server anew, lets connections wait and wakes some, one at a time.
func (w *wait) measure(ctx context.Context, s *site, d *door, p imapPlan) error {
	ctx, cancel := context.WithTimeout(ctx, 6*time.Minute)
	defer cancel()
	if err := d.freshly(ctx); err != nil {
		return err
	}
	if err := d.calm(ctx, s); err != nil {
		return err
	}
	pause(ctx, p.rest)
	w.before = d.group.memory()
	start := time.Now()
	crowd, err := d.waitFor(ctx, s, p, w.conns)
	defer func() {
		for _, c := range crowd {
			c.close()
		}
	}()
	if err != nil {
		return err
	}
	w.opened = time.Since(start)
	pause(ctx, p.rest)
	w.after = d.group.memory()
	return w.wake(ctx, s, d, crowd[:mailboxes], p.wakes)
}

// calm takes the flag off that will be set to wake people, so that it is always a
// change; and it makes what a server makes for the first of all, which is not of each.
func (d *door) calm(ctx context.Context, s *site) error {
	for _, user := range users()[:mailboxes] {
		r, _, err := d.open(ctx, s, user, "INBOX")
		if err != nil {
			return err
		}
		_, err = r.command(`STORE 1 -FLAGS.SILENT (\Draft)`)
		r.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// waitFor opens connections that wait: the first, of an account each, are those that will
// be woken; the others share accounts.
func (d *door) waitFor(ctx context.Context, s *site, p imapPlan, n int) ([]*reader, error) {
	names, crowd := users()[:mailboxes], p.crowd()
	all, errs := make([]*reader, n), make([]error, n)
	var next atomic.Int64
	var hands sync.WaitGroup
	for range 16 {
		hands.Go(func() {
			for i := int(next.Add(1) - 1); i < n && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				user := crowd[max(i-len(names), 0)/readers]
				if i < len(names) {
					user = names[i]
				}
				if all[i], errs[i] = d.waiting(ctx, s, user, i); errs[i] != nil {
					return
				}
			}
		})
	}
	hands.Wait()
	open := all[:0]
	for _, r := range all {
		if r != nil {
			open = append(open, r)
		}
	}
	return open, errors.Join(append(errs, ctx.Err())...)
}

// waiting opens one connection and lets it IDLE. They come from many addresses.
func (d *door) waiting(ctx context.Context, s *site, user string, i int) (*reader, error) {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, 0, byte(1+i%200))}}
	r, err := openIMAP(ctx, &tls.Dialer{NetDialer: from, Config: s.trust}, 512, d.imap, address(user), d.password(user))
	if err != nil {
		return nil, err
	}
	if _, err = r.command("SELECT INBOX"); err == nil {
		_, err = r.conn.Write([]byte("w IDLE\r\n"))
	}
	if err == nil {
		err = r.goAhead()
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// wake changes a flag of one account after the other, and waits until the one that waits
// there has read of it.
func (w *wait) wake(ctx context.Context, s *site, d *door, asleep []*reader, times int) error {
	var writers []*reader
	for i := range asleep {
		r, _, err := d.open(ctx, s, users()[i], "INBOX")
		if err != nil {
			return err
		}
		defer r.close()
		writers = append(writers, r)
	}
	pause(ctx, time.Second)
	for k, begin := 0, time.Now(); k < times && time.Since(begin) < longestWaking; k++ {
		i := k % len(asleep)
		heard := make(chan error, 1)
		var at time.Time
		go func() {
			heard <- asleep[i].hear(" FETCH ")
			at = time.Now()
			heard <- nil
		}()
		start := time.Now()
		a, err := writers[i].command(fmt.Sprintf(`STORE 1 %cFLAGS.SILENT (\Draft)`, "+-"[k/len(asleep)%2]))
		if err == nil {
			err = <-heard
		}
		if err != nil {
			return err
		}
		<-heard
		w.told, w.written = append(w.told, at.Sub(start)), append(w.written, a.took)
		pause(ctx, 5*time.Millisecond)
	}
	return ctx.Err()
}

// hear waits for a response with some word: " FETCH " tells of flags, " EXISTS" of mail.
func (r *reader) hear(word string) error {
	for {
		line, err := r.in.ReadString('\n')
		if err != nil || strings.Contains(line, word) {
			return err
		}
	}
}
