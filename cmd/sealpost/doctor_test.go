package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	wire "encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealpost/smtp/dns/dnstest"
)

// farZone is what the rest of the world is asked for.
const farZone = `
gmail.com. MX 5 mx.gmail.com.
mx.gmail.com. A 198.51.100.25
outlook.com. MX 5 mx.outlook.com.
mx.outlook.com. A 198.51.100.26
time.cloudflare.com. A 198.51.100.123
2.0.0.127.zen.spamhaus.org. A 127.0.0.2
2.0.0.127.bl.spamcop.net. A 127.0.0.2
2.0.0.127.psbl.surriel.com. A 127.0.0.2
`

// A far is the world beyond, played on loopback.
type far struct {
	world
	dns  *dnstest.Server
	text string            // of its zone
	open map[string]string // address beyond: address here
}

func newFar(t testing.TB, zone string) *far {
	t.Helper()
	f := &far{dns: dnstest.New(t, farZone+zone), text: farZone + zone, open: map[string]string{}}
	r := f.dns.Resolver()
	f.world = world{
		dns: r, now: time.Now,
		own: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr(ownIP)} },
		has: func(ip netip.Addr) bool { return ip.String() == ownIP },
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if at, ok := f.open[address]; ok {
				address = at
			}
			if !strings.HasPrefix(address, "127.0.0.1:") {
				return nil, &net.OpError{Op: "dial", Net: network, Err: os.ErrDeadlineExceeded}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	return f
}

// mailServer greets whoever comes, in one line.
func mailServer(t testing.TB, line string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	greet(t, l, line)
	return l.Addr().String()
}

func greet(t testing.TB, l net.Listener, line string) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, line)
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
}

// secureMailServer greets whoever comes by TLS from the first byte.
func secureMailServer(t testing.TB, name string) (at string, roots *x509.CertPool) {
	t.Helper()
	cert := filepath.Join(t.TempDir(), "tls.pem")
	if err := issue(template(name, time.Hour), nil, cert, cert+".key"); err != nil {
		t.Fatal(err)
	}
	pair, err := loadPair(cert, cert+".key")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*pair}})
	if err != nil {
		t.Fatal(err)
	}
	greet(t, l, "220 ready\r\n")
	return l.Addr().String(), trust(t, cert).RootCAs
}

// timeServer says a time that is off.
func timeServer(t testing.TB, off time.Duration) string {
	t.Helper()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	go func() {
		b := make([]byte, 128)
		for {
			n, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			p.WriteTo(timeReply(b[:n], time.Now().Add(off)), from)
		}
	}()
	return p.LocalAddr().String()
}

func timeReply(question []byte, now time.Time) []byte {
	r := make([]byte, 48)
	r[0], r[1] = 4<<3|4, 2
	copy(r[24:32], question[40:48])
	seconds := uint64(now.Unix()+2208988800)<<32 | uint64(now.Nanosecond())<<32/1e9
	wire.BigEndian.PutUint64(r[32:], seconds)
	wire.BigEndian.PutUint64(r[40:], seconds)
	return r
}

func examined(t testing.TB, s *site, w world, local bool) (map[string]finding, page, error) {
	t.Helper()
	var out bytes.Buffer
	err := doctorCommand{JSON: true, Local: local}.in(t.Context(), console{nil, &out, &out}, s.settings, w)
	var p page
	if e := json.Unmarshal(out.Bytes(), &p); e != nil {
		t.Fatalf("%v: %s", e, &out)
	}
	by := map[string]finding{}
	for _, f := range p.Findings {
		if old, ok := by[f.Name]; !ok || old.State == well {
			by[f.Name] = f
		}
	}
	return by, p, err
}

// patient is a server, running or not, in a world where all is well, ready to fall ill.
func patient(t testing.TB, run bool) (*site, *far, *server) {
	t.Helper()
	s := newSite(t)
	s.settings.File, s.settings.Domains = s.config, []string{"demo.test"}
	s.write(t, "sealpost.toml", []byte(strings.Replace(string(read(t, s.config)), `, "other.test"`, "", 1)))
	must(t, "domain", "add", "demo.test", "--config", s.config)
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, "--config", s.config)
	var up *server
	if run {
		up = s.running(t)
	}
	f := newFar(t, "")
	var zone bytes.Buffer
	if err := (dnsRecordsCommand{}).in(t.Context(), console{nil, &zone, &zone}, s.settings, f.world); err != nil {
		t.Fatal(err)
	}
	f.set(farZone + reverseZone + zone.String())
	f.roots = trust(t, filepath.Join(s.dir, "ca.pem")).RootCAs
	f.open["198.51.100.25:25"] = mailServer(t, "220 mx.gmail.com ready\r\n")
	f.open["198.51.100.123:123"] = timeServer(t, 0)
	return s, f, up
}

func (s *site) running(t testing.TB) *server {
	t.Helper()
	up := s.serve(t)
	c := &s.settings
	c.SMTP.Listen, c.IMAP.ListenTLS, c.IMAP.Listen = addresses(up.smtpDoors), addresses(up.imapsDoors), addresses(up.imapDoors)
	c.Submission.Listen, c.Submission.ListenTLS = addresses(up.submitDoors), addresses(up.submitsDoors)
	return up
}

func TestDoctorWell(t *testing.T) {
	t.Parallel()
	s, f, _ := patient(t, true)
	by, p, err := examined(t, s, f.world, false)
	for _, name := range []string{"server", "SMTP", "submission", "submissions", "IMAPS", "IMAP", "certificate", "port 25 out", "blocklists", "queue", "keys", "clock", "DNS"} {
		if got := by[name]; got.State != well {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if err != nil || p.Verdict != "Mail flows in and out." {
		t.Errorf("%q, %v", p.Verdict, err)
	}
	var out bytes.Buffer
	if err := (doctorCommand{}).in(t.Context(), console{nil, &out, &out}, s.settings, f.world); err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(line)); n > pageWidth+1 {
			t.Errorf("%d letters: %s", n, line)
		}
	}
	for _, want := range []string{"\nMail comes in\n  ✓ server        runs\n", "\nMail goes out\n", "\nKeys\n", "\nThis machine\n", "\nMail flows in and out.\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if _, p, err := examined(t, s, world{dial: f.dial, now: time.Now, roots: f.roots}, true); err != nil || !strings.Contains(p.Verdict, "nobody outside was asked") {
		t.Errorf("on this machine only: %q, %v", p.Verdict, err)
	}
}

// Each illness is seen, with what to do.
func TestDoctorIll(t *testing.T) {
	t.Parallel()
	s, well, up := patient(t, true)
	for _, c := range []struct {
		name    string
		state   state
		says    string
		verdict string
		harm    func(*site, *far)
	}{
		{"port 25 out", bad, "closed: no answer", "What is sent does not arrive", func(_ *site, f *far) { delete(f.open, "198.51.100.25:25") }},
		{"port 25 out", bad, `it says "554 go away"`, "What is sent does not arrive", func(_ *site, f *far) {
			f.less("outlook", "gone")
			f.open["198.51.100.25:25"] = mailServer(t, "554 go away\r\n")
		}},
		{"port 25 out", warn, "no mail server was found", "", func(_ *site, f *far) {
			f.dns.Fault("gmail.com", dnstest.ServFail)
			f.dns.Fault("outlook.com", dnstest.ServFail)
		}},
		{"relay", bad, "relay.example:587: no answer", "What is sent does not arrive", func(s *site, f *far) {
			s.settings.Outbound.Smarthost = "relay.example:587"
			f.more("relay.example. A 198.51.100.9")
		}},
		{"relay", bad, "relay.example:465: TLS", "What is sent does not arrive", func(s *site, f *far) {
			s.settings.Outbound.Smarthost = "relay.example:465"
			f.more("relay.example. A 198.51.100.9")
			f.open["198.51.100.9:465"] = mailServer(t, "220 in the clear\r\n")
		}},
		{"relay", "ok", "relay.example:465 answers", "", func(s *site, f *far) {
			s.settings.Outbound.Smarthost = "relay.example:465"
			f.more("relay.example. A 198.51.100.9")
			f.open["198.51.100.9:465"], f.roots = secureMailServer(t, "relay.example")
		}},
		{"blocklists", bad, "192.0.2.1 is on zen.spamhaus.org (127.0.0.4)", "What is sent does not arrive", func(_ *site, f *far) { f.more("1.2.0.192.zen.spamhaus.org. A 127.0.0.4") }},
		{"blocklists", "ok", "zen.spamhaus.org did not answer this resolver", "", func(_ *site, f *far) { f.more("2.0.0.127.zen.spamhaus.org. A 127.255.255.254") }},
		{"blocklists", "ok", "on none of 2; zen.spamhaus.org did not answer", "", func(_ *site, f *far) { f.more("1.2.0.192.zen.spamhaus.org. A 127.255.255.255") }},
		{"clock", bad, "5 min behind", "", func(_ *site, f *far) { f.open["198.51.100.123:123"] = timeServer(t, 5*time.Minute+time.Second) }},
		{"clock", warn, "20 s ahead", "", func(_ *site, f *far) {
			f.open["198.51.100.123:123"] = timeServer(t, -20*time.Second-500*time.Millisecond)
		}},
		{"clock", warn, "not compared", "", func(_ *site, f *far) { delete(f.open, "198.51.100.123:123") }},
		{"DNS", bad, "MX missing (demo.test)", "Mail flows neither in nor out", func(_ *site, f *far) { f.less("IN MX ", "gone") }},
		{"DNS", bad, "reverse DNS 192.0.2.1 is nobody", "What is sent does not arrive", func(_ *site, f *far) { f.less(" PTR ", "gone") }},
		{"DNS", warn, "1 record is missing that would help", "", func(_ *site, f *far) { f.less("_smtp._tls", "gone") }},
		{"IMAPS", bad, "connection refused", "Mail does not come in", func(s *site, f *far) { s.settings.IMAP.ListenTLS = []string{"127.0.0.1:1"} }},
		{"SMTP", bad, `it says "* OK`, "Mail does not come in", func(s *site, f *far) { s.settings.SMTP.Listen = addresses(up.imapDoors) }},
		{"certificate", bad, "is for mail.demo.test, demo.test, localhost, not for other.test", "Mail does not come in", func(s *site, f *far) { s.settings.Hostname = "other.test" }},
		{"certificate", warn, "no such authority", "", func(_ *site, f *far) { f.roots = x509.NewCertPool() }},
		{"certificate", bad, "ended on", "", func(_ *site, f *far) { f.now = func() time.Time { return time.Now().AddDate(1, 1, 0) } }},
		{"certificate", warn, "until", "", func(_ *site, f *far) { f.now = func() time.Time { return time.Now().AddDate(0, 0, 360) } }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mine, sick := *s, well.copy(t)
			c.harm(&mine, sick)
			by, p, err := examined(t, &mine, sick.world, false)
			got := by[c.name]
			if got.State != c.state || !strings.Contains(got.Text+got.Fix, c.says) || c.state == bad && got.Fix == "" && c.name != "certificate" {
				t.Errorf("%+v", got)
			}
			if !strings.Contains(p.Verdict, c.verdict) || (err != nil) != ill(p.Findings) {
				t.Errorf("%q, %v", p.Verdict, err)
			}
		})
	}
}

// copy is a world of its own with the same zone.
func (f *far) copy(t testing.TB) *far {
	t.Helper()
	c := newFar(t, "")
	c.set(f.text)
	c.roots = f.roots
	for k, v := range f.open {
		c.open[k] = v
	}
	return c
}

// set replaces the zone, and the resolver, which remembers the old one.
func (f *far) set(zone string) {
	f.text = zone
	f.dns.Set(zone)
	f.world.dns = f.dns.Resolver()
}

// more adds to the zone; a name that is there already is replaced.
func (f *far) more(line string) {
	name, _, _ := strings.Cut(line, " ")
	f.less(name+" ", "gone")
	f.set(f.text + "\n" + line + "\n")
}

// less removes the lines that have a text, but not those that have another.
func (f *far) less(text, but string) {
	var kept strings.Builder
	for line := range strings.Lines(f.text) {
		if !strings.Contains(line, text) || strings.Contains(line, but) {
			kept.WriteString(line)
		}
	}
	f.set(kept.String())
}

func TestDoctorWithoutServer(t *testing.T) {
	t.Parallel()
	s, f, _ := patient(t, false)
	by, p, err := examined(t, s, f.world, false)
	if got := by["server"]; got.State != bad || !strings.Contains(got.Fix, "serve --config") || err == nil || p.Verdict != "Mail does not come in." {
		t.Errorf("%+v, %q, %v", got, p.Verdict, err)
	}
	if by["keys"].State != well || by["queue"].State != well {
		t.Errorf("nobody looked: %+v", by)
	}
	s.settings.Data = filepath.Join(s.dir, "nothing")
	if by, _, _ := examined(t, s, f.world, true); by["server"].State != bad || !strings.Contains(by["server"].Fix, "quickstart") {
		t.Errorf("%+v", by["server"])
	}
	if _, err := os.Stat(s.settings.Data); err == nil {
		t.Error("doctor made a data folder")
	}
}

func TestDoctorFacts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := facts{Waiting: 3, Held: 1, Oldest: now.Add(-2 * time.Hour), Replies: []string{"451 later", "421 busy"}, People: []owned{
		{Address: "a@demo.test", Expires: now.Add(29 * 24 * time.Hour)}, {Address: "b@demo.test", Expires: now.Add(-time.Hour)},
		{Address: "c@demo.test", Trouble: "key is revoked"}, {Address: "d@demo.test"}, {Address: "e@demo.test", Expires: now.Add(31 * 24 * time.Hour)},
	}}
	if q := f.queue(now); q.State != warn || !strings.Contains(q.Text, "3 mails waiting, 1 held, the oldest for 2 h 0 min; others said: 451 later | 421 busy") {
		t.Errorf("%+v", q)
	}
	f.Oldest = now.Add(-25 * time.Hour)
	if q := f.queue(now); q.State != bad {
		t.Errorf("%+v", q)
	}
	keys := f.keys(now)
	if len(keys) != 3 || keys[0].State != warn || keys[1].State != warn || keys[2].State != bad || !strings.Contains(keys[2].Text, "revoked") {
		t.Errorf("%+v", keys)
	}
	if k := (facts{}).keys(now); k[0].State != warn || !strings.Contains(k[0].Text, "no accounts") {
		t.Errorf("%+v", k)
	}
	for _, c := range []struct {
		f    facts
		want state
	}{{facts{NoCore: true, NoSwap: true}, well}, {facts{NoCore: true}, warn}, {facts{NoSwap: true}, warn}} {
		if got := memoryFinding(c.f); got.State != c.want {
			t.Errorf("%+v: %+v", c.f, got)
		}
	}
}

// Revoked and short-lived keys, from real certificates to the page.
func TestDoctorSeesKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	s.settings.File = s.config
	secret, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(read(t, secret)))
	if err != nil {
		t.Fatal(err)
	}
	if err := ring[0].Revoke(3, "gone", nil); err != nil {
		t.Fatal(err)
	}
	var revoked bytes.Buffer
	if err := ring[0].Serialize(&revoked); err != nil {
		t.Fatal(err)
	}
	s.offline(t, func(o *office) {
		a, err := o.find(t.Context(), "ann@demo.test")
		if err != nil {
			t.Fatal(err)
		}
		a.Cert = revoked.Bytes()
		if err := o.accounts.Put(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	})
	f := newFar(t, "")
	by, p, err := examined(t, s, f.world, true)
	if got := by["key"]; err == nil || got.State != bad || !strings.Contains(got.Text, "ann@demo.test: ") || !strings.Contains(got.Text, "revoked") {
		t.Errorf("%+v, %q, %v", got, p.Verdict, err)
	}
}

func TestStrayKeys(t *testing.T) {
	t.Parallel()
	s, f, _ := patient(t, false)
	if err := os.Mkdir(filepath.Join(s.dir, "owner"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write(t, "owner/ann@demo.test.secret.asc", nil)
	by, _, _ := examined(t, s, f.world, true)
	if got := by["secret key"]; got.State != warn || !strings.Contains(got.Fix, "shred -u ") {
		t.Errorf("%+v", got)
	}
}

func FuzzTimeReply(f *testing.F) {
	question := make([]byte, 48)
	now := time.Now()
	f.Add(timeReply(question, now))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		off, err := readTime(answer, question, now, now)
		if err == nil && (len(answer) < 48 || off.Abs() > 200*365*24*time.Hour) {
			t.Errorf("%v from %x", off, answer)
		}
	})
}

func FuzzPolicyText(f *testing.F) {
	f.Add(goodPolicy)
	f.Add("mode:\nmx:*.x\r\nmx")
	f.Fuzz(func(t *testing.T, text string) {
		mode, mx := readPolicy(text)
		if strings.ContainsAny(mode+strings.Join(mx, ""), "\n") {
			t.Errorf("%q, %q", mode, mx)
		}
		for _, pattern := range mx {
			covers(pattern, "mail.demo.test")
		}
	})
}

func TestTimeReply(t *testing.T) {
	t.Parallel()
	question, now := bytes.Repeat([]byte{7}, 48), time.Now()
	for name, harm := range map[string]func(b []byte) []byte{
		"cut": func(b []byte) []byte { return b[:47] }, "a client's": func(b []byte) []byte { b[0] = 4<<3 | 3; return b },
		"unsynchronised": func(b []byte) []byte { b[0] |= 3 << 6; return b }, "kiss of death": func(b []byte) []byte { b[1] = 0; return b },
		"to another": func(b []byte) []byte { b[24]++; return b },
	} {
		if off, err := readTime(harm(timeReply(question, now)), question, now, now); err == nil {
			t.Errorf("%s: taken for %v", name, off)
		}
	}
	later := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	if off, err := readTime(timeReply(question, later.Add(time.Second)), question, later, later); err != nil || off.Round(time.Millisecond) != time.Second {
		t.Errorf("after 2036: %v, %v", off, err)
	}
}
