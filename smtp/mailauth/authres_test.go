package mailauth_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/authres"
	"pgregory.net/rapid"

	"sealpost/mail"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

func TestAuthenticationResults(t *testing.T) {
	t.Parallel()
	v := check(t, checker(dnstest.New(t, zone(t))), session(), sign(t, signer(), letter))
	v.DKIM[0].Value, v.DKIM[1].Value = "AAAAAAAAAA", "BBBBBBBBBB"
	want := "Authentication-Results: mx.example.net;\r\n" +
		"\tiprev=pass policy.iprev=192.0.2.1 policy.name=mx.example.org;\r\n" +
		"\tspf=pass smtp.mailfrom=example.org;\r\n" +
		"\tspf=pass smtp.helo=mx.example.org;\r\n" +
		"\tdkim=pass header.d=example.org header.s=r header.i=@example.org\r\n\theader.a=rsa-sha256 header.b=AAAAAAAA;\r\n" +
		"\tdkim=pass header.d=example.org header.s=e header.i=@example.org\r\n\theader.a=ed25519-sha256 header.b=BBBBBBBB;\r\n" +
		"\tarc=none smtp.remote-ip=192.0.2.1;\r\n" +
		"\tdmarc=pass header.from=example.org policy.dmarc=none\r\n"
	got := v.AuthenticationResults("mx.example.net")
	if reasonless(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := (mailauth.Verdict{}).AuthenticationResults("mx.example.net"); got != "Authentication-Results: mx.example.net; none\r\n" {
		t.Errorf("of nothing: %q", got)
	}
}

// reasonless leaves out what others may word as they like.
func reasonless(s string) string {
	for {
		head, rest, ok := strings.Cut(s, " reason=\"")
		if !ok {
			return s
		}
		_, tail, _ := strings.Cut(rest, "\"")
		s = head + tail
	}
}

func TestReasonsAndWideDomains(t *testing.T) {
	t.Parallel()
	v := mailauth.Verdict{
		SPF:  mailauth.SPF{Result: mailauth.Fail, Domain: "exämple.org", Reason: "matched all"},
		DKIM: []mailauth.DKIM{{Result: mailauth.Fail, Domain: "exämple.org", Selector: "s\"; dkim=pass", Identity: "jöe@exämple.org", Reason: "body was changed"}},
	}
	got := v.AuthenticationResults("mx.example.net")
	for _, want := range []string{"smtp.mailfrom=xn--exmple-cua.org", `reason="body was changed"`, `header.i="jöe@xn--exmple-cua.org"`, `header.s="s\"; dkim=pass"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %s", want, got)
		}
	}
}

// Whatever stands in a mail, nothing in it ends a value or a line of the field.
func TestNothingIsInjected(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nasty := rapid.OneOf(rapid.StringOf(rapid.RuneFrom([]rune("a;=\"\\()\r\n\t\x00@.é?"))), rapid.String())
		text := func() string { return nasty.Draw(t, "text") }
		v := mailauth.Verdict{
			IPRev: mailauth.IPRev{Result: mailauth.Pass, IP: netip.MustParseAddr("2001:db8::1"), Name: text()},
			SPF:   mailauth.SPF{Result: mailauth.Pass, Domain: text()},
			Helo:  mailauth.SPF{Result: mailauth.Fail, Domain: text(), Helo: true, Reason: text()},
			DKIM:  []mailauth.DKIM{{Result: mailauth.Fail, Domain: text(), Selector: text(), Identity: text(), Algorithm: text(), Value: text(), Reason: text()}},
			ARC:   mailauth.ARC{Result: mailauth.Fail, Sealer: text(), Reason: text()},
			From:  &mail.Address{Local: "a", Domain: text()},
		}
		v.DMARC.Result, v.DMARC.Reason = "fail", text()
		field := v.AuthenticationResults("mx.example.net")
		results := unquotedParts(t, field)
		if want := []string{"mx.example.net", "iprev=pass", "spf=pass", "spf=fail", "dkim=fail", "arc=fail", "dmarc=fail"}; strings.Join(results, " ") != strings.Join(want, " ") {
			t.Fatalf("%q reads as %q", field, results)
		}
	})
}

// unquotedParts splits a field at the semicolons outside of quotes, and returns
// the first word of each part. It checks lines on the way.
func unquotedParts(t *rapid.T, field string) []string {
	lines := strings.Split(strings.TrimSuffix(field, "\r\n"), "\r\n")
	for i, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00") || i > 0 && line[0] != '\t' || len(line) > 998 {
			t.Fatalf("line %d: %q", i, line)
		}
	}
	_, body, _ := strings.Cut(strings.Join(lines, ""), ":")
	var parts []string
	start, quoted := 0, false
	for i := 0; i <= len(body); i++ {
		switch {
		case i == len(body) || body[i] == ';' && !quoted:
			parts = append(parts, strings.Fields(body[start:i])[0])
			start = i + 1
		case body[i] == '\\' && quoted:
			i++
		case body[i] == '"':
			quoted = !quoted
		case (body[i] == '(' || body[i] == ')') && !quoted:
			t.Fatalf("a bare parenthesis: %q", body)
		}
	}
	if quoted {
		t.Fatalf("an open quote: %q", body)
	}
	return parts
}

// Another's parser reads what we write.
func TestGoMsgauthReadsResults(t *testing.T) {
	t.Parallel()
	v := check(t, checker(dnstest.New(t, zone(t))), session(), sign(t, signer(), letter))
	_, value, _ := strings.Cut(v.AuthenticationResults("mx.example.net"), ":")
	id, results, err := authres.Parse(strings.ReplaceAll(value, "\r\n", ""))
	if err != nil || id != "mx.example.net" {
		t.Fatalf("%q, %v", id, err)
	}
	found := map[string]bool{}
	for _, r := range results {
		switch r := r.(type) {
		case *authres.SPFResult:
			found["spf"] = r.Value == authres.ResultPass && r.From+r.Helo != ""
		case *authres.DKIMResult:
			found["dkim"] = r.Value == authres.ResultPass && r.Domain == "example.org"
		case *authres.DMARCResult:
			found["dmarc"] = r.Value == authres.ResultPass && r.From == "example.org"
		case *authres.ARCResult:
			found["arc"] = r.Value == authres.ResultNone
		case *authres.IPRevResult:
			found["iprev"] = r.Value == authres.ResultPass && r.IP == "192.0.2.1"
		}
	}
	if len(found) != 5 || !found["spf"] || !found["dkim"] || !found["dmarc"] || !found["arc"] || !found["iprev"] {
		t.Errorf("read as %v of %+v", found, results)
	}
}
