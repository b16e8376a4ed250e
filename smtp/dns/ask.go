package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"
)

const (
	udpSize    = 1232 // fits every path without fragments (DNS flag day 2020)
	maxServers = 8
	maxStrays  = 64 // datagrams that are no reply of ours, while waiting for one
	timeout    = 10 * time.Second
)

func (r *Resolver) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

// failed is an error that says which kind of question failed, and not for whom.
func failed(qtype uint16, kind, cause error) error {
	return fmt.Errorf("ask for %s: %w: %w", dns.TypeToString[qtype], kind, cause)
}

// ask answers from memory or from the first server that knows.
func (r *Resolver) ask(ctx context.Context, name string, qtype uint16) (found, error) {
	name, err := question(name)
	if err != nil {
		return found{}, failed(qtype, ErrNotFound, err)
	}
	r.start.Do(r.known.open)
	if f, ok := r.known.get(name, qtype, r.now()); ok {
		return f, f.err
	}
	limit := r.Timeout
	if limit <= 0 {
		limit = timeout
	}
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	f, err := r.fromServers(ctx, name, qtype, limit)
	if err != nil {
		return found{name: target(name)}, failed(qtype, ErrTemporary, err)
	}
	r.known.put(name, qtype, f)
	return f, f.err
}

// fromServers asks one server after the other: all with little patience, then
// those that kept silent with the rest of the time. A server that refused is not
// asked again.
func (r *Resolver) fromServers(ctx context.Context, name string, qtype uint16, limit time.Duration) (found, error) {
	servers, err := r.servers()
	if err != nil {
		return found{}, err
	}
	n := time.Duration(len(servers))
	for _, patience := range []time.Duration{limit / 4 / n, limit * 3 / 4 / n} {
		var silent []string
		for _, s := range servers {
			f, e := r.fromServer(ctx, s, name, qtype, patience)
			if e == nil {
				return f, nil
			}
			if err = e; !errors.Is(e, errRefused) {
				silent = append(silent, s)
			}
			if ctx.Err() != nil {
				return found{}, ctx.Err()
			}
		}
		servers = silent
	}
	return found{}, err
}

// errRefused is the reply of a server that cannot or will not tell.
var errRefused = errors.New("server does not tell")

// fromServer asks by UDP, and by TCP what was too long. A server that does not
// know EDNS (RFC 6891, section 7) is asked without it.
func (r *Resolver) fromServer(ctx context.Context, server, name string, qtype uint16, patience time.Duration) (found, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	q := new(dns.Msg).SetQuestion(name, qtype)
	q.AuthenticatedData = r.Trust // RFC 6840, section 5.7
	q.SetEdns0(udpSize, r.Trust)
	reply, err := exchange(ctx, "udp", server, q)
	if err == nil && (reply.Rcode == dns.RcodeFormatError || reply.Rcode == dns.RcodeNotImplemented) {
		q.Extra, q.Id = nil, dns.Id()
		reply, err = exchange(ctx, "udp", server, q)
	}
	if err == nil && reply.Truncated {
		q.Id = dns.Id()
		reply, err = exchange(ctx, "tcp", server, q)
	}
	if err != nil {
		return found{}, err
	}
	return read(reply, r.Trust, r.now())
}

// exchange sends q from a port of its own and waits for the reply to it. A
// datagram with another id or question may be a forger's: it is not even an
// error, the true reply may follow (RFC 5452, section 9).
func exchange(ctx context.Context, network, server string, q *dns.Msg) (*dns.Msg, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return nil, err
		}
	}
	c := &dns.Conn{Conn: conn, UDPSize: udpSize}
	if err := c.WriteMsg(q); err != nil {
		return nil, err
	}
	for range maxStrays {
		m, err := c.ReadMsg()
		if m == nil {
			return nil, err
		}
		if err == nil && answers(m, q) {
			return m, nil
		}
		if network == "tcp" {
			break
		}
	}
	return nil, errors.New("replies to other questions")
}

// answers says whether m is a reply to q.
func answers(m, q *dns.Msg) bool {
	if m.Id != q.Id || !m.Response || m.Opcode != dns.OpcodeQuery {
		return false
	}
	if len(m.Question) == 0 { // some leave it out when they refuse
		return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented
	}
	a, b := m.Question[0], q.Question[0]
	return len(m.Question) == 1 && lower(a.Name) == b.Name && a.Qtype == b.Qtype && a.Qclass == b.Qclass
}
