package route

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"

	"sealpost/smtp"
)

const (
	maxAddresses = 4 // of one exchanger
	maxAttempts  = 8 // of one Open
	dialTime     = 30 * time.Second
)

// try goes through the exchangers until one session is as it must be. The error
// of a policy outweighs others: it is what somebody has to repair.
func (r *Router) try(ctx context.Context, p plan, wish Wish) (*Session, error) {
	var worst error
	left := maxAttempts
	for _, h := range p.hosts {
		s, err := r.reach(ctx, p, h, wish, &left)
		if err == nil {
			return s, nil
		}
		if worst == nil || errors.Is(err, ErrPolicy) && !errors.Is(worst, ErrPolicy) {
			worst = err
		}
		if left <= 0 || ctx.Err() != nil {
			break
		}
	}
	return nil, worst
}

// reach tries the addresses of one exchanger.
func (r *Router) reach(ctx context.Context, p plan, h host, wish Wish, left *int) (*Session, error) {
	if h.err != nil {
		return nil, &Failure{Host: h.name, Err: h.err}
	}
	d, err := r.demand(ctx, p, h, wish)
	if err != nil {
		return nil, &Failure{Host: h.name, Err: err}
	}
	for _, ip := range inTurn(h.addrs.Records) {
		*left--
		s, e := r.open(ctx, d, ip)
		if e == nil {
			return s, nil
		}
		if f := (&Failure{Host: h.name, Address: ip, Err: e}); err == nil || errors.Is(e, ErrPolicy) {
			err = f
		}
		if *left <= 0 || ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// inTurn mixes IPv6 and IPv4, IPv6 first, each at random: where one family does
// not work the other is next (RFC 5321, section 5.2).
func inTurn(all []netip.Addr) []netip.Addr {
	var six, four, out []netip.Addr
	for _, i := range rand.Perm(len(all)) {
		if all[i].Is4() {
			four = append(four, all[i])
		} else {
			six = append(six, all[i])
		}
	}
	for i := range max(len(six), len(four)) {
		if i < len(six) {
			out = append(out, six[i])
		}
		if i < len(four) {
			out = append(out, four[i])
		}
	}
	return out[:min(len(out), maxAddresses)]
}

// open makes one session with one address, or says why it is not to be.
func (r *Router) open(whole context.Context, d demand, ip netip.Addr) (*Session, error) {
	ctx, stop := context.WithTimeout(whole, r.timeout())
	defer stop()
	s, err := r.greet(ctx, d, ip)
	if err != nil {
		return nil, err
	}
	var seen error
	err = s.StartTLS(ctx, r.config(d, &seen))
	if err == nil {
		return r.secured(s, d, ip, seen)
	}
	absent := declined(err)
	if absent && s.Spent() { // 421: it takes no mail now, with TLS or without
		s.Close()
		return nil, err
	}
	if absent {
		r.tellAt(d, ip, "starttls-not-supported", err)
	} else {
		r.tellAt(d, ip, resultOf(err), err)
	}
	switch {
	case d.encrypt:
		s.Close()
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	case absent:
		return s, nil
	}
	ctx, again := context.WithTimeout(whole, r.timeout()) // a handshake that hangs takes all of one
	defer again()
	return r.greet(ctx, d, ip) // nobody demands TLS, and this one cannot do it
}

// declined says that the session goes on without TLS.
func declined(err error) bool {
	var no *smtp.Refused
	return errors.Is(err, smtp.ErrNoTLS) || errors.As(err, &no) && no.Step == "STARTTLS"
}

// greet begins a session without TLS.
func (r *Router) greet(ctx context.Context, d demand, ip netip.Addr) (*Session, error) {
	conn, err := r.dial(ctx, net.JoinHostPort(ip.String(), strconv.Itoa(r.port())))
	if err != nil {
		return nil, err
	}
	c, err := smtp.Greet(ctx, conn, smtp.ClientOptions{Hostname: r.Hostname})
	if err != nil {
		return nil, err
	}
	return &Session{Client: c, Domain: d.report.Domain, Host: d.report.MX, Address: conn.RemoteAddr(), How: "plain"}, nil
}

func (r *Router) dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, dialTime)
	defer stop()
	if r.Dial != nil {
		return r.Dial(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// secured finishes a session under TLS; seen is what was wrong with its
// certificate, where that does not matter.
func (r *Router) secured(s *Session, d demand, ip netip.Addr, seen error) (*Session, error) {
	s.How, s.Verified = d.how, seen == nil
	_, offered := s.Extensions["REQUIRETLS"]
	s.RequireTLS = s.Verified && d.named && offered
	if d.report.PolicyType == "sts" && seen != nil { // a policy in testing
		r.tellAt(d, ip, resultOf(seen), seen)
	} else {
		r.tellAt(d, ip, "", nil)
	}
	if d.extend && !offered {
		s.Close()
		return nil, fmt.Errorf("%w: %w", ErrPolicy, ErrNoRequireTLS)
	}
	return s, nil
}
