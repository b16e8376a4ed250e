package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	domain    = "bench.test"
	mailboxes = 20 // those the load goes to
)

// keepers are the mailboxes that are filled once and read over IMAP, one for
// each size.
func keeper(size int) string { return fmt.Sprintf("keep%d", size>>10) }

// users are the names of all mailboxes that a server must have.
func users() []string {
	var names []string
	for i := range mailboxes {
		names = append(names, fmt.Sprintf("u%02d", i))
	}
	for _, size := range sizes {
		names = append(names, keeper(size))
	}
	return names
}

func address(user string) string { return user + "@" + domain }

// A peer is one server under measure, running.
type peer struct {
	name    string
	version string
	group   *group
	in      target
	imap    string   // IMAPS
	submit  string   // where its own people send, TLS from the first byte
	folders []string // everything the server keeps mail in, on its way or for good
	launch  time.Duration

	// password of a user, for IMAP.
	password func(user string) string
	// arrived waits until n mails stand in the mailboxes of the load. It is nil
	// when 250 says as much.
	arrived func(ctx context.Context, n int) error
	// settle waits until nothing is left to do with the mails that arrived.
	settle func(ctx context.Context) error
	// wipe empties the mailboxes of the load between two cells, where a full
	// one would slow the server down.
	wipe func() error
	// tally is how many mails have come; nil: IMAP tells.
	tally func() (int, error)
	// first is the first mail that came elsewhere since the last wipe.
	first func() []byte
	// with are other nodes, whose CPU is counted with its own.
	with []*peer
	// gauges are counters beside the group's CPU, whose growth for a mail is noted; nil: none.
	gauges func(ctx context.Context) ([]float64, error)
	// close ends what is not in the group.
	close func()
}

func (p *peer) stop(ctx context.Context) error {
	if p.close != nil {
		defer p.close()
	}
	if err := p.group.stop(ctx, 15*time.Second); err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	return nil
}

// A site is what all peers of a run share: the temporary folder, the tools,
// the certificate of the IMAP doors.
type site struct {
	dir      string
	cert     string // PEM file
	key      string // PEM file
	trust    *tls.Config
	own      *tls.Config // of servers elsewhere
	zone     *zone
	sealpost string // the binary
	noKeys   bool   // nobody's keys are looked for
}

// folder makes a folder below the site that every user may enter.
func (s *site) folder(elements ...string) (string, error) {
	dir := filepath.Join(append([]string{s.dir}, elements...)...)
	return dir, os.MkdirAll(dir, 0o755)
}

// write puts a file below the site.
func (s *site) write(text string, elements ...string) (string, error) {
	name := filepath.Join(append([]string{s.dir}, elements...)...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return "", err
	}
	return name, os.WriteFile(name, []byte(text), 0o644)
}

// copyKey gives one server below the site a key file of another one.
func (s *site) copyKey(name string, from, to *peer) error {
	text, err := os.ReadFile(filepath.Join(s.dir, from.name, name))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, to.name, name), text, 0o600)
}

// freePorts finds n ports of 127.0.0.1 that nobody listens on. Another program
// may take one before we do; then the server fails to start and says so.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// awaitBanner waits until the address greets with the given first bytes.
func awaitBanner(ctx context.Context, addr, greeting string) error {
	var last error
	for ctx.Err() == nil {
		if last = banner(addr, greeting); last == nil {
			return nil
		}
		pause(ctx, time.Millisecond)
	}
	return fmt.Errorf("no %q: %w", greeting, errors.Join(ctx.Err(), last))
}

func banner(addr, greeting string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	got := make([]byte, len(greeting))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != greeting {
		return fmt.Errorf("greeted with %q", got)
	}
	return nil
}

// quiet waits until the peer does nothing any more.
func (p *peer) quiet(ctx context.Context) error {
	const look, nothing = 50 * time.Millisecond, time.Millisecond
	before, err := p.group.cpu()
	if err != nil {
		return err
	}
	pause(ctx, look)
	return await(ctx, look, func() (bool, error) {
		now, err := p.group.cpu()
		idle := now-before <= nothing
		before = now
		return idle, err
	})
}

// pause sleeps unless ctx ends first.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// await polls until done says yes.
func await(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		pause(ctx, every)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
