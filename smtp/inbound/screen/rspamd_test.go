package screen

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/mailauth"
)

// spamFilter answers as a server told by test.
func spamFilter(t *testing.T, f http.HandlerFunc) *Screen {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	s := &Screen{Rspamd: srv.URL + "/checkv2", Filter: 5 * time.Second}
	s.start()
	t.Cleanup(s.Client.CloseIdleConnections)
	return s
}

func outcome(d Decision) string {
	switch {
	case d.Reply != nil:
		return fmt.Sprint(d.Reply.Code)
	case d.Junk != "":
		return "junk"
	}
	return "taken"
}

func TestRspamd(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]string{
		"no action": "taken", "add header": "junk", "rewrite subject": "junk", "Quarantine": "junk",
		"reject": "554", "soft reject": "451", "greylist": "451", "unheard of": "taken", "": "taken",
	} {
		s := spamFilter(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"action":%q,"score":7.125,"required_score":15,"symbols":{"A":{"options":["x"]}}}`, action)
		})
		d := s.weigh(context.Background(), arrival(alice), verdict(nil))
		if got := outcome(d); got != want {
			t.Errorf("%q: %s, want %s", action, got, want)
		}
		if known := want != "taken" || action == "no action"; known != (string(d.Trace) == "X-Spam-Score: 7.12 / 15.00\r\n") {
			t.Errorf("%q: trace %q", action, d.Trace)
		}
		if d := s.weigh(context.Background(), arrival(master), verdict(nil)); d.Reply != nil {
			t.Errorf("%q refuses mail for postmaster", action)
		}
	}
}

// TestRspamdSees: the mail as it came, its envelope, and nothing of a mail that is
// refused anyway.
func TestRspamdSees(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	s := spamFilter(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		if string(body) != text || r.ContentLength != int64(len(text)) || r.Method != "POST" || r.URL.Path != "/checkv2" {
			t.Errorf("%s %s %d %q", r.Method, r.URL.Path, r.ContentLength, body)
		}
		for name, want := range map[string]string{
			"IP": "192.0.2.9", "Helo": "mx.sender.example", "From": "bob@sender.example", "Hostname": "host.sender.example", "Queue-Id": "id",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if got := strings.Join(r.Header.Values("Rcpt"), " "); got != "alice@demo.test Postmaster@demo.test" {
			t.Errorf("recipients %q", got)
		}
		io.WriteString(w, `{"action":"no action"}`)
	})
	v := verdict(func(v *mailauth.Verdict) { v.IPRev.Name = "host.sender.example" })
	s.weigh(context.Background(), arrival(alice, master), v)
	if s.weigh(context.Background(), arrival(alice), verdict(fails("reject"))).Reply == nil || asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// TestRspamdBroken: a filter that fails costs no mail.
func TestRspamdBroken(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	for name, s := range map[string]*Screen{
		"down":   {Rspamd: down.URL},
		"no URL": {Rspamd: "::"},
		"status": spamFilter(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, `{"action":"reject"}`)
		}),
		"redirect": spamFilter(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 307) }),
		"no JSON":  spamFilter(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `action: reject`) }),
		"huge": spamFilter(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"x":"`+strings.Repeat("x", maxOpinion)+`","action":"reject"}`)
		}),
		"slow": func() *Screen {
			s := spamFilter(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			})
			s.Filter = 50 * time.Millisecond
			return s
		}(),
	} {
		s.start()
		if got := outcome(s.weigh(context.Background(), arrival(alice), verdict(nil))); got != "taken" {
			t.Errorf("%s: %s", name, got)
		}
	}
	odd := spamFilter(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"action":"reject"}`) })
	a := arrival(mail.Address{Local: "ü \"x", Domain: "demo.test"})
	a.Helo = "evil\r\nIP: 127.0.0.1"
	if got := outcome(odd.weigh(context.Background(), a, verdict(nil))); got != "554" {
		t.Errorf("odd words in the envelope keep the filter from being asked: %s", got)
	}
}

func FuzzOpinion(f *testing.F) {
	f.Add(`{"action":"reject","score":1e300,"required_score":-1}`)
	f.Add(`{"action":["reject"]}`)
	f.Fuzz(func(t *testing.T, reply string) {
		o, err := readOpinion(strings.NewReader(reply))
		if err != nil && (o.reply != nil || o.junk != "") {
			t.Error("decides though it could not read")
		}
		if strings.Count(string(o.trace), "\r\n") > 1 || len(o.trace) > 2000 {
			t.Errorf("trace %q", o.trace)
		}
	})
}
