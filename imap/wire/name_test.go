package wire

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"INBOX":                  "INBOX",
		"R&-D":                   "R&D",
		"Entw&APw-rfe":           "Entwürfe",
		"&U,BTFw-":               "台北",
		"&2D3eAA-":               "\U0001f600",
		"Grüße":                  "Grüße",
		"a&AOQ-b&AOQ-":           "aäbä",
		"../etc/passwd":          "../etc/passwd", // CleanName refuses it
		"&AAA-":                  "\x00",          // and this
		"&AGE-":                  "<refused>",     // "a" in base64
		"&AOQ-&APw-":             "<refused>",     // two runs where one would do
		"&AOR-":                  "<refused>",     // bits left over
		"&AOQ=-":                 "<refused>",
		"&":                      "<refused>",
		"&AOQ":                   "<refused>",
		"&2D0-":                  "<refused>", // half a surrogate
		"&3gA-":                  "<refused>",
		"a\x01":                  "<refused>",
		"\xff":                   "<refused>",
		"&AC8-etc":               "<refused>", // "/" in base64
		"&AOQALwAu-":             "<refused>",
		"&AOQ\r\n-":              "<refused>",
		"&ACYAJg-":               "<refused>",
		"&Jjo-!":                 "\u263a!",
		"&AOQ-&-&APw-":           "ä&ü",
		"~peter/mail/&ZeVnLIqe-": "~peter/mail/日本語",
	} {
		got, ok := DecodeName(in)
		if !ok {
			got = "<refused>"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// FuzzName: no two ways to write one name, but for raw UTF-8, and no control
// or printable ASCII out of base64.
func FuzzName(f *testing.F) {
	for _, s := range []string{"R&-D", "&U,BTFw-", "&2D3eAA-", "a&AOQ-b&AOQ-", "&AAA-", "&AOR-"} {
		f.Add(s, "INBOX")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		one, ok1 := DecodeName(a)
		two, ok2 := DecodeName(b)
		ascii := strings.IndexFunc(a+b, func(r rune) bool { return r > '~' }) < 0
		if back, ok := DecodeName(EncodeName(one)); ok1 && (!ok || back != one) {
			t.Fatalf("%q is %q, which is written %q", a, one, EncodeName(one))
		}
		if ok1 && ok2 && ascii && a != b && one == two {
			t.Fatalf("%q and %q are both %q", a, b, one)
		}
	})
}
