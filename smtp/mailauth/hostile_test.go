package mailauth_test

import (
	"strings"
	"testing"
	"time"

	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

// D08: fields made to be slow. Punycode takes the square of a name's length, and
// no name is longer than 255 octets.
func TestD08SlowFields(t *testing.T) {
	t.Parallel()
	var wide strings.Builder
	for r := rune(0x4e00); wide.Len() < 40_000; r++ {
		wide.WriteRune(r)
	}
	long := wide.String()
	c := checker(dnstest.New(t, ""))
	for name, text := range map[string]string{
		"domain":    "DKIM-Signature: v=1; a=rsa-sha256; d=" + long + "; s=s; h=from; bh=AAAA; b=AAAA\r\n" + letter,
		"selector":  "DKIM-Signature: v=1; a=rsa-sha256; d=a.org; s=" + long + "; h=from; bh=AAAA; b=AAAA\r\n" + letter,
		"identity":  "DKIM-Signature: v=1; a=rsa-sha256; d=a.org; i=@" + long + "; s=s; h=from; bh=AAAA; b=AAAA\r\n" + letter,
		"sealer":    "ARC-Seal: i=1; a=rsa-sha256; cv=fail; d=" + long + "; s=s; b=AAAA\r\nARC-Message-Signature: i=1; x=y\r\nARC-Authentication-Results: i=1; a\r\n" + letter,
		"names":     "DKIM-Signature: v=1; a=rsa-sha256; d=a.org; s=s; h=from" + strings.Repeat(":from", 40_000) + "; bh=AAAA; b=AAAA\r\n" + letter,
		"tags":      "DKIM-Signature: v=1" + strings.Repeat("; a=1", 40_000) + "\r\n" + letter,
		"From":      "From: a@" + long + "\r\nTo: b@example.net\r\n\r\n",
		"From name": "From: " + strings.Repeat("\"", 50_001) + strings.Repeat("(", 50_000) + "<a@b.org>\r\n\r\n",
		"quotes":    "From: " + strings.Repeat("\"\"", 110_000) + "<a@b.org>\r\n\r\n",
		"results":   "Authentication-Results: " + long + "; spf=pass\r\n" + letter,
	} {
		start := time.Now()
		v := check(t, c, session(), text)
		_ = v.AuthenticationResults("mx.example.net")
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s: judging takes %s", name, took)
		}
		for _, s := range v.DKIM {
			if s.Result == mailauth.Pass {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}
