package account

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"
)

var long = flag.Bool("long", false, "guess a million times, not twenty thousand")

func TestMechanisms(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	for name, tt := range map[string]struct {
		tls  *tls.ConnectionState
		want []string
	}{
		"no TLS":  {nil, nil},
		"TLS 1.2": {handshake(t, tls.VersionTLS12), []string{"SCRAM-SHA-256", "PLAIN"}},
		"TLS 1.3": {handshake(t, tls.VersionTLS13), []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"}},
	} {
		c := Caller{Host: ip("192.0.2.1"), TLS: tt.tls}
		if got := c.Mechanisms(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		for _, m := range []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN", ""} {
			_, err := (Door{Book: b}).Begin(c, strings.ToLower(m))
			if offered := slices.Contains(tt.want, m); offered != (err == nil) || !offered && !errors.Is(err, ErrMechanism) {
				t.Errorf("%s, %q: %v", name, m, err)
			}
		}
	}
}

// Attack D04: without TLS no password is looked at, whichever way it comes.
func TestNobodySignsInWithoutTLS(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	phone := addPassword(t, b, add(t, b, "alice@demo.test").ID, "phone")
	if _, err := (Door{Book: b}).Login(t.Context(), Caller{Host: ip("192.0.2.1")}, "alice@demo.test", phone); !errors.Is(err, ErrMechanism) {
		t.Errorf("a right password without TLS: %v", err)
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// handshake is what both ends know of a TLS connection: the exporter is the same.
func handshake(t *testing.T, version uint16) *tls.ConnectionState {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, MaxVersion: version})
	go server.HandshakeContext(t.Context())
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	if err := client.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := client.ConnectionState()
	return &s
}

// converse runs an exchange with a client of the library.
func converse(ctx context.Context, step Step, conv *scram.ClientConversation) (*Entrant, error) {
	var challenge []byte
	for range 5 {
		answer, err := conv.Step(string(challenge))
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		var who *Entrant
		if challenge, who, err = step(ctx, []byte(answer)); err != nil || who != nil {
			return who, err
		}
	}
	return nil, errors.New("no end")
}

// Channel binding: RFC 5802, section 6, and RFC 9266. Somebody who sits between
// two TLS connections and passes SCRAM on is found out, and so is who hid -PLUS.
func TestChannelBinding(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	phone := addPassword(t, b, add(t, b, "alice@demo.test").ID, "phone")
	here, elsewhere := handshake(t, tls.VersionTLS13), handshake(t, tls.VersionTLS13)
	bound := func(s *tls.ConnectionState) func(*scram.Client) *scram.ClientConversation {
		cb, err := scram.NewTLSExporterBinding(s)
		if err != nil {
			t.Fatal(err)
		}
		return func(c *scram.Client) *scram.ClientConversation { return c.NewConversationWithChannelBinding(cb) }
	}
	endpoint := func(c *scram.Client) *scram.ClientConversation {
		return c.NewConversationWithChannelBinding(scram.ChannelBinding{Type: scram.ChannelBindingTLSServerEndpoint, Data: []byte("x")})
	}
	for name, tt := range map[string]struct {
		mechanism string
		tls       *tls.ConnectionState
		client    func(*scram.Client) *scram.ClientConversation
		ok        bool
	}{
		"bound":                             {scramPlus, here, bound(here), true},
		"bound to another connection":       {scramPlus, here, bound(elsewhere), false},
		"another kind of binding":           {scramPlus, here, endpoint, false},
		"-PLUS without binding":             {scramPlus, here, (*scram.Client).NewConversation, false},
		"binding without -PLUS":             {scramBare, here, bound(here), false},
		"no binding":                        {scramBare, here, (*scram.Client).NewConversation, true},
		"was not shown -PLUS, which we did": {scramBare, here, (*scram.Client).NewConversationAdvertisingChannelBinding, false},
		"was not shown -PLUS, nor could be": {scramBare, handshake(t, tls.VersionTLS12), (*scram.Client).NewConversationAdvertisingChannelBinding, true},
	} {
		client, err := scram.SHA256.NewClientUnprepped("alice@demo.test", phone, "")
		if err != nil {
			t.Fatal(err)
		}
		step, err := (Door{Book: b}).Begin(Caller{Host: ip("192.0.2.1"), TLS: tt.tls}, tt.mechanism)
		if err != nil {
			t.Fatal(err)
		}
		who, err := converse(t.Context(), step, tt.client(client))
		if (err == nil) != tt.ok || tt.ok && who.Password != "phone" || !tt.ok && !errors.Is(err, ErrLogin) {
			t.Errorf("%s: %v, %v", name, who, err)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	phone := addPassword(t, b, add(t, b, "alice@demo.test").ID, "phone")
	c := Caller{Host: ip("192.0.2.1"), TLS: &tls.ConnectionState{}}
	for response, ok := range map[string]bool{
		"\x00alice@demo.test\x00" + phone:                    true,
		"alice@demo.test\x00alice@demo.test\x00" + phone:     true,
		"bob@demo.test\x00alice@demo.test\x00" + phone:       false,
		"\x00alice@demo.test\x00" + phone + "\x00":           false,
		"alice@demo.test\x00" + phone:                        false,
		"":                                                   false,
		"\x00alice@demo.test\r\n\x00" + phone:                false,
		"\x00\"alice\x00\"@demo.test\x00" + phone:            false,
		"\x00alice@demo.test\x00" + strings.ToUpper(phone):   true,
		"\x00nobody@demo.test\x00" + phone:                   false,
		"\x00alice@demo.test\x00" + strings.Repeat("x", 9e3): false,
	} {
		step, err := (Door{Book: b}).Begin(c, "PLAIN")
		if err != nil {
			t.Fatal(err)
		}
		if challenge, who, err := step(t.Context(), nil); challenge != nil || who != nil || err != nil {
			t.Errorf("a client that waits: %q %v %v", challenge, who, err)
		}
		_, who, err := step(t.Context(), []byte(response))
		if ok != (who != nil) || !ok && !errors.Is(err, ErrLogin) {
			t.Errorf("%.60q: %v, %v", response, who, err)
		}
	}
}

// Attack D15: guesses from addresses that never come twice. They are slowed down
// by what they have in common, the account; who is known at home feels nothing.
func TestGuessesFromEverywhere(t *testing.T) {
	t.Parallel()
	guesses, pause := 20_000, 10*time.Millisecond
	if *long {
		guesses = 1_000_000
	}
	b, _, _ := newBook(t)
	word := addPassword(t, b, add(t, b, "alice@demo.test").ID, "phone")
	c := &clock{now: time.Unix(1e9, 0)}
	d := Door{Book: b, Throttle: NewThrottle(DefaultPaces(), c.Now), hurry: true}
	home := Caller{Host: ip("198.51.100.7"), TLS: &tls.ConnectionState{}}
	if _, err := d.Login(t.Context(), home, "alice@demo.test", word); err != nil {
		t.Fatal(err)
	}
	looked, start := 0, c.Now()
	for i := range guesses {
		c.Add(pause)
		from := Caller{Host: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), TLS: home.TLS}
		_, err := d.Login(t.Context(), from, "alice@demo.test", "guess")
		switch {
		case errors.Is(err, ErrLogin):
			looked++
		case !errors.Is(err, ErrSlowDown):
			t.Fatalf("guess %d: %v", i, err)
		}
		if i%(guesses/20) != 0 {
			continue
		}
		if _, err := d.Login(t.Context(), home, "alice@demo.test", word); err != nil {
			t.Errorf("after %d guesses alice is locked out at home: %v", i, err)
		}
	}
	p := DefaultPaces().Account
	if most := p.Burst + int(c.Now().Sub(start)/p.Every) + 1; looked > most || looked < p.Burst {
		t.Errorf("%d guesses were looked at, want at most %d", looked, most)
	}
}
