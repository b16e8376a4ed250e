package screen

import (
	"strings"
	"testing"
)

// What a forwarder quotes, MAIL FROM above all, its sender chose.
func TestSaysPass(t *testing.T) {
	t.Parallel()
	for results, want := range map[string]bool{
		"list.example; spf=pass; dmarc=pass header.from=a.example":                    true,
		"list.example;\tDMARC = Pass (p=reject; dis=none) header.from=a.example":      true,
		"list.example; (c) dmarc/1=pass":                                              true,
		`list.example; spf=pass smtp.mailfrom="a; dmarc=fail "@b.example; dmarc=pass`: true,
		"list.example; dmarc=fail":                                                    false,
		"list.example; dmarc=passed":                                                  false,
		"list.example; dmarc":                                                         false,
		"list.example; dmarc=":                                                        false,
		"list.example; spf=pass":                                                      false,
		"":                                                                            false,
		`list.example; spf=pass smtp.mailfrom="a; dmarc=pass "@evil.example; dmarc=fail`:        false,
		`list.example; spf=pass smtp.mailfrom="a\"; dmarc=pass; x=\""@evil.example; dmarc=fail`: false,
		`list.example; spf=pass (it said a; dmarc=pass ); dmarc=fail`:                           false,
		`list.example; spf=pass (it (said) \) a; dmarc=pass ); dmarc=fail`:                      false,
		"list.example; spf=pass smtp.mailfrom=a; dmarc=pass @evil.example; dmarc=fail":          false,
		`list.example; spf=pass smtp.mailfrom="a; dmarc=pass @evil.example; dmarc=fail`:         false,
		"list.example; dmarc=pass; spf=pass (open":                                              false,
		`list.example; dmarc="pass"`:                                                            false,
		"list.example; spf=pass; x-dmarc=pass":                                                  false,
	} {
		if got := saysPass(results); got != want {
			t.Errorf("%q: %t", results, got)
		}
	}
}

func FuzzResults(f *testing.F) {
	f.Add(`list.example; spf=pass smtp.mailfrom="a; dmarc=pass "@evil.example; dmarc=fail (x)`)
	f.Add(`(\`)
	f.Fuzz(func(t *testing.T, field string) {
		parts, whole := resultsIn(field)
		if n := len(strings.Join(parts, ";")); n > len(field)+strings.Count(field, "(") || !strings.ContainsAny(field, `("`) && (!whole || n != len(field)) {
			t.Errorf("%q reads as %q", field, parts)
		}
		if saysPass(`"` + field + `; dmarc=fail`) {
			t.Errorf("%q says pass", field)
		}
	})
}
