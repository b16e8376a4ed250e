package spf_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"sealpost/smtp/mailauth/spf"
)

// world is one record for every name that asks, addresses for none, unless said.
type world struct {
	txt   map[string]string
	mx    int // mail exchangers of every name
	asked int
	fail  string // the name whose questions fail
}

var nothing = &net.DNSError{Err: "nothing", IsNotFound: true}

func (w *world) LookupTXT(_ context.Context, name string) ([]string, error) {
	w.asked++
	if name == w.fail {
		return nil, &net.DNSError{Err: "time out", IsTemporary: true}
	}
	if s, ok := w.txt[name]; ok {
		return []string{s}, nil
	}
	return nil, nothing
}

func (w *world) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	w.asked++
	var all []*net.MX
	for i := range w.mx {
		all = append(all, &net.MX{Host: fmt.Sprintf("mx%d.%s", i, name)})
	}
	return all, nil
}

func (w *world) LookupIPAddr(_ context.Context, name string) ([]net.IPAddr, error) {
	w.asked++
	if name == w.fail {
		return nil, &net.DNSError{Err: "time out", IsTemporary: true}
	}
	return nil, nothing
}

func (w *world) LookupAddr(context.Context, string) ([]string, error) {
	w.asked++
	return nil, nothing
}

var client = netip.MustParseAddr("192.0.2.1")

func ask(t *testing.T, w *world) (string, string) {
	t.Helper()
	return spf.Check(t.Context(), w, client, "mx.example.org", "joe", "example.org")
}

// A syntax error counts wherever it stands (RFC 7208, section 4.6).
func TestRecords(t *testing.T) {
	t.Parallel()
	for record, want := range map[string]string{
		"v=spf1":                                         "neutral",
		"v=spf1 -all":                                    "fail",
		"v=spf1 ip4:192.0.2.0/24 -all":                   "pass",
		"v=spf1 ip4:192.0.2.1 nonsense":                  "permerror",
		"v=spf1 ip4:192.0.2.1 ip4:192.0.2":               "permerror",
		"v=spf1 ip4:192.0.2.1 ip4:1.2.3.4/33":            "permerror",
		"v=spf1 ip4:192.0.2.1 ip4:1.2.3.4/01":            "permerror",
		"v=spf1 ip4:192.0.2.1 ip6:1.2.3.4":               "permerror",
		"v=spf1 ip4:192.0.2.1 ip6:fe80::1%a":             "permerror",
		"v=spf1 ip4:192.0.2.1 ip6:fe80::/129":            "permerror",
		"v=spf1 ip4:192.0.2.1 include":                   "permerror",
		"v=spf1 ip4:192.0.2.1 include:":                  "permerror",
		"v=spf1 ip4:192.0.2.1 all:x":                     "permerror",
		"v=spf1 ip4:192.0.2.1 a:x":                       "permerror",
		"v=spf1 ip4:192.0.2.1 a:x.1":                     "permerror",
		"v=spf1 ip4:192.0.2.1 a:%{x}.org":                "permerror",
		"v=spf1 ip4:192.0.2.1 a:%{d0}.org":               "permerror",
		"v=spf1 ip4:192.0.2.1 a/33":                      "permerror",
		"v=spf1 ip4:192.0.2.1 a//129":                    "permerror",
		"v=spf1 ip4:192.0.2.1 redirect=a.b redirect=c.d": "permerror",
		"v=spf1 ip4:192.0.2.1 exp=a.b exp=c.d":           "permerror",
		"v=spf1 ip4:192.0.2.1 exp=x":                     "permerror",
		"v=spf1 ip4:192.0.2.1\x00":                       "permerror",
		"v=spf1 ip4:192.0.2.1 new=%{d}/x":                "pass",
		"v=spf1 ip4:192.0.2.1 a:b.c/24//64 mx:%{d} ptr exists:%{ir}.%{v}.x.org include:x.org": "pass",
		"v=spf10 ip4:192.0.2.1": "none",
	} {
		if got, reason := ask(t, &world{txt: map[string]string{"example.org": record}}); got != want {
			t.Errorf("%q: %s (%s), want %s", record, got, reason, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	var chain, voids strings.Builder
	txt := map[string]string{}
	for i := range 11 {
		fmt.Fprintf(&chain, " include:i%d.example.org", i)
		fmt.Fprintf(&voids, " a:v%d.example.org", i)
		txt[fmt.Sprintf("i%d.example.org", i)] = "v=spf1 ?all"
	}
	for name, test := range map[string]struct {
		record string
		mx     int
		want   string
	}{
		"eleven terms that ask":  {"v=spf1" + chain.String() + " +all", 0, "permerror"},
		"ten of them":            {"v=spf1" + strings.TrimSuffix(chain.String(), " include:i10.example.org") + " +all", 0, "pass"},
		"three void answers":     {"v=spf1" + voids.String() + " +all", 0, "permerror"},
		"two":                    {"v=spf1 a:v0.example.org a:v1.example.org +all", 0, "pass"},
		"eleven mail exchangers": {"v=spf1 mx +all", 11, "permerror"},
		"a loop":                 {"v=spf1 include:example.org +all", 0, "permerror"},
		"too many questions":     {"v=spf1 mx:a.org mx:b.org mx:c.org mx:d.org mx:e.org mx:f.org mx:g.org +all", 10, "permerror"},
	} {
		txt["example.org"] = test.record
		w := &world{txt: txt, mx: test.mx}
		if got, reason := ask(t, w); got != test.want || w.asked > spf.MaxQuestions {
			t.Errorf("%s: %s (%s) after %d questions, want %s", name, got, reason, w.asked, test.want)
		}
	}
}

// What could not be asked is temperror, and reasons hold no names.
func TestFailures(t *testing.T) {
	t.Parallel()
	for _, fail := range []string{"example.org", "a.example.org"} {
		got, reason := ask(t, &world{txt: map[string]string{"example.org": "v=spf1 a:a.example.org -all"}, fail: fail})
		if got != "temperror" || strings.Contains(reason, "example") {
			t.Errorf("%s fails: %s (%s)", fail, got, reason)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, _ := spf.Check(ctx, &world{txt: map[string]string{"example.org": "v=spf1 -all"}}, client, "h", "joe", "example.org")
	if got != "temperror" {
		t.Errorf("without time: %s", got)
	}
}

func TestDomains(t *testing.T) {
	t.Parallel()
	w := &world{txt: map[string]string{"example.org": "v=spf1 exists:%{l}.x.org -all", "xn--exmple-cua.org": "v=spf1 -all"}}
	for domain, want := range map[string]string{
		"example.org": "fail", "Example.ORG.": "fail", "exämple.org": "fail", "localhost": "none", "[192.0.2.1]": "none",
		"": "none", "a b.org": "none", "a..org": "none", strings.Repeat("a.", 130) + "org": "none",
	} {
		if got, _ := spf.Check(t.Context(), w, client, "h", "a@b", domain); got != want {
			t.Errorf("%q: %s, want %s", domain, got, want)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("v=spf1 a:%{d}/24 mx:a.b//64 -all")
	f.Add("v=spf1 exists:%{ir}.%{l1r+-}._spf.%{d} redirect=a.b")
	f.Add("v=spf1 a:a/b.c exp=%{o}")
	f.Fuzz(func(t *testing.T, record string) {
		w := &world{txt: map[string]string{"example.org": record}, mx: 3}
		got, _ := ask(t, w)
		switch got {
		case "none", "neutral", "pass", "fail", "softfail", "permerror":
		default:
			t.Errorf("%q: %s", record, got)
		}
		if w.asked > spf.MaxQuestions {
			t.Errorf("%q asks %d times", record, w.asked)
		}
	})
}
