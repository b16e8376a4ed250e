package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A screen shows how the cluster gets on: in colours and in place on a terminal, in plain lines elsewhere.
type screen struct {
	mu                    sync.Mutex
	out                   *os.File
	live                  bool
	heading, command, end string
}

func newScreen(out *os.File) *screen {
	info, err := out.Stat()
	s := &screen{out: out, live: err == nil && info.Mode()&os.ModeCharDevice != 0}
	if s.live && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		s.heading, s.command, s.end = "\x1b[1m", "\x1b[36m", "\x1b[0m"
	}
	return s
}

// step shows work that takes a while, with its seconds.
func (s *screen) step(what string) (done func()) {
	began := time.Now()
	seconds := func() string { return fmt.Sprintf("%5.1f s", time.Since(began).Seconds()) }
	if !s.live {
		return func() { fmt.Fprintf(s.out, "  %s  %s\n", seconds(), what) }
	}
	ended, drawn := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(drawn)
		for {
			fmt.Fprintf(s.out, "\r  %s  %s …", seconds(), what)
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(ended)
		<-drawn
		fmt.Fprintf(s.out, "\r\x1b[K  %s  %s\n", seconds(), what)
	}
}

// say tells what happened since.
func (s *screen) say(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%s  %s\n", time.Now().Format("15:04:05"), what)
}

// explain prints how to use the cluster, in lines that can be copied.
func (s *screen) explain(c *cluster) {
	replace := []string{
		"CLIENTS", filepath.Join(c.dir, "clients"), "SEALPOST", c.program("sealpost"), "DIR", c.dir,
		"PASSWORD", c.people[0].Password, "PASSPHRASE", c.people[0].Passphrase, "KIT", c.people[0].Kit,
		"DATABASE", c.database(), "EAST", c.bucketAt(0), "WEST", c.bucketAt(1), "NATS_AT", c.at(natsPort), "ENOUGH", fmt.Sprint(c.enough),
		"CONFIG2", c.nodes[1].config, "IMAPS2_PORT", fmt.Sprint(c.nodes[1].base + 993), "IMAPS3_PORT", fmt.Sprint(c.nodes[2].base + 993), "SMTP1", c.nodes[0].at(25),
		"NODES", s.nodes(c),
	}
	for i, line := range strings.Split(strings.NewReplacer(replace...).Replace(text), "\n") {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if rest, ok := strings.CutPrefix(line, "*"); ok {
			heading, rest, _ := strings.Cut(rest, "*")
			line = s.heading + heading + s.end + rest
		} else if command, ok := strings.CutPrefix(line, "  $ "); ok {
			line = "  " + s.command + command + s.end
		}
		fmt.Fprint(s.out, line)
	}
}

func (s *screen) nodes(c *cluster) string {
	lines := []string{fmt.Sprintf("         %-16s%-18s%-16s%s", "SMTP", "submission (TLS)", "IMAP (TLS)", "webmail")}
	for _, n := range c.nodes {
		lines = append(lines, fmt.Sprintf("  %-7s%-16s%-18s%-16shttps://localhost:%d/", n.name, n.at(25), n.at(465), n.at(993), n.base+443))
	}
	return strings.Join(lines, "\n")
}

const text = `
*Three nodes are one server.* Whichever takes a mail for alice@demo.test or bob@demo.test, all have it.

NODES

  rows     PostgreSQL      psql "DATABASE"
  letters  S3, two copies  EAST and WEST; a mail is accepted with ENOUGH
  hints    NATS            NATS_AT

*Wait for mail at node 2;* leave it running
  $ (printf 'a login alice@demo.test PASSWORD\r\nb select INBOX\r\nc idle\r\n'; cat) | openssl s_client -quiet -CAfile CLIENTS/ca.pem -connect localhost:IMAPS2_PORT

*Send it by node 1*
  $ printf 'From: eve@example.org\r\nSubject: Hello\r\n\r\nFor your eyes only.\r\n' | curl -sST - smtp://SMTP1 --mail-from eve@example.org --mail-rcpt alice@demo.test

*Read it at node 3:* ciphertext, which alice's key opens
  $ curl -sS --cacert CLIENTS/ca.pem -u alice@demo.test:PASSWORD 'imaps://localhost:IMAPS3_PORT/INBOX;MAILINDEX=*' | SEALPOST open --key CLIENTS/alice.secret.asc

*Or in the webmail of any node,* in a browser she was never in by the 24 words of her recovery kit:
  KIT
  and from then on by her passphrase: PASSPHRASE

*Ask any node* about all of them
  $ SEALPOST account list --config CONFIG2

*Kill what you like:* node1, node2, node3, postgres, east, west, nats. It is started again, and no mail is lost
  $ kill -9 $(cat DIR/node1.pid)

What they say is in DIR/*.log. Ctrl-C stops, and removes everything.

`
