package imap_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"sealpost/mailstore"
)

// SCRAM-SHA-256-PLUS (RFC 5802, RFC 9266): bound to this connection, to another
// one (somebody passes it on), and after -PLUS was taken from the list.
func TestSignInBoundToTheChannel(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, tt := range []struct {
		name, mechanism, answer string
		how                     func(c *scram.Client, here, elsewhere tls.ConnectionState) *scram.ClientConversation
	}{
		{"bound", "SCRAM-SHA-256-PLUS", "a OK", func(c *scram.Client, here, _ tls.ConnectionState) *scram.ClientConversation {
			return c.NewConversationWithChannelBinding(exporter(t, here))
		}},
		{"passed on", "SCRAM-SHA-256-PLUS", "a NO [AUTHENTICATIONFAILED]", func(c *scram.Client, _, elsewhere tls.ConnectionState) *scram.ClientConversation {
			return c.NewConversationWithChannelBinding(exporter(t, elsewhere))
		}},
		{"downgraded", "SCRAM-SHA-256", "a NO [AUTHENTICATIONFAILED]", func(c *scram.Client, _, _ tls.ConnectionState) *scram.ClientConversation {
			return c.NewConversationAdvertisingChannelBinding()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, other := h.line(t, true), h.line(t, true)
			l.until("* OK")
			client, err := scram.SHA256.NewClient(h.alice.address, h.alice.password, "")
			h.must(err)
			talk := tt.how(client, state(l), state(other))
			first, err := talk.Step("")
			h.must(err)
			l.say("a AUTHENTICATE " + tt.mechanism + " " + base64.StdEncoding.EncodeToString([]byte(first)) + "\r\n")
			for {
				line, err := l.in.ReadString('\n')
				h.must(err)
				challenge, more := strings.CutPrefix(strings.TrimSpace(line), "+ ")
				if !more {
					if !strings.HasPrefix(line, tt.answer) {
						t.Errorf("got %q, want %s", line, tt.answer)
					}
					return
				}
				text, err := base64.StdEncoding.DecodeString(challenge)
				h.must(err)
				answer, err := talk.Step(string(text))
				h.must(err)
				l.say(base64.StdEncoding.EncodeToString([]byte(answer)) + "\r\n")
			}
		})
	}
}

func state(l *line) tls.ConnectionState { return l.Conn.(*tls.Conn).ConnectionState() }

func exporter(t *testing.T, s tls.ConnectionState) scram.ChannelBinding {
	t.Helper()
	b, err := scram.NewTLSExporterBinding(&s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A revoked app password, or a removed account, ends the sessions it opened,
// whatever they are doing, and no others.
func TestRevokedMeansOut(t *testing.T) {
	t.Parallel()
	h := build(t)
	ctx := context.Background()
	phone, err := h.book.AddPassword(ctx, h.alice.id, "phone")
	h.must(err)
	onPhone := h.alice
	onPhone.password = phone.Reveal()

	waiting, idling, other, bobs := h.line(t, true), h.line(t, true), h.line(t, true), h.line(t, true)
	waiting.signIn(onPhone)
	idling.signIn(onPhone)
	other.signIn(h.alice)
	bobs.signIn(h.bob)
	idling.say("a SELECT INBOX\r\nb IDLE\r\n")
	idling.until("+ idling")

	start := time.Now()
	h.must(h.book.RemovePassword(ctx, h.alice.id, "phone"))
	for _, l := range []*line{waiting, idling} {
		l.until("* BYE this app password was revoked")
		l.over()
	}
	other.say("a NOOP\r\n")
	other.until("a OK")
	h.must(h.book.Remove(ctx, h.alice.id))
	other.until("* BYE this app password was revoked")
	bobs.say("a NOOP\r\n")
	bobs.until("a OK")
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	again := h.line(t, true)
	again.until("* OK")
	again.say("a LOGIN " + onPhone.address + " " + onPhone.password + "\r\n")
	again.until("a NO [AUTHENTICATIONFAILED]")
}

// What a client sent before its password went is not run afterwards.
func TestRevokedBeforeTheNextCommand(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.deliver(h.alice, "INBOX", letter("large", strings.Repeat("hello world\r\n", 100_000)))
	l := h.line(t, true)
	h.must(l.Conn.(*tls.Conn).NetConn().(*net.TCPConn).SetReadBuffer(32 << 10))
	l.signIn(h.alice)
	l.say("a SELECT INBOX\r\nb FETCH 1 (BODY.PEEK[] BODY.PEEK[] BODY.PEEK[])\r\nc CREATE Late\r\n")
	l.until("* 1 FETCH") // more than any buffer holds: it is still at it
	h.must(h.book.RemovePassword(context.Background(), h.alice.id, "test"))
	said, _ := io.ReadAll(l.in) // to BYE, or on a very slow machine to the cut
	if bytes.Contains(said, []byte("\r\nc OK")) {
		t.Error("a command was answered after its password went")
	}
	boxes, err := h.store.Index.Mailboxes(context.Background(), h.alice.owner())
	h.must(err)
	if slices.ContainsFunc(boxes, func(b mailstore.Mailbox) bool { return b.Name == "Late" }) {
		t.Error("a command was run with a revoked password")
	}
}

// Attack D15: while a person's password is guessed at from everywhere, the
// sessions they have open go on, and they may sign in where they did before.
func TestGuessingDoesNotDisturb(t *testing.T) {
	t.Parallel()
	h := build(t)
	home := h.line(t, true)
	home.signIn(h.alice)
	for i := range 5000 {
		h.server.Throttle.Allow(place(i), h.alice.address)
	}
	if h.server.Throttle.Allow(place(5000), h.alice.address) == 0 {
		t.Fatal("the guesses slowed nobody down: this test shows nothing")
	}
	home.say("a SELECT INBOX\r\n")
	home.until("a OK")
	second := h.line(t, true)
	second.signIn(h.alice)
}

// place is one of many addresses.
func place(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }
