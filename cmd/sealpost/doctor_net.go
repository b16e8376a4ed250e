package main

import (
	"context"
	wire "encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sealpost/config"
	"sealpost/smtp/dns"
)

// wellKnown are domains whose mail servers answer, and are asked whether port 25 is
// open outward: a connection, their greeting, QUIT.
var wellKnown = []string{"gmail.com", "outlook.com"}

// portOut says whether mail can leave.
func (w world) portOut(ctx context.Context, relay string) finding {
	f := finding{Name: "port 25 out", State: well}
	if relay != "" {
		f.Name = "relay"
		if _, err := w.greeting(ctx, relay); err != nil {
			f.State, f.Text, f.Fix = bad, fmt.Sprintf("%s: %v", relay, err), "see outbound.smarthost in the configuration"
			return f
		}
		f.Text = relay + " answers"
		return f
	}
	var tried error
	for _, domain := range wellKnown {
		at, err := w.exchanger(ctx, domain)
		if err == nil {
			if _, err = w.greeting(ctx, at); err == nil {
				f.Text = "open: the mail server of " + domain + " answers"
				return f
			}
			tried = err
		}
	}
	if tried == nil {
		f.State, f.Text, f.Fix = warn, "not tried: no mail server was found in the DNS", "see that dns.servers, or /etc/resolv.conf, name resolvers that answer"
		return f
	}
	f.State, f.Text = bad, fmt.Sprintf("closed: %v", tried)
	f.Fix = "ask the provider of this machine to open it, or send by a relay (outbound.smarthost)"
	return f
}

// exchanger is an address of the best mail server of a domain, IPv4 if it can be.
func (w world) exchanger(ctx context.Context, domain string) (string, error) {
	mx, err := w.dns.MX(ctx, domain)
	if err != nil {
		return "", err
	}
	best := slices.MinFunc(mx.Records, func(a, b dns.MX) int { return int(a.Preference) - int(b.Preference) })
	ip, err := w.dns.IP(ctx, best.Host)
	if err != nil {
		return "", err
	}
	slices.SortStableFunc(ip.Records, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return net.JoinHostPort(ip.Records[0].String(), "25"), nil
}

// lists are DNS lists that many servers ask about who sends to them.
var lists = []string{"zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com"}

// listed says whether others are told to refuse this server's mail.
func (w world) listed(ctx context.Context, settings config.Config) finding {
	f := finding{Name: "blocklists", State: well}
	mine := addressesOf(ctx, settings.Hostname, w)
	if len(mine) == 0 {
		return finding{Name: f.Name, State: warn, Text: "not asked: the public address of this server is not known", Fix: "add its A record"}
	}
	asked := slices.Concat(lists, slices.DeleteFunc(slices.Clone(settings.Screen.Block), func(l string) bool { return slices.Contains(lists, l) }))
	var on, silent []string
	for _, zone := range asked {
		if !w.answers(ctx, zone) {
			silent = append(silent, zone)
			continue
		}
		for _, ip := range mine {
			l, err := w.dns.Listed(ctx, zone, ip.Addr)
			switch {
			case err != nil, l.Refused:
				silent = append(silent, zone)
			case l.Listed():
				on = append(on, fmt.Sprintf("%s is on %s (%s)", ip, zone, orElse(l.Reason, plainList(l.Codes))))
			}
		}
	}
	silent = slices.Compact(silent)
	if f.Text = fmt.Sprintf("on none of %d", len(asked)-len(silent)); len(on) > 0 {
		f.State, f.Text, f.Fix = bad, strings.Join(on, "; "), "many servers refuse its mail: ask the list to take it off, once the reason is gone"
	}
	if len(silent) > 0 {
		f.Text += "; " + strings.Join(silent, ", ") + " did not answer this resolver"
	}
	if len(silent) == len(asked) {
		f.State, f.Text, f.Fix = warn, "no list answers this resolver", "public resolvers are refused: use one of your own (dns.servers)"
	}
	return f
}

// answers says whether a list speaks to this resolver at all: every one has an entry
// for tests (RFC 5782, section 5).
func (w world) answers(ctx context.Context, zone string) bool {
	l, err := w.dns.Listed(ctx, zone, netip.AddrFrom4([4]byte{127, 0, 0, 2}))
	return err == nil && l.Listed()
}

// timeServers are asked what time it is, one after the other.
var timeServers = []string{"time.cloudflare.com:123", "pool.ntp.org:123"}

// clock says whether this machine knows the time.
func (w world) clock(ctx context.Context) finding {
	f := finding{Name: "clock", State: well}
	for _, server := range timeServers {
		off, err := w.offset(ctx, server)
		if err != nil {
			continue
		}
		f.Text = fmt.Sprintf("right to %d ms", off.Abs().Milliseconds())
		switch {
		case off.Abs() > time.Minute:
			f.State = bad
		case off.Abs() > 3*time.Second:
			f.State = warn
		}
		if f.State != well {
			f.Text = fmt.Sprintf("%s %s", brief(off.Abs()), choose(off > 0, "behind", "ahead"))
			f.Fix = "have it set by itself: systemctl enable --now systemd-timesyncd (signatures and certificates depend on it)"
		}
		return f
	}
	return finding{Name: f.Name, State: warn, Text: "not compared: no time server answers on UDP port 123"}
}

// offset is how much later a server's clock is than ours (RFC 5905, section 8).
func (w world) offset(ctx context.Context, server string) (time.Duration, error) {
	ctx, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	conn, err := w.dialName(ctx, "udp", server)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	question := make([]byte, 48)
	question[0] = 4<<3 | 3 // version 4, client
	sent := w.now()
	wire.BigEndian.PutUint64(question[40:], uint64(sent.UnixNano())) // comes back, as a nonce
	if _, err := conn.Write(question); err != nil {
		return 0, err
	}
	answer := make([]byte, 128)
	n, err := conn.Read(answer)
	if err != nil {
		return 0, err
	}
	return readTime(answer[:n], question, sent, w.now())
}

var errNoTime = errors.New("no answer of a time server")

// readTime reads a reply to question, which was sent and came back at these times.
func readTime(answer, question []byte, sent, came time.Time) (time.Duration, error) {
	if len(answer) < 48 || answer[0]&7 != 4 || answer[0]>>6 == 3 || answer[1] == 0 || answer[1] > 15 ||
		string(answer[24:32]) != string(question[40:48]) {
		return 0, errNoTime
	}
	got, left := ntpTime(answer[32:40]), ntpTime(answer[40:48])
	return (got.Sub(sent) + left.Sub(came)) / 2, nil
}

// ntpTime reads seconds since 1900 and their fraction; from 2036 on they start anew.
func ntpTime(b []byte) time.Time {
	seconds := int64(wire.BigEndian.Uint32(b))
	if seconds < 1<<31 {
		seconds += 1 << 32
	}
	const since1900 = 2208988800
	return time.Unix(seconds-since1900, int64(wire.BigEndian.Uint32(b[4:]))*1e9>>32)
}
