package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"sealpost/config"
)

// A container is started anew for what that mends, and not for a mail that waits, a key
// that ended or a certificate.
func TestDoctorAlive(t *testing.T) {
	t.Parallel()
	s, f, _ := patient(t, true)
	later := world{dial: f.dial, roots: f.roots, now: func() time.Time { return time.Now().AddDate(1, 1, 0) }}
	if _, _, err := examined(t, s, later, true); err == nil {
		t.Error("the certificate should have ended")
	}
	alive := func() (page, error) {
		var out bytes.Buffer
		err := doctorCommand{JSON: true, Alive: true}.in(t.Context(), console{nil, &out, &out}, s.settings, later)
		var p page
		if e := json.Unmarshal(out.Bytes(), &p); e != nil {
			t.Fatalf("%v: %s", e, &out)
		}
		return p, err
	}
	p, err := alive()
	if err != nil {
		t.Errorf("a new start is asked for: %+v", p.Findings)
	}
	known := []string{"server", "SMTP", "submission", "submissions", "IMAPS", "IMAP", "HTTP", "HTTPS", "disk"}
	for _, f := range p.Findings {
		if !slices.Contains(known, f.Name) {
			t.Errorf("looked at %s", f.Name)
		}
	}
	s.settings.IMAP.ListenTLS = []string{"127.0.0.1:1"}
	if p, err := alive(); !errors.Is(err, errIll) {
		t.Errorf("a door is shut: %+v, %v", p.Findings, err)
	}
	s.settings.Data = t.TempDir()
	if p, err := alive(); !errors.Is(err, errIll) {
		t.Errorf("no server runs: %+v, %v", p.Findings, err)
	}
}

// A door that makes strangers wait is given that time as well.
func TestDoctorHasPatience(t *testing.T) {
	t.Parallel()
	var c config.Config
	c.SMTP.Listen, c.Screen.Patience = []string{":25"}, 20*time.Second
	var left time.Duration
	w := world{dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		end, _ := ctx.Deadline()
		left = time.Until(end)
		return nil, errors.New("nobody there")
	}}
	if w.doors(t.Context(), c); left < 25*time.Second || left > 30*time.Second {
		t.Errorf("SMTP has %s to answer", left)
	}
}
