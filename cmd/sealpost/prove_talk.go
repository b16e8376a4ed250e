package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
)

// talk is an SMTP client that says exactly what it is told to.
type talk struct{ *textproto.Conn }

// talk greets the server, the word in our own name.
func (p *proof) talk(ctx context.Context, at string, secure bool) (*talk, error) {
	conn, err := p.dial(ctx, at)
	if err != nil {
		return nil, err
	}
	t, err := p.greet(conn, secure)
	if err != nil {
		conn.Close()
	}
	return t, err
}

func (p *proof) greet(conn net.Conn, secure bool) (*talk, error) {
	t := &talk{textproto.NewConn(conn)}
	if _, _, err := t.ReadResponse(220); err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	name := "EHLO " + p.word + ".example"
	if err := t.say(250, name); err != nil || !secure {
		return t, err
	}
	if err := t.say(220, "STARTTLS"); err != nil {
		return nil, err
	}
	trust, err := p.trust()
	if err != nil {
		return nil, err
	}
	t = &talk{textproto.NewConn(tls.Client(conn, trust))}
	return t, t.say(250, name)
}

// say sends a line and expects a code, or with 0 any. What was said is not in the error.
func (t *talk) say(code int, line string) error {
	if err := t.PrintfLine("%s", line); err != nil {
		return err
	}
	_, _, err := t.ReadResponse(code)
	return err
}

func (t *talk) envelope(from, to string) error {
	if err := t.say(250, "MAIL FROM:<"+from+">"); err != nil {
		return err
	}
	return t.say(250, "RCPT TO:<"+to+">")
}

func (t *talk) data(raw []byte) error {
	if err := t.say(354, "DATA"); err != nil {
		return err
	}
	w := t.DotWriter()
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, _, err := t.ReadResponse(250)
	return err
}

// bdat sends a mail in three chunks cut anywhere (RFC 3030).
func (t *talk) bdat(raw []byte) error {
	cut := (len(raw) + 2) / 3
	for len(raw) > 0 {
		n, last := min(cut, len(raw)), ""
		if n == len(raw) {
			last = " LAST"
		}
		if _, err := fmt.Fprintf(t.W, "BDAT %d%s\r\n%s", n, last, raw[:n]); err != nil {
			return err
		}
		if err := t.W.Flush(); err != nil {
			return err
		}
		if _, _, err := t.ReadResponse(250); err != nil {
			return err
		}
		raw = raw[n:]
	}
	return nil
}
