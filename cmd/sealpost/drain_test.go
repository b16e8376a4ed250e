package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/config"
)

// asked is the status that a door answers a path with.
func asked(t *testing.T, at, path string) int {
	t.Helper()
	r, err := http.Get("http://" + at + path)
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

// TestDrain: a node that is to go says so first, and takes people for a while yet; then it says
// goodbye to those who are inside, and ends.
func TestDrain(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	node := x.newNode(t, nil)
	node.settings.Cluster.Drain, node.settings.Cluster.Node = 2*time.Second, "east-1"
	node.settings.Metrics.Listen = []string{"127.0.0.1:0"}
	fails(t, exitFailed, []string{"no server is running"}, "drain", "--config="+node.config)

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	up, ended := make(chan *server, 1), make(chan error, 1)
	var said lockedLog
	go func() {
		ended <- serve(ctx, node.settings, slog.New(slog.NewTextHandler(&said, nil)), occasions{ready: func(s *server) error { up <- s; return nil }})
	}()
	var s *server
	select {
	case s = <-up:
	case err := <-ended:
		t.Fatal(err)
	}
	metrics, imaps := s.metricsDoors[0].Addr().String(), s.imapsDoors[0].Addr().String()
	inside := greeted(t, imaps)
	if got := asked(t, metrics, "/readyz"); got != 200 {
		t.Fatalf("before: %d", got)
	}
	start := time.Now()
	if out := must(t, "drain", "--config="+node.config); !strings.Contains(out, "close in 2s") {
		t.Errorf("%q", out)
	}
	if ready, well := asked(t, metrics, "/readyz"), asked(t, metrics, "/healthz"); ready != 503 || well != 200 {
		t.Errorf("while it drains: ready %d, well %d", ready, well)
	}
	late := greeted(t, imaps) // from who has not noticed yet
	for _, c := range []*bufio.Reader{inside, late} {
		line, err := c.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "* BYE") {
			t.Errorf("%q, %v", line, err)
		}
	}
	if took := time.Since(start); took < 1500*time.Millisecond {
		t.Errorf("the doors closed after %v", took)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not stop")
	}
	if c, err := net.Dial("tcp", imaps); err == nil {
		c.Close()
		t.Error("a door is open")
	}
	for line := range strings.Lines(said.b.String()) {
		if !strings.Contains(line, " node=east-1") {
			t.Errorf("the log does not say which node it is of: %s", line)
		}
	}
	if !strings.Contains(said.b.String(), "msg=stopped") {
		t.Errorf("the log has %q", said.b.String())
	}
}

// greeted is an IMAP connection after its greeting.
func greeted(t *testing.T, at string) *bufio.Reader {
	t.Helper()
	c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "* OK") {
		t.Fatalf("%q, %v", line, err)
	}
	return r
}

// TestReadyWhileEnginesAnswer: a node without its database is not one to send people to.
func TestReadyWhileEnginesAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	up := s.serve(t)
	if err := up.ready(t.Context()); err != nil {
		t.Errorf("a server that serves: %v", err)
	}
	up.phase.Store(starting)
	if err := up.ready(t.Context()); !errors.Is(err, errStarting) {
		t.Errorf("a server that starts: %v", err)
	}
	up.phase.Store(serving)
	gone, stop := context.WithCancel(t.Context())
	stop()
	if err := up.ready(gone); err == nil {
		t.Error("a server whose index does not answer is ready")
	}
}

// TestRoles: a node does what its roles say, and has no other doors.
func TestRoles(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	first := x.newNode(t, nil)
	_, public := first.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, "--config="+first.config)
	front, back := x.newNode(t, first), x.newNode(t, first)
	front.settings.Cluster.Roles = []string{config.RoleMX}
	back.settings.Cluster.Roles = []string{config.RoleIMAP, config.RoleHouse}
	a, b := front.serve(t), back.serve(t)
	if len(a.smtpDoors) == 0 || len(a.imapsDoors)+len(a.imapDoors)+len(a.submitDoors)+len(a.submitsDoors)+len(a.httpDoors)+len(a.httpsDoors) != 0 {
		t.Error("who takes mail from other servers has other doors, or not that one")
	}
	if len(b.imapsDoors) == 0 || len(b.smtpDoors)+len(b.submitDoors)+len(b.submitsDoors)+len(b.httpDoors)+len(b.httpsDoors) != 0 {
		t.Error("who has the IMAP door has others, or not that one")
	}
	send(t, a, "ann@demo.test", "From: sender@example.org\r\nSubject: canary\r\n\r\nIn the cage.\r\n")
	password := strings.TrimSpace(must(t, "password", "add", "ann@demo.test", "--name=test", "--config="+back.config))
	if got := fetch(t, b.imapsDoors[0].Addr().String(), filepath.Join(back.dir, "ca.pem"), "ann@demo.test", password, 1); len(got) == 0 {
		t.Error("what one node took another does not have")
	}
	for deadline := time.Now().Add(20 * time.Second); !b.jobs.has(jobHouse); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody keeps house")
		}
	}
	if a.jobs.has(jobHouse) || a.jobs.has(jobReports) {
		t.Error("a node without that role keeps house")
	}
}
