package screen

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-milter"
)

// listener is a milter told by test; what it was shown is in seen.
type listener struct {
	milter.NoOpMilter
	early milter.Response // to the first header field
	last  func(m *milter.Modifier) milter.Response

	mu   *sync.Mutex
	seen *strings.Builder
}

func (l *listener) note(words ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen.WriteString(strings.Join(words, " ") + "\n")
}

func (l *listener) Connect(host, family string, port uint16, addr net.IP, m *milter.Modifier) (milter.Response, error) {
	l.note("connect", host, family, addr.String())
	return milter.RespContinue, nil
}

func (l *listener) Helo(name string, m *milter.Modifier) (milter.Response, error) {
	l.note("helo", name)
	return milter.RespContinue, nil
}

func (l *listener) MailFrom(from string, m *milter.Modifier) (milter.Response, error) {
	l.note("from", from)
	return milter.RespContinue, nil
}

func (l *listener) RcptTo(to string, m *milter.Modifier) (milter.Response, error) {
	l.note("to", to)
	return milter.RespContinue, nil
}

func (l *listener) Header(name, value string, m *milter.Modifier) (milter.Response, error) {
	l.note("header", name, value)
	if l.early != nil {
		return l.early, nil
	}
	return milter.RespContinue, nil
}

func (l *listener) BodyChunk(chunk []byte, m *milter.Modifier) (milter.Response, error) {
	l.note("body", string(chunk))
	return milter.RespContinue, nil
}

func (l *listener) Body(m *milter.Modifier) (milter.Response, error) {
	return l.last(m), nil
}

// beMilter serves l until the test ends.
func beMilter(t *testing.T, l *listener) *Screen {
	t.Helper()
	l.mu, l.seen = new(sync.Mutex), new(strings.Builder)
	path := filepath.Join(t.TempDir(), "m")
	sock, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &milter.Server{NewMilter: func() milter.Milter { return l }, Actions: allActions}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(sock) }()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
	s := &Screen{Milter: "unix:" + path, Filter: 5 * time.Second}
	s.start()
	return s
}

func TestMilter(t *testing.T) {
	t.Parallel()
	always := func(r milter.Response) func(*milter.Modifier) milter.Response {
		return func(*milter.Modifier) milter.Response { return r }
	}
	for name, c := range map[string]struct {
		l    listener
		want string
	}{
		"accept":       {listener{last: always(milter.RespAccept)}, "taken"},
		"continue":     {listener{last: always(milter.RespContinue)}, "taken"},
		"reject":       {listener{last: always(milter.RespReject)}, "550"},
		"tempfail":     {listener{last: always(milter.RespTempFail)}, "451"},
		"discard":      {listener{last: always(milter.RespDiscard)}, "junk"},
		"early reject": {listener{early: milter.RespReject}, "550"},
		"early accept": {listener{early: milter.RespAccept}, "taken"},
		"own reply":    {listener{last: always(milter.NewResponseStr('y', "571 5.7.1 not today"))}, "550"},
		"odd reply":    {listener{last: always(milter.NewResponseStr('y', "250 fine, fine"))}, "taken"},
		"quarantine": {listener{last: func(m *milter.Modifier) milter.Response {
			m.Quarantine("smells")
			return milter.RespAccept
		}}, "junk"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := beMilter(t, &c.l)
			if got := outcome(s.weigh(context.Background(), arrival(alice), verdict(nil))); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestMilterSees is what a milter is shown, and what it may add.
func TestMilterSees(t *testing.T) {
	t.Parallel()
	l := &listener{last: func(m *milter.Modifier) milter.Response {
		m.AddHeader("X-Checked", "yes\r\n\tindeed\nFrom: evil")
		m.InsertHeader(0, "DKIM-Filter", "ok")
		m.AddHeader("From", "evil@evil.test")
		m.AddHeader("Sealpost-Seal", "v=1")
		m.AddHeader("Content-Type", "text/html")
		m.AddHeader("Bad Name", "x")
		m.AddHeader("Empty", "")
		m.ReplaceBody([]byte("another"))
		m.ChangeHeader(1, "Subject", "other")
		for range 200 {
			m.AddHeader("X-Many", strings.Repeat("x", 100))
		}
		return milter.RespAccept
	}}
	s := beMilter(t, l)
	d := s.weigh(context.Background(), arrival(alice, master), verdict(nil))
	want := "connect [192.0.2.9] tcp4 192.0.2.9\nhelo mx.sender.example\nfrom bob@sender.example\nto alice@demo.test\nto Postmaster@demo.test\n" +
		"header From bob@sender.example\nheader Subject a\n folded one\nbody Hello.\r\n\n"
	if got := l.seen.String(); got != want {
		t.Errorf("it saw %q\nwant %q", got, want)
	}
	if !strings.HasPrefix(string(d.Trace), "X-Checked: yes\r\n\tindeed\r\n\tFrom: evil\r\nDKIM-Filter: ok\r\nX-Many: ") {
		t.Errorf("trace %.200q", d.Trace)
	}
	if n := strings.Count(string(d.Trace), "\r\n"); n > maxAdded+3 {
		t.Errorf("%d lines are added", n)
	}
	if strings.Contains(string(d.Trace), "\r\nFrom:") || strings.Contains(string(d.Trace), "Sealpost") || strings.Contains(string(d.Trace), "Content-") {
		t.Errorf("forges: %.200q", d.Trace)
	}
}

// TestMilterBroken: a milter that fails costs no mail, and no more than its time.
func TestMilterBroken(t *testing.T) {
	t.Parallel()
	serve := func(f func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					f(c)
				}()
			}
		}()
		return "inet:" + l.Addr().String()
	}
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	for name, address := range map[string]string{
		"nobody there": "inet:127.0.0.1:1", "no address": "somewhere", "empty": "unix:",
		"hangs up": serve(func(net.Conn) {}),
		"silent":   serve(func(net.Conn) { <-end }),
		"garbage":  serve(func(c net.Conn) { c.Write([]byte(strings.Repeat("\x00\x00\x00\x01x", 100))) }),
		"huge":     serve(func(c net.Conn) { c.Write([]byte("\xff\xff\xff\xffO")); <-end }),
		"no NUL": serve(func(c net.Conn) {
			c.Write([]byte("\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\xff\x00\x00\x00\x7f\x00\x00\x00\x02hX"))
			<-end
		}),
	} {
		s := &Screen{Milter: address, Filter: 200 * time.Millisecond}
		s.start()
		o, err := s.milter(context.Background(), arrival(alice), verdict(nil))
		if err == nil || o.reply != nil || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, %v", name, o, err)
		}
		if got := outcome(s.weigh(context.Background(), arrival(alice), verdict(nil))); got != "taken" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func FuzzAddedField(f *testing.F) {
	f.Add("X-A", "b\r\n c\n\nd")
	f.Add("From", "x")
	f.Fuzz(func(t *testing.T, name, value string) {
		field, ok := addedField(name, value)
		if !ok {
			return
		}
		for i, line := range strings.Split(strings.TrimSuffix(field, "\r\n"), "\r\n") {
			if i > 0 && !strings.HasPrefix(line, "\t") || strings.TrimSpace(line) == "" || strings.ContainsAny(line, "\r\n\x00") {
				t.Errorf("%q %q gives %q", name, value, field)
			}
		}
	})
}
