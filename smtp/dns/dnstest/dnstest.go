// Package dnstest is a name server for tests: it listens on the loopback by UDP
// and TCP, serves one zone, and breaks in the ways it is told to.
package dnstest

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"sealpost/smtp/dns"
)

// Fault is a way in which the server treats questions for a name.
type Fault int

const (
	ServFail Fault = iota + 1 // as a validating resolver does for a bogus signature
	Refused                   // not a client of ours
	Silent                    // no reply at all
	Lie                       // replies with a wrong id, a wrong question, and garbage; never a true one
	Forge                     // first a forged datagram with a wrong id, then the true reply
	Truncate                  // by UDP only the TC bit; by TCP the reply
	Cut                       // the TC bit by UDP and TCP
	Slow                      // the reply comes after Server.Delay
	Insecure                  // without the AD bit, whatever Secure says
	Boast                     // with the AD bit, asked for or not
	Referral                  // points to other servers, as who does not recurse
)

// Server is a resolver that knows one zone. Its AD bit is on from the start, in
// replies to those who ask for it.
type Server struct {
	Addr  string        // host:port, the same for UDP and TCP
	Delay time.Duration // of Slow; set before the first question

	t      testing.TB
	mu     sync.Mutex
	zone   map[string][]mdns.RR // by owner, lower case, with last dot
	faults map[string]Fault     // by owner, or owner and type
	asked  map[string]int       // the same
	secure bool
}

// New serves zone, text in master-file form (RFC 1035, section 5) under the
// origin ".", with a TTL of 300 where none is given, until the test ends. A
// wildcard owner matches what does not exist.
func New(t testing.TB, zone string) *Server {
	t.Helper()
	s := &Server{t: t, faults: map[string]Fault{}, asked: map[string]int{}, secure: true, Delay: 200 * time.Millisecond}
	s.Set(zone)
	packets, stream := listen(t)
	s.Addr = stream.Addr().String()
	for _, d := range []*mdns.Server{{PacketConn: packets}, {Listener: stream}} {
		ready := make(chan struct{})
		d.Handler, d.NotifyStartedFunc = mdns.HandlerFunc(s.serve), func() { close(ready) }
		go d.ActivateAndServe()
		<-ready
		t.Cleanup(func() { d.Shutdown() })
	}
	return s
}

// listen finds a port that is free for both.
func listen(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return p, l
		}
		l.Close()
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

// Resolver asks this server and trusts it.
func (s *Server) Resolver() *dns.Resolver {
	return &dns.Resolver{Servers: []string{s.Addr}, Trust: true, Timeout: 2 * time.Second}
}

// Set replaces the zone. Resolvers may still remember the old one.
func (s *Server) Set(zone string) {
	s.t.Helper()
	parsed := map[string][]mdns.RR{}
	p := mdns.NewZoneParser(strings.NewReader(zone+"\n"), ".", "")
	p.SetDefaultTTL(300)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rr = s.asSent(rr)
		owner := strings.ToLower(rr.Header().Name)
		parsed[owner] = append(parsed[owner], rr)
	}
	if err := p.Err(); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.zone = parsed
	s.mu.Unlock()
}

// asSent gives rr the spelling that it has when it is read from the wire.
func (s *Server) asSent(rr mdns.RR) mdns.RR {
	buf := make([]byte, mdns.MaxMsgSize)
	n, err := mdns.PackRR(rr, buf, 0, nil, false)
	if err == nil {
		rr, _, err = mdns.UnpackRR(buf[:n], 0)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return rr
}

// Fault sets what happens to questions for name, of all types or of those given;
// 0 ends it.
func (s *Server) Fault(name string, f Fault, types ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys(name, types) {
		s.faults[k] = f
	}
}

// Secure turns the AD bit on or off.
func (s *Server) Secure(on bool) {
	s.mu.Lock()
	s.secure = on
	s.mu.Unlock()
}

// Asked is how often name was asked for, with all types or the one given.
func (s *Server) Asked(name string, types ...string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys(name, types) {
		n += s.asked[k]
	}
	return n
}

func keys(name string, types []string) []string {
	name = mdns.CanonicalName(name)
	if len(types) == 0 {
		return []string{name}
	}
	var all []string
	for _, t := range types {
		all = append(all, name+" "+t)
	}
	return all
}

// serve counts the question and treats it as the faults say.
func (s *Server) serve(w mdns.ResponseWriter, q *mdns.Msg) {
	name, kind := strings.ToLower(q.Question[0].Name), mdns.TypeToString[q.Question[0].Qtype]
	s.mu.Lock()
	s.asked[name]++
	s.asked[name+" "+kind]++
	f := s.faults[name+" "+kind]
	if f == 0 {
		f = s.faults[name]
	}
	m := s.answer(q)
	s.mu.Unlock()
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	s.reply(w, m, f, udp)
}

func (s *Server) reply(w mdns.ResponseWriter, m *mdns.Msg, f Fault, udp bool) {
	switch {
	case f == Silent:
		return
	case f == Slow:
		time.Sleep(s.Delay)
	case f == ServFail:
		m = empty(m, mdns.RcodeServerFailure)
	case f == Refused:
		m = empty(m, mdns.RcodeRefused)
	case f == Truncate && udp, f == Cut:
		m = empty(m, mdns.RcodeSuccess)
		m.Truncated = true
	case f == Insecure, f == Boast:
		m.AuthenticatedData = f == Boast
	case f == Referral:
		m = empty(m, mdns.RcodeSuccess)
		m.RecursionAvailable = false
		m.Ns = []mdns.RR{&mdns.NS{Hdr: mdns.RR_Header{Name: ".", Rrtype: mdns.TypeNS, Class: mdns.ClassINET, Ttl: 300}, Ns: "a.invalid."}}
	case f == Lie:
		lie(w, m)
		return
	case f == Forge:
		forged := m.Copy()
		forged.Id++
		forged.Answer = nil
		w.WriteMsg(forged)
	}
	if udp && f != Truncate && f != Cut {
		size := mdns.MinMsgSize
		if o := m.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		m.Truncate(size)
	}
	w.WriteMsg(m)
}

func empty(m *mdns.Msg, rcode int) *mdns.Msg {
	e := m.Copy()
	e.Rcode, e.Answer, e.Ns, e.AuthenticatedData = rcode, nil, nil, false
	return e
}

// lie sends what must not be taken for the answer.
func lie(w mdns.ResponseWriter, m *mdns.Msg) {
	id := m.Copy()
	id.Id++
	w.WriteMsg(id)
	other := m.Copy()
	other.Question[0].Name = "other.invalid."
	w.WriteMsg(other)
	question := m.Copy()
	question.Response = false
	w.WriteMsg(question)
	w.Write([]byte("no message"))
}

// answer is the true reply. The lock is held.
func (s *Server) answer(q *mdns.Msg) *mdns.Msg {
	m := new(mdns.Msg).SetReply(q)
	m.RecursionAvailable = true
	wants := q.AuthenticatedData
	if o := q.IsEdns0(); o != nil {
		m.SetEdns0(max(o.UDPSize(), mdns.MinMsgSize), o.Do())
		wants = wants || o.Do()
	}
	m.AuthenticatedData = s.secure && wants
	owner := strings.ToLower(q.Question[0].Name)
	for range 20 {
		records, exists := s.lookup(owner)
		if !exists {
			m.Rcode = mdns.RcodeNameError
			break
		}
		next := ""
		for _, rr := range records {
			switch h := rr.Header(); {
			case h.Rrtype == q.Question[0].Qtype:
				m.Answer = append(m.Answer, rr)
			case h.Rrtype == mdns.TypeCNAME:
				m.Answer = append(m.Answer, rr)
				next = strings.ToLower(rr.(*mdns.CNAME).Target)
			}
		}
		if next == "" {
			break
		}
		owner = next
	}
	if !slices.ContainsFunc(m.Answer, func(rr mdns.RR) bool { return rr.Header().Rrtype == q.Question[0].Qtype }) {
		m.Ns = []mdns.RR{soa}
	}
	return m
}

var soa = &mdns.SOA{
	Hdr: mdns.RR_Header{Name: ".", Rrtype: mdns.TypeSOA, Class: mdns.ClassINET, Ttl: 60},
	Ns:  "a.invalid.", Mbox: "b.invalid.", Serial: 1, Refresh: 1, Retry: 1, Expire: 1, Minttl: 60,
}

// lookup finds the records of owner, by a wildcard too, and says whether the
// name exists, if only above others.
func (s *Server) lookup(owner string) ([]mdns.RR, bool) {
	if rrs, ok := s.zone[owner]; ok {
		return rrs, true
	}
	for other := range s.zone {
		if mdns.IsSubDomain(owner, other) {
			return nil, true
		}
	}
	labels := mdns.SplitDomainName(owner)
	for i := 1; i < len(labels); i++ {
		if rrs, ok := s.zone["*."+mdns.Fqdn(strings.Join(labels[i:], "."))]; ok {
			var out []mdns.RR
			for _, rr := range rrs {
				c := mdns.Copy(rr)
				c.Header().Name = owner
				out = append(out, c)
			}
			return out, true
		}
	}
	return nil, false
}
