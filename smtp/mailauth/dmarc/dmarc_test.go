package dmarc

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sealpost/smtp/dns/dnstest"
)

// zone is the DNS of these tests. The names say what they are for.
const zone = `
_dmarc.example.com.         TXT "v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:d@example.com"
there.example.com.          A 192.0.2.1
mx.example.com.             MX 1 there.example.com.
_dmarc.own.example.com.     TXT "v=DMARC1; p=none"
_dmarc.dept.example.com.    TXT "v=DMARC1; p=quarantine; psd=n"
_dmarc.test.example.        TXT "v=DMARC1; p=reject; t=y"
_dmarc.testq.example.       TXT "v=DMARC1; p=quarantine; t=y"
_dmarc.strict.example.      TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
_dmarc.two.example.         TXT "v=DMARC1; p=reject"
_dmarc.two.example.         TXT "v=DMARC1; p=none"
_dmarc.noise.example.       TXT "v=spf1 -all"
_dmarc.noise.example.       TXT "v=DMARC1; p=" "reject"
_dmarc.two.parent.example.  TXT "v=DMARC1; p=none"
_dmarc.two.parent.example.  TXT "v=DMARC1; p=none"
_dmarc.parent.example.      TXT "v=DMARC1; p=reject"
_dmarc.broken.example.      TXT "v=DMARC1; p=rejected"
_dmarc.mute.example.        TXT "v=DMARC1; p=rejected; rua=mailto:d@mute.example"
_dmarc.bank.                TXT "v=DMARC1; p=reject; np=reject; sp=none; psd=y"
acme.bank.                  A 192.0.2.2
_dmarc.has.bank.            TXT "v=DMARC1; p=quarantine"
_dmarc.self.suffix.         TXT "v=DMARC1; p=quarantine; psd=y"
_dmarc.deep.example.        TXT "v=DMARC1; p=quarantine"
_dmarc.xn--bcher-kva.example. TXT "v=DMARC1; p=reject"
`

func TestEvaluate(t *testing.T) {
	t.Parallel()
	r := dnstest.New(t, zone).Resolver()
	ids := func(from, spf string, dkim ...string) Identifiers {
		return Identifiers{From: from, SPF: spf, DKIM: dkim}
	}
	for name, c := range map[string]struct {
		ids  Identifiers
		want string // result policy disposition domain org aligned
	}{
		"the same domain by DKIM":        {ids("example.com", "", "example.com"), "pass reject none example.com example.com dkim"},
		"the same domain by SPF":         {ids("EXAMPLE.com.", "Example.Com"), "pass reject none example.com example.com spf"},
		"relaxed, below":                 {ids("example.com", "bounce.example.com", "x.y.example.com"), "pass reject none example.com example.com spf dkim"},
		"relaxed, above":                 {ids("own.example.com", "", "example.com"), "pass none none own.example.com example.com dkim"},
		"relaxed, beside":                {ids("own.example.com", "there.example.com"), "pass none none own.example.com example.com spf"},
		"another domain":                 {ids("example.com", "evil.test", "evil.test"), "fail reject reject example.com example.com"},
		"a name that ends alike":         {ids("example.com", "", "badexample.com"), "fail reject reject example.com example.com"},
		"only the suffix in common":      {ids("example.com", "", "com", "other.com"), "fail reject reject example.com example.com"},
		"nothing passed":                 {ids("example.com", ""), "fail reject reject example.com example.com"},
		"sp where the name exists":       {ids("there.example.com", ""), "fail quarantine quarantine example.com example.com"},
		"sp where it has only mail":      {ids("mx.example.com", ""), "fail quarantine quarantine example.com example.com"},
		"np where it does not":           {ids("ghost.example.com", ""), "fail reject reject example.com example.com"},
		"an own record wins":             {ids("own.example.com", ""), "fail none none own.example.com example.com"},
		"psd=n ends the walk":            {ids("dept.example.com", "", "example.com"), "fail quarantine quarantine dept.example.com dept.example.com"},
		"psd=n above From":               {ids("a.dept.example.com", "", "dept.example.com"), "pass quarantine none dept.example.com dept.example.com dkim"},
		"psd=n above the signer":         {ids("example.com", "", "a.dept.example.com"), "fail reject reject example.com example.com"},
		"t lowers reject":                {ids("test.example", ""), "fail reject quarantine test.example test.example"},
		"t lowers quarantine":            {ids("testq.example", ""), "fail quarantine none testq.example testq.example"},
		"strict and equal":               {ids("strict.example", "strict.example"), "pass reject none strict.example strict.example spf"},
		"strict and below":               {ids("strict.example", "a.strict.example", "b.strict.example"), "fail reject reject strict.example strict.example"},
		"two records are none":           {ids("two.example", ""), "none none none  "},
		"two records, and one above":     {ids("two.parent.example", ""), "fail reject reject parent.example parent.example"},
		"other texts do not count":       {ids("noise.example", ""), "fail reject reject noise.example noise.example"},
		"no policy, nobody to tell":      {ids("broken.example", "broken.example"), "permerror none none broken.example broken.example"},
		"no policy, somebody to tell":    {ids("mute.example", ""), "fail none none mute.example mute.example"},
		"the suffix's np":                {ids("no.such.bank", ""), "fail reject reject bank such.bank"},
		"the suffix's sp":                {ids("acme.bank", ""), "fail none none bank acme.bank"},
		"neighbours under a suffix":      {ids("acme.bank", "", "evil.bank", "bank"), "fail none none bank acme.bank"},
		"one's own below a suffix":       {ids("acme.bank", "mail.acme.bank"), "pass none none bank acme.bank spf"},
		"the suffix is not asked":        {ids("a.has.bank", ""), "fail quarantine quarantine has.bank has.bank"},
		"a suffix that sends":            {ids("self.suffix", "self.suffix"), "pass quarantine none self.suffix self.suffix spf"},
		"nothing published":              {ids("nobody.test", "nobody.test"), "none none none  "},
		"U-labels":                       {ids("bücher.example", "", "xn--bcher-kva.example"), "pass reject none xn--bcher-kva.example xn--bcher-kva.example dkim"},
		"more than eight labels":         {ids("a.b.c.d.e.f.g.h.deep.example", "", "deep.example"), "pass quarantine none deep.example deep.example dkim"},
		"an address literal":             {ids("[192.0.2.1]", ""), "none none none  "},
		"an empty label":                 {ids("a..example.com", ""), "none none none  "},
		"no domain":                      {ids("", ""), "none none none  "},
		"unsure, but another one passed": {Identifiers{From: "example.com", SPF: "example.com", Unsure: true}, "pass reject none example.com example.com spf"},
		"unsure":                         {Identifiers{From: "example.com", Unsure: true}, "temperror reject none example.com example.com"},
		"in doubt of an own domain":      {Identifiers{From: "example.com", Unsure: true, Doubtful: []string{"a.example.com"}}, "temperror reject none example.com example.com"},
		// D08: a signature by a domain that is broken on purpose excuses nothing.
		"in doubt of another domain": {Identifiers{From: "example.com", Unsure: true, Doubtful: []string{"evil.test"}}, "fail reject reject example.com example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := Evaluate(context.Background(), r, c.ids)
			got := fmt.Sprint(v.Result, " ", v.Policy, " ", v.Disposition, " ", v.Domain, " ", v.Org)
			if v.SPFAligned {
				got += " spf"
			}
			if v.DKIMAligned {
				got += " dkim"
			}
			if got != c.want {
				t.Errorf("got  %s (%s)\nwant %s", got, v.Reason, c.want)
			}
			if v.Domain != "" && v.Subdomain != (v.Domain != strings.TrimSuffix(strings.ToLower(c.ids.From), ".") && c.ids.From != "bücher.example") {
				t.Errorf("Subdomain is %v", v.Subdomain)
			}
		})
	}
}

// TestDNSFailures: what nobody could tell is temperror, unless it does not matter.
func TestDNSFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails []string
		ids   Identifiers
		want  string
	}{
		"the record of From":            {[]string{"_dmarc.example.com."}, Identifiers{From: "example.com"}, "temperror none later"},
		"a record above":                {[]string{"_dmarc.example.com."}, Identifiers{From: "x.example.com", SPF: "x.example.com"}, "temperror none"},
		"above one's own, equal":        {[]string{"_dmarc.example.com."}, Identifiers{From: "own.example.com", SPF: "own.example.com"}, "pass none"},
		"above one's own, not equal":    {[]string{"_dmarc.example.com."}, Identifiers{From: "own.example.com", SPF: "example.com"}, "temperror none"},
		"above strict":                  {[]string{"_dmarc.example."}, Identifiers{From: "strict.example", SPF: "a.strict.example"}, "fail reject"},
		"the signer's":                  {[]string{"_dmarc.s.example.com."}, Identifiers{From: "example.com", DKIM: []string{"s.example.com"}}, "temperror none later"},
		"the signer's, another signed":  {[]string{"_dmarc.s.example.com."}, Identifiers{From: "example.com", DKIM: []string{"s.example.com", "example.com"}}, "pass none"},
		"a signer's who does not count": {[]string{"_dmarc.evil.test."}, Identifiers{From: "example.com", DKIM: []string{"evil.test"}}, "fail reject"},
		"whether From exists":           {[]string{"ghost.example.com."}, Identifiers{From: "ghost.example.com"}, "temperror none later"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dnstest.New(t, zone)
			for _, f := range c.fails {
				s.Fault(f, dnstest.ServFail)
			}
			v := Evaluate(context.Background(), s.Resolver(), c.ids)
			got := v.Result + " " + v.Disposition
			if v.Later {
				got += " later"
			}
			if got != c.want {
				t.Errorf("got %s (%s), want %s", got, v.Reason, c.want)
			}
		})
	}
}

// TestEightQuestions: nobody makes us ask more by a longer name (ATTACKS D08).
func TestEightQuestions(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone)
	long := strings.Repeat("x.", 100) + "deep.example"
	if v := Evaluate(context.Background(), s.Resolver(), Identifiers{From: long}); v.Domain != "deep.example" {
		t.Errorf("found %q", v.Domain)
	}
	labels := strings.Split(long, ".")
	asked := 0
	for n := 1; n <= len(labels); n++ {
		asked += s.Asked("_dmarc." + last(labels, n) + ".")
	}
	if asked != 8 {
		t.Errorf("%d questions for one walk", asked)
	}
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	r := dnstest.New(t, zone).Resolver()
	for name, want := range map[string]string{
		"a.b.example.com": "example.com", "x.dept.example.com": "dept.example.com", "a.b.bank": "b.bank",
		"nobody.test": "nobody.test", "[192.0.2.1]": "[192.0.2.1]",
	} {
		if got, err := Organization(context.Background(), r, name); got != want || err != nil {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}
