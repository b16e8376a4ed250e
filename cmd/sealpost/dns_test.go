package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/config"
	"sealpost/smtp/dns/dnstest"
)

var update = flag.Bool("update", false, "write golden files anew")

// newYear is a day on which nothing changes.
var newYear = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)

const ownIP = "192.0.2.1"

// keyed is a site with fixed DKIM keys and all doors at their ports.
func keyed(t testing.TB, domains ...string) *site {
	t.Helper()
	s := newSite(t)
	s.settings.Domains = domains
	s.settings.Hostname = "mail." + domains[0]
	s.settings.HTTP = config.Default().HTTP
	s.settings.IMAP.ListenTLS, s.settings.Submission = config.Default().IMAP.ListenTLS, config.Default().Submission
	for _, d := range domains {
		folder := filepath.Join(s.settings.DKIM.Folder, d)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"s20270101r.pem", "s20270101e.pem"} {
			if err := os.WriteFile(filepath.Join(folder, name), read(t, filepath.Join("testdata", name)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// worldOf is a world with one name server, in which this machine is ownIP and
// serves the policy text.
func worldOf(t testing.TB, s *dnstest.Server, policy string) world {
	t.Helper()
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, policy) }))
	cert := filepath.Join(t.TempDir(), "tls.pem")
	temp := template("mta-sts.demo.test", time.Hour)
	temp.NotBefore, temp.NotAfter = newYear.AddDate(-1, 0, 0), newYear.AddDate(1, 0, 0)
	if err := issue(temp, nil, cert, cert+".key"); err != nil {
		t.Fatal(err)
	}
	pair, err := loadPair(cert, cert+".key")
	if err != nil {
		t.Fatal(err)
	}
	web.TLS = &tls.Config{Certificates: []tls.Certificate{*pair}}
	web.StartTLS()
	t.Cleanup(web.Close)
	r := s.Resolver()
	r.Timeout = 2 * time.Second
	return world{
		dns: r, roots: trust(t, cert).RootCAs,
		own: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr(ownIP)} },
		has: func(ip netip.Addr) bool { return ip.String() == ownIP },
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != ownIP+":443" {
				return nil, fmt.Errorf("%s is not there", address)
			}
			return new(net.Dialer).DialContext(ctx, network, web.Listener.Addr().String())
		},
		now: func() time.Time { return newYear },
	}
}

// checked runs dns check and returns what each record was found to be.
func checked(t testing.TB, s *site, w world, domain string) (map[string]looked, said) {
	t.Helper()
	var out bytes.Buffer
	err := dnsCheckCommand{Domain: domain, JSON: true}.in(t.Context(), console{nil, &out, &out}, s.settings, w)
	var all []looked
	if e := json.Unmarshal(out.Bytes(), &all); e != nil {
		t.Fatalf("%v, %v: %s", err, e, &out)
	}
	by := map[string]looked{}
	for _, l := range all {
		by[l.What] = l
	}
	got := said{out: out.String()}
	if err != nil {
		got.code = exitFailed
	}
	return by, got
}

const goodPolicy = "version: STSv1\nmode: enforce\nmx: mail.demo.test\nmax_age: 604800\n"

const reverseZone = "\n1.2.0.192.in-addr.arpa. IN PTR mail.demo.test.\n"

// The zone file that is printed is the one in the testdata, and a name server that
// loads it makes every check green.
func TestZoneIsAllThereIs(t *testing.T) {
	t.Parallel()
	s := keyed(t, "demo.test")
	s.settings.ACME = config.ACME{On: true, Directory: config.Default().ACME.Directory, Folder: filepath.Join(s.dir, "acme")}
	cert := read(t, filepath.Join("testdata", "leaf.pem"))
	if err := os.MkdirAll(s.settings.ACME.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s.write(t, "acme/mail.demo.test", cert)
	nobody := dnstest.New(t, "")
	var out bytes.Buffer
	if err := (dnsRecordsCommand{}).in(t.Context(), console{nil, &out, &out}, s.settings, worldOf(t, nobody, "")); err != nil {
		t.Fatal(err)
	}
	golden(t, "demo.test.zone", out.String())
	for line := range strings.Lines(out.String()) {
		if len(line) > 80 && !strings.Contains(line, "TLSA") && !strings.Contains(line, "DKIM1") && !strings.HasPrefix(line, `    "`) {
			t.Errorf("a line is long: %s", line)
		}
	}

	server := dnstest.New(t, out.String()+reverseZone)
	by, got := checked(t, s, worldOf(t, server, goodPolicy), "demo.test")
	for name, l := range by {
		if l.Verdict != asWanted || l.Fix != "" {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if got.code != exitDone || len(by) != 18 {
		t.Errorf("exit %d after %d looks", got.code, len(by))
	}
}

func golden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(read(t, file)); got != want {
		t.Errorf("%s (go test -update writes it anew):\n%s\nwant\n%s", name, got, want)
	}
}

func TestDNSCheckMissing(t *testing.T) {
	t.Parallel()
	s := keyed(t, "demo.test")
	by, got := checked(t, s, worldOf(t, dnstest.New(t, ""), ""), "")
	for _, name := range []string{"address", "MX", "SPF", "DKIM", "DMARC"} {
		if l := by[name]; l.Verdict != missing || !l.Needed || l.Fix == "" {
			t.Errorf("%s: %+v", name, l)
		}
	}
	for _, name := range []string{"MTA-STS", "TLS-RPT", "imaps", "autoconfig", "openpgpkey", "policy"} {
		if l := by[name]; l.Verdict != missing || l.Needed || l.Fix == "" {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if l := by["DMARC"]; l.Fix+" "+l.Record != `add _dmarc.demo.test. IN TXT "v=DMARC1; p=quarantine; rua=mailto:postmaster@demo.test"` {
		t.Error(l.Fix, l.Record)
	}
	if got.code != exitFailed {
		t.Error("nothing is there and all is well")
	}
}

// Each record, wrong in its way.
func TestDNSCheckWrong(t *testing.T) {
	t.Parallel()
	s := keyed(t, "demo.test")
	s.settings.ACME = config.ACME{On: true, Directory: config.Default().ACME.Directory, Folder: s.dir}
	s.write(t, "mail.demo.test", read(t, filepath.Join("testdata", "leaf.pem")))
	for _, c := range []struct {
		what, zone string
		verdict    verdict
		needed     bool
		says       string
	}{
		{"address", "mail.demo.test. A 192.0.2.9", differs, true, "192.0.2.9 is no public address of this machine (192.0.2.1)"},
		{"address", "mail.demo.test. A 192.0.2.1\nmail.demo.test. A 127.0.0.1", differs, true, "127.0.0.1 is no public"},
		{"reverse DNS", "mail.demo.test. A 192.0.2.1\n1.2.0.192.in-addr.arpa. PTR host9.example.", differs, true, "set it to mail.demo.test"},
		{"reverse DNS", "mail.demo.test. A 192.0.2.1", missing, true, "set it to mail.demo.test"},
		{"MX", "demo.test. MX 10 elsewhere.example.", differs, true, "replace it with demo.test. IN MX 10 mail.demo.test."},
		{"MX", "demo.test. MX 10 mail.demo.test.\ndemo.test. MX 20 b.example.", asWanted, true, "some mail goes to b.example"},
		{"SPF", `demo.test. TXT "v=spf1 -all"`, differs, true, "add mx"},
		{"SPF", "demo.test. TXT \"v=spf1 ip4:192.0.2.1 -all\"\ndemo.test. TXT \"v=spf1 mx -all\"", differs, true, "two records"},
		{"SPF", `demo.test. TXT "v=spf1 ip4:192.0.2.1 +all"`, asWanted, true, "everybody may send"},
		{"SPF", `demo.test. TXT "v=spf1 nonsense:x -all"`, differs, true, "correct it"},
		{"SPF", `demo.test. TXT "v=spf10 mx -all"`, missing, true, "add demo.test."},
		{"DKIM", `s20270101r._domainkey.demo.test. TXT "v=DKIM1; k=rsa; p=MIIB"`, differs, true, "replace it"},
		{"DMARC", `_dmarc.demo.test. TXT "v=DMARC1; p=none; rua=mailto:a@demo.test"`, asWanted, true, "p=quarantine"},
		{"DMARC", `_dmarc.demo.test. TXT "v=DMARC1; p=reject"`, asWanted, true, "add rua=mailto:postmaster@demo.test"},
		{"DMARC", `_dmarc.demo.test. TXT "v=DMARC1; p=maybe"`, differs, true, "this is no policy"},
		{"DMARC", "_dmarc.demo.test. TXT \"v=DMARC1; p=none\"\n_dmarc.demo.test. TXT \"v=DMARC1; p=reject\"", differs, true, "remove one"},
		{"MTA-STS", `_mta-sts.demo.test. TXT "v=STSv1; id=20200101"`, differs, false, "only when the id changes"},
		{"policy", "mta-sts.demo.test. A 192.0.2.1", differs, true, "another machine answers"},
		{"TLS-RPT", `_smtp._tls.demo.test. TXT "v=TLSRPTv1"`, differs, false, "with rua="},
		{"DANE", "_25._tcp.mail.demo.test. TLSA 3 1 1 aabbccddaabbccddaabbccddaabbccddaabbccddaabbccddaabbccddaabbccdd", differs, true, "send nothing"},
		{"CAA", `demo.test. CAA 0 issue "other.example"`, differs, true, `add mail.demo.test. IN CAA 0 issue "letsencrypt.org"`},
		{"imaps", "_imaps._tcp.demo.test. SRV 0 1 143 mail.demo.test.", differs, false, "0 1 993"},
		{"openpgpkey", "openpgpkey.demo.test. A 192.0.2.77\nmail.demo.test. A 192.0.2.1", differs, false, "leads elsewhere"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			by, got := checked(t, s, worldOf(t, dnstest.New(t, c.zone), "version: STSv1\nmode: enforce\nmx: *.other.test\n"), "")
			l := by[c.what]
			if c.what == "DKIM" { // there are two
				l = lookedAt(t, got.out, "s20270101r._domainkey.demo.test")
			}
			if l.Verdict != c.verdict || l.Needed != c.needed || !strings.Contains(l.Fix+" "+l.Record, c.says) {
				t.Errorf("%s\n%+v", c.zone, l)
			}
		})
	}
}

func lookedAt(t testing.TB, text, name string) looked {
	t.Helper()
	var all []looked
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(l looked) bool { return l.Name == name })
	if at < 0 {
		t.Fatalf("nobody looked at %s", name)
	}
	return all[at]
}

// A DNS that fails is neither missing nor well.
func TestDNSCheckUnknown(t *testing.T) {
	t.Parallel()
	s := keyed(t, "demo.test")
	server := dnstest.New(t, "")
	for _, name := range []string{"demo.test", "_dmarc.demo.test", "mail.demo.test"} {
		server.Fault(name, dnstest.ServFail)
	}
	by, got := checked(t, s, worldOf(t, server, ""), "")
	for _, name := range []string{"MX", "SPF", "DMARC", "address"} {
		if l := by[name]; l.Verdict != unknown || l.finding().State != warn {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if got.code != exitFailed {
		t.Error("nobody could tell, and all is well")
	}
	// One record of which nobody can tell is enough, where all others are well.
	if one := (looked{Needed: true, Verdict: unknown}); !lacking([]looked{{Needed: true, Verdict: asWanted}, one}) {
		t.Error("one needed record is not known, and nothing is lacking")
	}
	if lacking([]looked{{Needed: true, Verdict: asWanted}, {Verdict: missing}, {Verdict: differs}, {Verdict: unknown}}) {
		t.Error("what is only good to have is lacking")
	}
}

func TestDNSCheckCommand(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	server := dnstest.New(t, "")
	text := strings.Replace(string(read(t, s.config)), "[queue]", fmt.Sprintf("[dns]\nservers = [%q]\n[queue]", server.Addr), 1)
	s.write(t, "sealpost.toml", []byte(text))
	got := do(t, "", "dns", "check", "other.test", "--config", s.config)
	if got.code != exitFailed || !strings.Contains(got.out, "\nother.test\n") || strings.Contains(got.out, "\ndemo.test\n") || !strings.Contains(got.err, "does not say all") {
		t.Errorf("%+v", got)
	}
	for line := range strings.Lines(got.out) {
		if n := len([]rune(line)); n > pageWidth+1 && !strings.Contains(line, " IN TXT ") {
			t.Errorf("%d letters: %s", n, line)
		}
	}
	fails(t, exitFailed, []string{"nowhere.test is not a domain of this server"}, "dns", "check", "nowhere.test", "--config", s.config)
	if out := must(t, "dns", "records", "OTHER.test", "--config", s.config); !strings.Contains(out, "$ORIGIN other.test.") || !strings.Contains(out, "; mail.demo.test stands in the zone of demo.test.\n") {
		t.Errorf("records of a domain whose server is in another:\n%s", out)
	}
	s.write(t, "sealpost.toml", []byte(strings.Replace(text, `"demo.test", `, "", 1)))
	if out := must(t, "dns", "records", "--config", s.config); !strings.Contains(out, "; mail.demo.test. IN TXT \"v=spf1 a -all\"\n") {
		t.Errorf("records of a domain whose server is in a zone of others:\n%s", out)
	}
}
