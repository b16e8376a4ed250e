package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

// counted is the account whose doings are counted.
const counted = "u00"

// startCounted starts a node more, whose connections are tapped.
func (e *engines) startCounted(ctx context.Context, s *site, first *peer) (*peer, taps, error) {
	dir, err := s.folder("tap")
	if err != nil {
		return nil, taps{}, err
	}
	const socket = ".s.PGSQL.5432"
	server, err := net.ResolveUnixAddr("unix", filepath.Join(e.rows.Folder(), socket))
	if err != nil {
		return nil, taps{}, err
	}
	s3, err := net.ResolveTCPAddr("tcp", e.s3)
	if err != nil {
		return nil, taps{}, err
	}
	var t taps
	if t.rows, err = newTap("unix", filepath.Join(dir, socket), server); err != nil {
		return nil, t, err
	}
	t.rows.postgres = true
	if t.s3, err = newTap("tcp", "127.0.0.1:0", s3); err != nil {
		return nil, t, errors.Join(err, t.rows.listener.Close())
	}
	more, err := e.settings(s, "counted", way{database: fmt.Sprintf("host=%s user=postgres dbname=postgres", dir), s3: t.s3.listener.Addr().String()})
	if err != nil {
		return nil, t, err
	}
	p, err := startSealpost(ctx, s, "node-counted", settings{profile: "compat", first: first, more: more})
	return p, t, err
}

// A doing is what is done again and again while round trips are counted.
type doing struct {
	what   string
	aim    int
	before func(i int) error // is not counted; nil: nothing
	do     func(i int) error
}

func (t taps) close() {
	t.rows.close()
	t.s3.close()
}

// countTrips counts what single things cost, and a burst of mail into one mailbox.
func (r *record) countTrips(ctx context.Context, s *site, e *engines, first *peer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p, t, err := e.startCounted(ctx, s, first)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, p.stop(ctx))
		t.close()
	}()
	mx, err := p.in.dial(ctx, "")
	if err != nil {
		return err
	}
	defer mx.conn.Close()
	box, _, err := (&door{peer: p}).open(ctx, s, counted, "INBOX")
	if err != nil {
		return err
	}
	defer box.close()
	if err := r.countBurst(ctx, p, t); err != nil {
		return err
	}
	if _, err := box.command("NOOP"); err != nil { // it is to know of them all
		return err
	}
	for _, d := range p.doings(ctx, s, mx, box) {
		to := &trip{what: d.what, aim: d.aim}
		for i := range r.plan.cluster.trips {
			if d.before != nil {
				err = d.before(i)
			}
			if err == nil {
				err = t.count(ctx, to, func() error { return d.do(i) })
			}
			if err != nil {
				return fmt.Errorf("%s: %w", d.what, err)
			}
		}
		r.cluster.trips = append(r.cluster.trips, to)
		r.say("%s: %s round trips to PostgreSQL, %s of them write, %s requests to S3", d.what, significant(middleTrips(to.rows, allTrips)), significant(middleTrips(to.rows, writeTrips)), significant(middleTrips(to.s3, allTrips)))
	}
	return nil
}

// countBurst counts those of many mails at once into one mailbox: who comes while a batch is
// committed goes into the next one.
func (r *record) countBurst(ctx context.Context, p *peer, t taps) error {
	c := cell{size: 4 << 10, conns: 50, boxes: 1}
	mails, err := newMailbag(c, -2).take(400)
	if err != nil {
		return err
	}
	to := &trip{what: "each of 400 mails that come over 50 connections into one mailbox", shared: len(mails)}
	err = t.count(ctx, to, func() error {
		_, err := p.in.send(ctx, c.conns, mails)
		return err
	})
	r.cluster.trips = append(r.cluster.trips, to)
	return err
}

// doings are what is counted, in an order in which each finds what it needs: some hundred mails in
// INBOX, of which it leaves few.
func (p *peer) doings(ctx context.Context, s *site, mx *dialogue, box *reader) []doing {
	w := newWriter(77)
	command := func(format string, args ...any) error {
		_, err := box.command(fmt.Sprintf(format, args...))
		return err
	}
	plainly := func(line string) func(int) error { return func(int) error { return command("%s", line) } }
	flags := func(set string) func(int) error {
		return func(i int) error { return command(`STORE %s %cFLAGS.SILENT (\Flagged)`, set, "+-"[i%2]) }
	}
	deleted := func(set string) func(int) error { return plainly("STORE " + set + ` +FLAGS.SILENT (\Deleted)`) }
	return []doing{
		{what: "a mail comes (MAIL, RCPT, DATA)", aim: 3, do: func(int) error {
			return mx.deliver(delivery{to: address(counted), mail: w.mail(4<<10, address(counted))})
		}},
		{what: "APPEND of a mail", aim: 3, do: func(int) error { return box.appendMail("INBOX", w.mail(4<<10, address(counted))) }},
		{what: "connect and sign in", do: func(int) error {
			r, err := dialIMAP(ctx, p.imap, s.trust, address(counted), p.password(counted))
			if err == nil {
				r.close()
			}
			return err
		}},
		{what: "SELECT", do: plainly("SELECT INBOX")},
		{what: "NOOP, nothing new", do: plainly("NOOP")},
		{what: "FETCH of 100 flags", do: plainly("FETCH 1:100 (FLAGS)")},
		{what: "FETCH of 100 envelopes", do: plainly("FETCH 1:100 (ENVELOPE)")},
		{what: "FETCH of a whole mail", do: func(i int) error { return command("FETCH %d (BODY.PEEK[])", 1+i) }},
		{what: "FETCH of 100 whole mails", do: plainly("FETCH 1:100 (BODY.PEEK[])")},
		{what: "STORE, a flag of 1 mail", do: flags("1")},
		{what: "STORE, a flag of 100 mails", do: flags("1:100")},
		{what: "EXPUNGE of 1 mail", before: deleted("1"), do: plainly("EXPUNGE")},
		{what: "EXPUNGE of 20 mails", before: deleted("1:20"), do: plainly("EXPUNGE")},
		{what: "COPY of 1 mail", do: plainly("COPY 1 Archive")},
		{what: "COPY of 100 mails", do: plainly("COPY 1:100 Archive")},
		{what: "MOVE of 1 mail", do: plainly("MOVE 1 Archive")},
		{what: "MOVE of 20 mails", do: plainly("MOVE 1:20 Archive")},
	}
}
