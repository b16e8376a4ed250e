package route

import (
	"strings"
	"testing"
	"time"
)

// What is accepted holds what the rest relies on, and survives being written and
// read again.
func FuzzParsePolicy(f *testing.F) {
	f.Add(enforced)
	f.Add("version: STSv1\nmode: none\nmax_age: 0\n")
	f.Add("version : STSv1\n mode\t:testing\nmx:*.a\nmx:b.c\nmax_age:31557600")
	f.Add(": \n:::\r\r\n\x00mx:\xff")
	f.Fuzz(func(t *testing.T, text string) {
		p, age, err := parsePolicy(text)
		if err != nil {
			if p.Mode != "" || p.MX != nil {
				t.Errorf("half a policy beside an error: %+v", p)
			}
			return
		}
		if age < 0 || age > maxAge*time.Second || len(p.MX) > maxPatterns || p.Mode != "none" && len(p.MX) == 0 {
			t.Errorf("%+v for %v", p, age)
		}
		now := time.Now()
		p.Fetched, p.Expires = now, now.Add(age)
		again, sameAge, err := parsePolicy(strings.Join(p.lines(), "\n"))
		if err != nil || again.Mode != p.Mode || strings.Join(again.MX, " ") != strings.Join(p.MX, " ") || sameAge != age {
			t.Errorf("%q was written and read as %+v, %v, %v", text, again, sameAge, err)
		}
		for _, m := range p.MX {
			if host := strings.Replace(m, "*", "a", 1); !p.names(host) {
				t.Errorf("pattern %q does not take %q", m, host)
			}
		}
	})
}

func FuzzRecordID(f *testing.F) {
	f.Add("v=STSv1; id=20160831085700Z;")
	f.Add("v=STSv1;;;id==;id=a")
	f.Fuzz(func(t *testing.T, text string) {
		id := recordID([]string{text})
		if len(id) > 32 || strings.IndexFunc(id, notAlphanumeric) >= 0 || id != "" && !strings.HasPrefix(text, "v=STSv1") {
			t.Errorf("%q: %q", text, id)
		}
	})
}
