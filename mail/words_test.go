package mail

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain text", "plain text"},
		{"=?utf-8?Q?caf=C3=A9_au?= lait", "café au lait"},
		{"=?UTF-8?b?Y2Fmw6k=?=", "café"},
		{"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
		{"=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"},
		{"=?iso-8859-1?q?caf=E9?= =?utf-8?q?_caf=C3=A9?=", "café café"},
		{"=?utf-8?q?caf=C3?= =?utf-8?q?=A9?=", "café"},           // a character cut in two
		{"=?utf-8?b?Y2Fmw6?= =?utf-8?q?x?=", "caf\ufffdx"},       // base64 cut short
		{"=?utf-8*de?q?gr=C3=BC=C3=9Fe?=", "grüße"},              // with a language
		{"=?utf-8?q?with spaces?=", "with spaces"},               // not allowed, but common
		{"=?gb2312?b?xOO6ww==?=", "你好"},                          //
		{"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"},             //
		{"=?koi8-r?q?=F0=D2=C9?=", "При"},                        //
		{"=?x-klingon?q?caf=E9?=", "caf\ufffd"},                  // a charset nobody knows
		{"=?utf-8?x?abc?=", "=?utf-8?x?abc?="},                   // no encoding
		{"=?utf-8?q?abc", "=?utf-8?q?abc"},                       // no end
		{"=? =?utf-8?q?a?=", "=? a"},                             // no word before one
		{"caf\xc3\xa9", "café"},                                  // raw UTF-8
		{"caf\xe9", "café"},                                      // raw Windows-1252
		{"=?utf-8?q?a=0D=0ABcc:_x=00?=", "a  Bcc: x"},            // nothing that ends a line
		{"=?utf-8?q?=22a=22_=3Cx=40y=3E?=", `"a" <x@y>`},         //
		{strings.Repeat("é", 40_000), strings.Repeat("é", 8192)}, // cut at a character
	} {
		if got := Decode(c.in); got != c.want {
			t.Errorf("%.60q: got %.60q, want %.60q", c.in, got, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("=?utf-8?q?a=C3?= =?iso-2022-jp?b?GyRC?= \xff")
	f.Add("=?a?b?=?=?a?q?")
	f.Fuzz(func(t *testing.T, s string) {
		got := Decode(s)
		if len(got) > maxDecoded || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("%q: %q", s, got)
		}
	})
}

func TestParseContentType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, media, param, value string }{
		{"text/plain", "text/plain", "charset", ""},
		{"TEXT/HTML; Charset=UTF-8", "text/html", "charset", "UTF-8"},
		{`multipart/mixed; boundary="a; b=\"c\""`, "multipart/mixed", "boundary", `a; b="c"`},
		{"text/plain (a; comment); charset=us-ascii (Plain)", "text/plain", "charset", "us-ascii"},
		{"text/plain; (x) charset = utf-8 ;; ;", "text/plain", "charset", "utf-8"},
		{"a/b; name=my file (1).pdf; x=y", "a/b", "name", "my file (1).pdf"},
		{`a/b; name="unclosed; x=y`, "a/b", "name", "unclosed"},
		{"a/b; x; name=y", "a/b", "name", "y"},
		{"a/b; name=1; name=2", "a/b", "name", "1"},
		{"a/b; name*=utf-8'en'caf%C3%A9", "a/b", "name", "café"},
		{"a/b; name*=iso-8859-1''caf%E9; name=cafe", "a/b", "name", "café"},
		{"a/b; name*1=b; name*0=a; name*2*=%63", "a/b", "name", "abc"},
		{"a/b; name*0*=utf-8''%C3; name*1*=%A9%ZZ", "a/b", "name", "é%ZZ"},
		{"a/b; name*x=1; name*-1=2; name*99999999999=3; name=4", "a/b", "name", "4"},
		{"", "text/plain", "x", ""},
		{"text", "text/plain", "x", ""},
		{"a/b/c; x=y", "text/plain", "x", "y"},
		{"te xt/plain", "text/plain", "x", ""},
		{"(((", "text/plain", "x", ""},
	} {
		got := ParseContentType(c.in)
		if got.Media() != c.media || got.Params[c.param] != c.value {
			t.Errorf("%q: got %+v", c.in, got)
		}
	}
}

func FuzzContentType(f *testing.F) {
	f.Add(`a/b; c="d\"e"; f*0*=utf-8''%41; f*1=x (y (z))`)
	f.Fuzz(func(t *testing.T, s string) {
		got := ParseContentType(s)
		if !isToken(got.Type) || !isToken(got.Subtype) || len(got.Params) > maxParams {
			t.Errorf("%q: %+v", s, got)
		}
	})
}
