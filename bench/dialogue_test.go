package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sink is a small SMTP server that answers final to every mail.
type sink struct {
	final string
	mu    sync.Mutex
	mails []string
}

func (s *sink) start(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return l.Addr().String()
}

func (s *sink) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	fmt.Fprint(conn, "220-sink\r\n220 ready\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "EHLO":
			fmt.Fprint(conn, "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
		case "DATA":
			fmt.Fprint(conn, "354 go\r\n")
			var text strings.Builder
			for line, err = in.ReadString('\n'); err == nil && line != ".\r\n"; line, err = in.ReadString('\n') {
				text.WriteString(line)
			}
			s.mu.Lock()
			s.mails = append(s.mails, text.String())
			s.mu.Unlock()
			fmt.Fprint(conn, s.final)
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 2.1.0 ok\r\n")
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	server := &sink{final: "250 2.0.0 stored\r\n"}
	addr := server.start(t)
	var mails []delivery
	for i := range 50 {
		mails = append(mails, delivery{to: "u@bench.test", mail: fmt.Appendf(nil, "Subject: %d\r\n\r\ntext\r\n", i)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s, err := target{addr: addr}.send(ctx, 7, mails)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.latencies) != 50 || !s.ended.After(s.began) {
		t.Errorf("%d latencies, %v to %v", len(s.latencies), s.began, s.ended)
	}
	arrived := map[string]int{}
	for _, text := range server.mails {
		arrived[text]++
	}
	for _, m := range mails {
		if arrived[string(m.mail)] != 1 {
			t.Errorf("%q arrived %d times", m.mail, arrived[string(m.mail)])
		}
	}
}

func TestSendCountsNothingButSuccess(t *testing.T) {
	t.Parallel()
	server := &sink{final: "451 4.3.0 try again later\r\n"}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := target{addr: server.start(t)}.send(ctx, 2, []delivery{{to: "u@bench.test", mail: []byte("\r\n")}})
	if err == nil || !strings.Contains(err.Error(), "451 4.3.0") {
		t.Errorf("a refused mail gave %v", err)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := &sink{final: ""} // never answers
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := (target{addr: server.start(t)}).send(ctx, 2, []delivery{{to: "u@bench.test", mail: []byte("\r\n")}}); err == nil {
		t.Error("a mail without an answer was a success")
	}
}

// respond reads the answer to one command from a script.
func respond(t *testing.T, script string) (answer, error) {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		_, _ = bufio.NewReader(server).ReadString('\n')
		_, _ = io.WriteString(server, script)
		server.Close()
	}()
	r := &reader{conn: client, in: bufio.NewReader(client)}
	return r.command("FETCH 1:* (X)")
}

func TestCommand(t *testing.T) {
	t.Parallel()
	// The literal holds what would be a tagged answer, were it one.
	const script = "* 1 FETCH (BODY[] {9}\r\nb1 OK no\n UID 7)\r\n* 2 FETCH (BODY[] {0}\r\n)\r\nb1 OK done\r\n"
	a, err := respond(t, script)
	if err != nil || a.replies != 2 || a.bytes != int64(len(script)) {
		t.Errorf("%+v, %v; want 2 replies in %d bytes", a, err, len(script))
	}
	if _, err := respond(t, "b1 NO [AUTHENTICATIONFAILED] no\r\n"); err == nil {
		t.Error("NO was a success")
	}
	if _, err := respond(t, "* 1 FETCH (BODY[] {9}\r\nb1 "); !errors.Is(err, io.EOF) {
		t.Errorf("a cut literal gave %v", err)
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"* 1 FETCH (BODY[] {12}\r\n": 12, "{0}\r\n": 0, "* OK {12} more\r\n": -1, "{-4}\r\n": -1, "}\r\n": -1, "{x}\r\n": -1, "": -1,
	} {
		got, ok := literal([]byte(line))
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("literal(%q) = %d, %v", line, got, ok)
		}
	}
}
