package route

import (
	"testing"
	"time"

	"sealpost/smtp/dns/dnstest"
)

// ATTACKS D05: who stands between us and a domain that asks for TLS can hold
// mail back, but gets none, and the domain is told.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	evil := func(w *world) string {
		w.listen("192.0.2.66:25", &peer{cert: w.ca.issue(long, "mx.evil.example")})
		return "sts.example. IN MX 1 mx.evil.example.\nmx.evil.example. IN A 192.0.2.66\n"
	}
	for name, c := range map[string]struct {
		attack func(*world, *peer)
		told   string
	}{
		"STARTTLS stripped":     {func(_ *world, p *peer) { p.noTLS = true }, "sts starttls-not-supported"},
		"STARTTLS refused":      {func(_ *world, p *peer) { p.no454 = true }, "sts starttls-not-supported"},
		"handshake disturbed":   {func(_ *world, p *peer) { p.broken = true }, "sts validation-failure"},
		"own certificate":       {func(w *world, p *peer) { p.cert = selfSigned(w.ca) }, "sts certificate-host-mismatch"},
		"certificate of before": {func(w *world, p *peer) { p.cert = w.ca.issue(-time.Hour, "mx.sts.example") }, "sts certificate-expired"},
		"fake MX": {func(w *world, _ *peer) {
			w.names.Set(evil(w) + "mta-sts.sts.example. IN A 192.0.2.80\n" + announced)
		}, "sts validation-failure"},
		"fake MX, record gone": {func(w *world, _ *peer) { w.names.Set(evil(w)) }, "sts validation-failure"},
		"fake address": {func(w *world, _ *peer) {
			w.names.Set(evil(w) + announced + "sts.example. IN MX 0 mx.sts.example.\nmx.sts.example. IN A 192.0.2.66\n")
		}, "sts certificate-host-mismatch, sts validation-failure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p, _ := stsWorld(t, enforced)
			w.expect("sts.example", Usual, "mta-sts", "sts ok", nil)
			c.attack(w, p)
			w.later(2 * time.Hour) // the resolver's memory has ended
			w.expect("sts.example", Usual, "", c.told, ErrPolicy)
		})
	}
}

// The same where DNSSEC holds: the attacker cannot change the zone, but keep
// parts of it from us.
func TestDowngradeDANE(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attack func(*world, *peer)
		told   string
	}{
		"STARTTLS stripped": {func(_ *world, p *peer) { p.noTLS = true }, "tlsa starttls-not-supported"},
		"a WebPKI certificate": {func(w *world, p *peer) { p.cert = w.ca.issue(long, "mx.dane.example") },
			"tlsa validation-failure"},
		"records kept away": {func(w *world, _ *peer) { w.names.Fault("_25._tcp.mx.dane.example", dnstest.Silent) }, "tlsa dnssec-invalid"},
		"records bogus":     {func(w *world, _ *peer) { w.names.Fault("_25._tcp.mx.dane.example", dnstest.ServFail) }, "tlsa dnssec-invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, daneZone)
			p := w.listen("192.0.2.1:25", &peer{cert: selfSigned(w.ca)})
			w.records("_25._tcp.mx.dane.example.", daneZone, tlsa311(p.cert))
			w.expect("dane.example", Usual, "dane", "tlsa ok", nil)
			c.attack(w, p)
			w.later(2 * time.Hour)
			w.expect("dane.example", Usual, "", c.told, ErrPolicy)
		})
	}
}

// A policy that ended while it could not be fetched again: whoever blocks the
// fetch has to do it for days, and is reported each time.
func TestExpiredPolicy(t *testing.T) {
	t.Parallel()
	w, p, server := stsWorld(t, enforced)
	w.expect("sts.example", Usual, "mta-sts", "sts ok", nil)
	p.noTLS = true
	server.set(func(p *policyServer) { p.status = 503 })
	w.later(7*24*time.Hour - time.Minute)
	w.expect("sts.example", Usual, "", "sts sts-policy-fetch-error, sts starttls-not-supported", ErrPolicy)
	w.later(2 * time.Minute)
	w.expect("sts.example", Usual, "", "sts sts-policy-fetch-error", ErrPolicy)
	w.later(grace - time.Hour)
	w.expect("sts.example", Usual, "", "sts sts-policy-fetch-error", ErrPolicy)
	w.later(2 * time.Hour)
	w.expect("sts.example", Usual, "plain", "sts sts-policy-fetch-error, no-policy-found starttls-not-supported", nil)

	// Its owner gave MTA-STS up: the record is gone and the policy has ended.
	w, p, _ = stsWorld(t, enforced)
	w.expect("sts.example", Usual, "mta-sts", "sts ok", nil)
	p.noTLS = true
	w.names.Set(stsZone)
	w.later(7*24*time.Hour + time.Minute)
	w.expect("sts.example", Usual, "plain", "no-policy-found starttls-not-supported", nil)
}
