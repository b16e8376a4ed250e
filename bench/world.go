package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

// The world outside: domains that mail goes to, and domains that it comes from.
const farDomains = 10 // of each kind

// farDomain is a domain elsewhere. Servers of the private ones offer STARTTLS.
func farDomain(i int, private bool) string {
	kind := "open"
	if private {
		kind = "private"
	}
	return fmt.Sprintf("%s%d.far.test", kind, i)
}

// farAddress is where the server of a domain elsewhere listens.
func farAddress(i int, private bool) string {
	net := 1
	if private {
		net = 2
	}
	return fmt.Sprintf("127.0.%d.%d", net, i+1)
}

// A zone is a name server on loopback that answers from a table, and has no
// delay: what is measured is what the askers do.
type zone struct {
	addr    string
	mu      sync.RWMutex
	records map[string][]dns.RR // by lower-case name
	asked   atomic.Int64
	keys    atomic.Int64 // questions for DKIM keys
	udp     *dns.Server
	tcp     *dns.Server
}

// newZone knows the domains that mail goes to.
func newZone() (*zone, error) {
	z := &zone{records: map[string][]dns.RR{}}
	lines := []string{
		"client.bench.test. 3600 IN A 127.0.0.1",
		"1.0.0.127.in-addr.arpa. 3600 IN PTR client.bench.test.",
		"mx.bench.test. 3600 IN A 127.0.0.1",
	}
	for i := range farDomains {
		for _, private := range []bool{false, true} {
			domain := farDomain(i, private)
			lines = append(lines,
				fmt.Sprintf("%s. 3600 IN MX 10 mx.%s.", domain, domain),
				fmt.Sprintf("mx.%s. 3600 IN A %s", domain, farAddress(i, private)))
		}
	}
	return z, z.add(lines...)
}

// add takes records in the form of a zone file.
func (z *zone) add(lines ...string) error {
	for _, line := range lines {
		r, err := dns.NewRR(line)
		if err != nil {
			return fmt.Errorf("zone: %w", err)
		}
		z.put(r)
	}
	return nil
}

func (z *zone) put(r dns.RR) {
	z.mu.Lock()
	defer z.mu.Unlock()
	name := strings.ToLower(r.Header().Name)
	z.records[name] = append(z.records[name], r)
}

func (z *zone) find(name string) (found []dns.RR, exists bool) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	found, exists = z.records[name]
	return found, exists
}

// addText adds a TXT record of any length.
func (z *zone) addText(name, text string) {
	r := &dns.TXT{Hdr: dns.RR_Header{Name: name + ".", Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 3600}}
	for ; len(text) > 255; text = text[255:] {
		r.Txt = append(r.Txt, text[:255])
	}
	r.Txt = append(r.Txt, text)
	z.put(r)
}

// text is what a TXT question finds, for who verifies here.
func (z *zone) text(name string) ([]string, error) {
	var found []string
	records, _ := z.find(strings.ToLower(dns.Fqdn(name)))
	for _, r := range records {
		if t, ok := r.(*dns.TXT); ok {
			found = append(found, strings.Join(t.Txt, ""))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no such record")
	}
	return found, nil
}

// serve answers until close.
func (z *zone) serve() error {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	z.addr = packets.LocalAddr().String()
	conns, err := net.Listen("tcp", z.addr)
	if err != nil {
		return errors.Join(err, packets.Close())
	}
	z.udp, z.tcp = &dns.Server{PacketConn: packets, Handler: z}, &dns.Server{Listener: conns, Handler: z}
	go z.udp.ActivateAndServe()
	go z.tcp.ActivateAndServe()
	return nil
}

func (z *zone) close(ctx context.Context) {
	for _, s := range []*dns.Server{z.udp, z.tcp} {
		if s != nil {
			_ = s.ShutdownContext(ctx)
		}
	}
}

// ServeDNS answers one question. What is not there is said so for an hour
// (RFC 2308, section 5).
func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	z.asked.Add(1)
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	if len(q.Question) == 1 {
		z.answer(m, strings.ToLower(q.Question[0].Name), q.Question[0].Qtype)
	}
	if opt := q.IsEdns0(); opt != nil {
		m.SetEdns0(4096, opt.Do())
	}
	_ = w.WriteMsg(m)
}

func (z *zone) answer(m *dns.Msg, name string, kind uint16) {
	if strings.Contains(name, "._domainkey.") {
		z.keys.Add(1)
	}
	known, exists := z.find(name)
	for _, r := range known {
		if r.Header().Rrtype == kind {
			m.Answer = append(m.Answer, r)
		}
	}
	if len(m.Answer) > 0 {
		return
	}
	if !exists {
		m.Rcode = dns.RcodeNameError
	}
	m.Ns = []dns.RR{&dns.SOA{
		Hdr: dns.RR_Header{Name: "test.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 3600},
		Ns:  "ns.test.", Mbox: "root.test.", Serial: 1, Refresh: 3600, Retry: 3600, Expire: 3600, Minttl: 3600,
	}}
}
