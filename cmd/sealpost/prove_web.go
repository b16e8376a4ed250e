package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"sealpost/webmail/api/client"
)

// caller asks the API behind a door of this machine, under the server's own name.
func (p *proof) caller(at string) (*client.Client, error) {
	trust, err := p.trust()
	if err != nil {
		return nil, err
	}
	trust.ServerName = p.settings.Hostname
	return &client.Client{
		URL: "https://" + p.settings.Hostname, Address: p.to.address, Password: p.to.password,
		HTTP: &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{
			TLSClientConfig: trust, ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx, at) },
		}},
	}, nil
}

// byAPI appends every mail of the proof.
func (p *proof) byAPI(ctx context.Context, at string) (n int, err error) {
	c, err := p.caller(at)
	if err != nil {
		return 0, err
	}
	defer c.HTTP.CloseIdleConnections()
	all, err := c.Mailboxes(ctx)
	if err != nil {
		return 0, err
	}
	for _, b := range all.Mailboxes {
		if b.Name != "INBOX" {
			continue
		}
		for _, m := range proofMails(p.word, p.to.level, foreigner, p.to.address) {
			if _, err := c.Append(ctx, b.ID, bytes.NewReader(m.raw), nil, time.Time{}); err != nil {
				return n, fmt.Errorf("%s: %w", m.name, err)
			}
			n++
		}
	}
	return n, nil
}

// refusedAPI says the word where the API refuses it: in paths, questions, bodies and
// in the place of who asks.
func (p *proof) refusedAPI(ctx context.Context, at string) error {
	c, err := p.caller(at)
	if err != nil {
		return err
	}
	defer c.HTTP.CloseIdleConnections()
	nobody := *c
	nobody.Address, nobody.Password = p.word+"@"+p.settings.Domains[0], p.word
	word := url.Values{"q": {p.word}}
	for _, try := range []struct {
		who *client.Client
		ask client.Request
	}{
		{c, client.Request{Path: "/" + p.word, Query: word}},
		{c, client.Request{Path: "/cabinet/drafts/" + p.word, Query: word}},
		{c, client.Request{Method: http.MethodPost, Path: "/changes", JSON: map[string]string{"changes": p.word}}},
		{c, client.Request{Method: http.MethodPost, Path: "/parcels/" + p.word, Header: http.Header{"X-Word": {p.word}}}},
		{&nobody, client.Request{Path: "/mailboxes"}},
	} {
		r, err := try.who.Do(ctx, try.ask)
		var refused *client.Problem
		switch {
		case err == nil:
			r.Body.Close()
			return errors.New("something that should be refused was answered")
		case !errors.As(err, &refused):
			return err
		}
	}
	return nil
}
