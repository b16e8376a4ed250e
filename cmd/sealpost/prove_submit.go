package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// submit greets a door for an account's own mail programs, and signs in.
func (p *proof) submit(ctx context.Context, at string, implicit bool) (*talk, error) {
	conn, err := p.dial(ctx, at)
	if err != nil {
		return nil, err
	}
	if implicit {
		trust, err := p.trust()
		if err != nil {
			conn.Close()
			return nil, err
		}
		conn = tls.Client(conn, trust)
	}
	t, err := p.greet(conn, !implicit)
	if err == nil {
		if err = t.say(535, authPlain(p.word+"@"+p.settings.Domains[0], p.word)); err != nil {
			err = fmt.Errorf("sign in as nobody: %w", err)
		} else if err = t.say(235, authPlain(p.to.address, p.to.password)); err != nil {
			err = fmt.Errorf("sign in: %w", err)
		}
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return t, nil
}

// authPlain is one command of SASL PLAIN (RFC 4954, RFC 4616).
func authPlain(user, password string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password))
}

// bySubmission has the account write to itself.
func (p *proof) bySubmission(ctx context.Context, at string, implicit bool) (n int, err error) {
	t, err := p.submit(ctx, at, implicit)
	if err != nil {
		return 0, err
	}
	defer t.Close()
	for _, m := range proofMails(p.word, p.to.level, p.to.address, p.to.address) {
		if m.name == noHeader { // refused here: it has no From
			continue
		}
		err := t.envelope(p.to.address, p.to.address)
		if err == nil {
			err = t.data(m.raw)
		}
		if err != nil {
			return n, fmt.Errorf("%s: %w", m.name, err)
		}
		n++
	}
	return n, t.say(221, "QUIT")
}

// held has a mail wait to leave, to somebody whose name is the word, until the proof
// ends: what waits is on the disk while that is looked at.
func (p *proof) held(ctx context.Context, at string) error {
	t, err := p.submit(ctx, at, false)
	if err != nil {
		return err
	}
	defer t.Close()
	for _, m := range proofMails(p.word, p.to.level, p.to.address, p.to.address) {
		if m.name != "attachments" {
			continue
		}
		for _, line := range []string{
			"MAIL FROM:<" + p.to.address + "> HOLDFOR=3600", // RFC 4865
			"RCPT TO:<" + p.word + "@sealpost-prove.invalid>",
		} {
			if err := t.say(250, line); err != nil {
				return err
			}
		}
		if err := t.data(m.raw); err != nil {
			return err
		}
	}
	waiting, err := ask[[]queuedView](ctx, p.to.file, "queue.list", struct{}{})
	if err != nil {
		return err
	}
	for _, q := range waiting {
		for _, r := range q.Recipients {
			if strings.EqualFold(r.Address, p.word+"@sealpost-prove.invalid") {
				p.to.waiting = append(p.to.waiting, q.ID)
			}
		}
	}
	if len(p.to.waiting) == 0 {
		return errors.New("the mail is not in the queue")
	}
	return t.say(221, "QUIT")
}
