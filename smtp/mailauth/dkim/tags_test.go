package dkim_test

import (
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/mailauth/dkim"
)

func TestTags(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a=1; b=2":            "a=1 b=2",
		"a = 1 ;b= 2 3;":      "a=1 b=2 3",
		"a=1;":                "a=1",
		"a=;b=":               "a= b=",
		"a==b=c":              "a==b=c",
		"x_1=ö":               "x_1=ö",
		"":                    "no",
		"a=1;;b=2":            "no",
		";a=1":                "no",
		"a=1; a=2":            "no",
		"a":                   "no",
		"=1":                  "no",
		"1a=1":                "no",
		"a b=1":               "no",
		"a=\x00":              "no",
		"ä=1":                 "no",
		"a=1; b":              "no",
		"a=1; A=2":            "A=2 a=1",
		"a=1;\r\n\tb=2\r\n 3": "a=1 b=2\r\n 3",
	} {
		got, err := dkim.ParseTags(text)
		var words []string
		for _, name := range []string{"A", "a", "b", "x_1"} {
			if v, ok := got[name]; ok {
				words = append(words, name+"="+v)
			}
		}
		found := strings.Join(words, " ")
		if err != nil {
			found = "no"
		}
		if found != want {
			t.Errorf("%q: %q, want %q", text, found, want)
		}
	}
}

func TestKeyName(t *testing.T) {
	t.Parallel()
	for in, want := range map[[2]string]string{
		{"s", "Example.org"}:               "s._domainkey.example.org",
		{"a.b", "example.org"}:             "a.b._domainkey.example.org",
		{"s", "exämple.org"}:               "s._domainkey.xn--exmple-cua.org",
		{"s_1", "a_b.org"}:                 "s_1._domainkey.a_b.org",
		{"", "example.org"}:                "",
		{"s", ""}:                          "",
		{"s", "a..b"}:                      "",
		{"s t", "example.org"}:             "",
		{"s\x00", "a.org"}:                 "",
		{strings.Repeat("s", 64), "a.org"}: "",
	} {
		if got := dkim.KeyName(in[0], in[1]); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzTags(f *testing.F) {
	f.Add("a=1; b=2;")
	f.Add("a=1;;")
	f.Fuzz(func(t *testing.T, text string) {
		tags, err := dkim.ParseTags(text)
		if err != nil {
			return
		}
		for name, value := range tags {
			if name == "" || strings.ContainsAny(name, " ;=") || strings.Contains(value, ";") || strings.Count(text, ";") < len(tags)-1 {
				t.Errorf("%q: %q=%q", text, name, value)
			}
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Add("v=DKIM1; p=")
	f.Add("p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAIWmlgix/84GJ+dfgjm7LTc9EPdfkftlgiPpCq4/kbDAZmU0VvYKDljjleJ1dfvS+CGy9U/kk1tG3EeEvb82xAcCAwEAAQ==")
	f.Fuzz(func(t *testing.T, record string) {
		if k, reason := dkim.ParseKey(record); (k == nil) == (reason == "") {
			t.Errorf("%q: %v and %q", record, k, reason)
		}
	})
}

// FuzzSignature: a field of any content is read, and passes nothing by itself.
func FuzzSignature(f *testing.F) {
	f.Add("v=1; a=rsa-sha256; d=a.org; s=s; h=from; bh=AAAA; b=AAAA")
	f.Add("v=1; a=ed25519-sha256; c=relaxed; d=a.org; s=s; h=From:To; l=9; bh=AAAA; b=AAAA; x=1")
	f.Fuzz(func(t *testing.T, value string) {
		m := strings.NewReader("DKIM-Signature: " + value + "\r\nFrom: a@a.org\r\n\r\nHi.\r\n")
		h, err := mail.ReadHeader(m, 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		found, _ := dkim.Read(h)
		body, err := dkim.HashBody(m, h.End, true, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range found {
			s.Verify(h.Fields, body, dkim.LookUp(t.Context(), records{}, dkim.Names(found)), time.Unix(1e9, 0))
			if s.Result == "" || s.Result == dkim.Pass || s.Reason == "" {
				t.Errorf("%q: %s (%s)", value, s.Result, s.Reason)
			}
		}
	})
}
