package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"sealpost/config"
	"sealpost/mail"
	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth"
)

// A plan is what the DNS has to say of one mail domain of this server.
type plan struct {
	Domain    string                // A-labels
	Host      string                // of the server
	HostHere  bool                  // Host stands in the zone of Domain
	HostZone  string                // the domain of this server whose zone it stands in; empty: another's
	Addresses []hostAddr            // of Host, where they are known
	Keys      []dkimRecord          // that sign
	Certs     [][]*x509.Certificate // chains that the server shows, each for some clients
	Authority string                // that issues certificates, as CAA names it; empty: not known
	Relay     string                // host and port by which mail leaves; empty: it leaves from here
	STS       config.MTASTS
	Ports     struct{ IMAPS, SMTPS, Submission, HTTPS int }
}

// dkimRecord is a public key as the DNS has it.
type dkimRecord struct{ Selector, Text string }

// newPlan gathers what settings, keys and certificates say.
func newPlan(ctx context.Context, settings config.Config, domain string, addresses []hostAddr) (plan, error) {
	p := plan{Addresses: addresses, STS: settings.MTASTS, Authority: authority(settings.ACME), Relay: settings.Outbound.Smarthost}
	var err error
	if p.Domain, err = dns.Normal(domain); err != nil {
		return p, fmt.Errorf("%q: %w", domain, err)
	}
	if p.Host, err = dns.Normal(settings.Hostname); err != nil {
		return p, fmt.Errorf("%q: %w", settings.Hostname, err)
	}
	p.HostZone = zoneOf(p.Host, settings.Domains)
	p.HostHere = p.HostZone == p.Domain
	err = inStrongroom(ctx, settings, func(r strongroom) (err error) {
		if p.Keys, err = publicKeys(ctx, r.dkim, canonical(domain)); err != nil {
			return err
		}
		p.Certs, err = certificates(ctx, settings, r.certs)
		return err
	})
	if err != nil {
		return p, err
	}
	p.Ports.IMAPS, p.Ports.SMTPS = firstPort(settings.IMAP.ListenTLS), firstPort(settings.Submission.ListenTLS)
	p.Ports.Submission, p.Ports.HTTPS = firstPort(settings.Submission.Listen), firstPort(settings.HTTP.ListenTLS)
	return p, nil
}

// canonical writes a domain as addresses and the DKIM folder do: in lower case,
// internationalised ones as U-labels.
func canonical(domain string) string {
	if a, err := mail.ParseAddress("postmaster@" + domain); err == nil {
		return a.Domain
	}
	return strings.ToLower(domain)
}

// zoneOf is the longest of the domains that a host is in, A-labels; or nothing.
func zoneOf(host string, domains []string) (zone string) {
	for _, d := range domains {
		if name, err := dns.Normal(d); err == nil && (host == name || strings.HasSuffix(host, "."+name)) && len(name) > len(zone) {
			zone = name
		}
	}
	return zone
}

// authority is the name by which CAA records know an ACME directory.
func authority(c config.ACME) string {
	if !c.On {
		return ""
	}
	u, err := url.Parse(c.Directory)
	if err != nil {
		return ""
	}
	for host, name := range map[string]string{
		"letsencrypt.org": "letsencrypt.org", "zerossl.com": "sectigo.com", "buypass.com": "buypass.com",
		"pki.goog": "pki.goog", "ssl.com": "ssl.com", "actalis.com": "actalis.it",
	} {
		if u.Hostname() == host || strings.HasSuffix(u.Hostname(), "."+host) {
			return name
		}
	}
	return ""
}

// publicKeys are the records of the keys that sign for a domain.
func publicKeys(ctx context.Context, rack keyRack, domain string) (all []dkimRecord, err error) {
	keys, err := signingKeys(ctx, rack, domain)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		text, err := mailauth.Record(k.Private)
		if err != nil {
			return nil, err
		}
		all = append(all, dkimRecord{k.Selector, text})
	}
	return all, nil
}

// certificates are the chains that the server shows: none where an authority has
// issued none yet.
func certificates(ctx context.Context, settings config.Config, certs autocert.Cache) (all [][]*x509.Certificate, err error) {
	texts := map[string][]byte{}
	if settings.ACME.On {
		name := strings.ToLower(settings.Hostname) // as autocert names them
		for _, name := range []string{name, name + "+rsa"} {
			text, err := certs.Get(ctx, name)
			if errors.Is(err, autocert.ErrCacheMiss) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read TLS certificate: %w", err)
			}
			texts[name] = text
		}
	} else {
		text, err := os.ReadFile(settings.TLS.Certificate)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read TLS certificate: %w", err)
		}
		if err == nil {
			texts[settings.TLS.Certificate] = text
		}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		chain, err := chainOf(texts[name])
		if err != nil {
			return nil, fmt.Errorf("read TLS certificate %s: %w", name, err)
		}
		all = append(all, chain)
	}
	return all, nil
}

// chainOf reads the certificates of a PEM file: the leaf, and those above it.
func chainOf(text []byte) (chain []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	return chain, nil
}

// tlsa is a certificate's key in a TLSA record 3 1 1 (RFC 7672, section 3.1.1). It
// stays when the certificate is renewed with the same key, as ours are.
func tlsa(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "3 1 1 " + hex.EncodeToString(sum[:])
}

// stsID is a name for the policy as it is now, so that it changes when that does.
func (p plan) stsID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", p.STS.Mode, p.Host, p.STS.Age/time.Second))
	return hex.EncodeToString(sum[:8])
}

// reportTo is where other servers send reports.
func (p plan) reportTo() string { return "mailto:postmaster@" + p.Domain }
