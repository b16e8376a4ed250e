package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/config"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/storage/nats/natstest"
)

// soon is long for a hint and short for the look that would come without one, each 55 s.
const soon = 3 * time.Second

// idler is a client in IDLE on INBOX.
type idler struct {
	client *imapclient.Client
	exists chan uint32
	over   chan struct{} // closed with the connection
}

func idle(t *testing.T, at *server, s *site, user, password string) *idler {
	t.Helper()
	i := &idler{exists: make(chan uint32, 100), over: make(chan struct{})}
	c, err := imapclient.DialTLS(at.imapsDoors[0].Addr().String(), &imapclient.Options{
		TLSConfig: trust(t, filepath.Join(s.dir, "ca.pem")),
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: func(m *imapclient.UnilateralDataMailbox) {
			if m.NumMessages != nil {
				i.exists <- *m.NumMessages
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	i.client = c
	if err := c.Login(user, password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Idle(); err != nil {
		t.Fatal(err)
	}
	go func() {
		<-c.Closed()
		close(i.over)
	}()
	return i
}

// A mail that one node takes wakes who is in IDLE on another; and an app password that is removed
// at one node, or by a command where no server runs, ends what was signed in with it on another.
// By the database, and by NATS.
func TestNodesWakeEachOther(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"database", "nats"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			x := newShared(t)
			nats := ""
			if by == "nats" {
				nats = fmt.Sprintf("nats = [%q]\n", natstest.Start(t, nil).URL())
			}
			node := func(first *site) *site {
				s := x.newNode(t, first)
				s.write(t, "sealpost.toml", []byte(strings.Replace(string(read(t, s.config)), "drain =", nats+"drain =", 1)))
				var err error
				if s.settings, err = config.Load(s.config); err != nil || (len(s.settings.Cluster.NATS) > 0) != (by == "nats") {
					t.Fatalf("%v: %v", s.settings.Cluster.NATS, err)
				}
				return s
			}
			east := node(nil)
			_, public := east.keys(t, "ann@demo.test")
			must(t, "account", "add", "ann@demo.test", "--key", public, "--config="+east.config)
			west, south := node(east), node(east)
			a, b := east.serve(t), west.serve(t)
			idlers := map[string]*idler{}
			for _, name := range []string{"phone", "laptop", "tablet"} {
				password := strings.TrimSpace(must(t, "password", "add", "ann@demo.test", "--name="+name, "--config="+west.config))
				idlers[name] = idle(t, b, west, "ann@demo.test", password)
			}
			for n := range uint32(5) {
				send(t, a, "ann@demo.test", "From: sender@example.org\r\nSubject: canary\r\n\r\nIn the cage.\r\n")
				for name, i := range idlers {
					select {
					case now := <-i.exists:
						if now != n+1 {
							t.Errorf("%s was told of %d messages, want %d", name, now, n+1)
						}
					case <-time.After(soon):
						t.Fatalf("%s on the other node was not told of mail %d", name, n+1)
					}
				}
			}
			for _, c := range []struct {
				name string
				at   *site
			}{{"phone", east}, {"laptop", south}} {
				must(t, "password", "remove", "ann@demo.test", "--name="+c.name, "--config="+c.at.config)
				select {
				case <-idlers[c.name].over:
				case <-time.After(soon):
					t.Errorf("%s goes on at the other node without its app password", c.name)
				}
			}
			select {
			case <-idlers["tablet"].over:
				t.Error("who signed in by another app password was thrown out")
			default:
			}
		})
	}
}

// What a node puts into the queue that does not take from it is taken by one that does, at once; a
// command that is no server says so too.
func TestQueuedElsewhere(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	first := x.newNode(t, nil)
	text := string(read(t, first.config))
	first.write(t, "sealpost.toml", []byte(strings.Replace(text, "drain =", "roles = [\"submission\"]\ndrain =", 1)))
	must(t, "account", "list", "--config="+first.config)
	second := x.newNode(t, first)
	open := func(s *site) *office {
		settings, err := config.Load(s.config)
		if err != nil {
			t.Fatal(err)
		}
		o, err := openOffice(t.Context(), settings, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { o.Close() })
		o.takes()
		return o
	}
	putter, taker := open(first), open(second)
	for name, q := range taker.queues() {
		taken := make(chan error, 1)
		go func() {
			l, err := q.Take(t.Context())
			if err == nil {
				err = l.Done(t.Context())
			}
			taken <- err
		}()
		time.Sleep(500 * time.Millisecond) // it has looked, and waits for a minute
		if _, err := putter.queues()[name].Put(t.Context(), queue.Mail{
			Recipient: []queue.State{{Recipient: smtp.Recipient{Address: mail.Address{Local: "bob", Domain: "example.org"}}}},
		}, strings.NewReader("Subject: canary\r\n\r\nIn the cage.\r\n")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-taken:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(soon):
			t.Errorf("nobody took what another node put into %s", name)
		}
	}
}
