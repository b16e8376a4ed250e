package mail

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, local, domain, out string }{
		{"Alice@Example.ORG", "Alice", "example.org", "Alice@example.org"},
		{"a.b+c@x_y.example", "a.b+c", "x_y.example", "a.b+c@x_y.example"},
		{"root@localhost", "root", "localhost", "root@localhost"},
		{`"foo@bar"@b.c`, "foo@bar", "b.c", `"foo@bar"@b.c`},
		{`"plain"@b.c`, "plain", "b.c", "plain@b.c"},
		{`"a b\"c\\d"@b.c`, `a b"c\d`, "b.c", `"a b\"c\\d"@b.c`},
		{`"..a"@b.c`, "..a", "b.c", `"..a"@b.c`},
		{"jörg@bücher.example", "jörg", "bücher.example", "jörg@bücher.example"},
		{"x@xn--bcher-kva.example", "x", "bücher.example", "x@bücher.example"},
		{"x@BU\u0308CHER.example", "x", "bücher.example", "x@bücher.example"},
		{"x@xn--a.example", "x", "xn--a.example", "x@xn--a.example"},
		{"x@[192.0.2.1]", "x", "[192.0.2.1]", "x@[192.0.2.1]"},
		{"x@[IPv6:2001:DB8::1]", "x", "[ipv6:2001:db8::1]", "x@[ipv6:2001:db8::1]"},
		{strings.Repeat("l", 128) + "@b.c", strings.Repeat("l", 128), "b.c", strings.Repeat("l", 128) + "@b.c"},
	} {
		got, err := ParseAddress(c.in)
		if err != nil || got.Local != c.local || got.Domain != c.domain || got.String() != c.out {
			t.Errorf("%q: got %+v, %q, %v", c.in, got, got, err)
		}
	}
	for _, in := range []string{
		"", "@", "a", "a@", "@b", "a@b@c", "a b@c", ".a@b", "a.@b", "a..b@c", "<a@b>", "a@b>", "a,b@c", `"a@b`, `""@b`, `"a"b@c`, `"a\`, `"\é"@b`,
		"a@b\r\nRCPT TO:<x@y>", "a\r@b", "a\n@b", "a\x00@b", "\"a\r\n\"@b", "\"a\\\n\"@b", "a\x7f@b", "a\u0085@b", "a\u2028@b", "a\xff@b", "a@b\xff",
		"@r:a@b", "a@b..c", "a@.b", "a@b.", "a@-b", "a@b-", "a@b c", "a@b;c", "a@[1.2.3]", "a@[1.2.3.4", "a@[::1]", "a@[IPv6:1.2.3.4]", "a@[IPv6:fe80::1%eth0]", "a@[]", "a@[x]",
		"a@b\uff20c", "a@b\uff0ec\u3002", "a@\u200d", "a@b/c", strings.Repeat("l", 129) + "@b", "a@" + strings.Repeat("x", 64), "a@" + strings.Repeat("x.", 128) + "y",
	} {
		if got, err := ParseAddress(in); err != ErrAddress {
			t.Errorf("%q: got %+v, %v", in, got, err)
		}
	}
}

func TestAddressKey(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"Alice@Example.org", "alice@example.ORG"},
		{"JÖRG@x.y", "jo\u0308rg@x.y"},
		{"a@XN--BCHER-KVA.example", "A@bücher.example"},
		{`"alice"@x`, "alice@x"},
	} {
		a, errA := ParseAddress(c[0])
		b, errB := ParseAddress(c[1])
		if errA != nil || errB != nil || a.Key() != b.Key() {
			t.Errorf("%q %v, %q %v: keys %q and %q", c[0], errA, c[1], errB, a.Key(), b.Key())
		}
	}
	if a, b := (Address{"a", "b@c"}), (Address{"a@b", "c"}); a.Key() == b.Key() {
		t.Errorf("%+v and %+v share the key %q", a, b, a.Key())
	}
}

func TestWithoutDetail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, base, detail string }{
		{"a+b+c@d", "a", "b+c"}, {"a@d", "a", ""}, {"+a@d", "+a", ""}, {"a+@d", "a", ""},
	} {
		a, err := ParseAddress(c.in)
		base, detail := a.WithoutDetail()
		if err != nil || base.Local != c.base || base.Domain != "d" || detail != c.detail {
			t.Errorf("%q: %+v, %q, %v", c.in, base, detail, err)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@b.c", `"a\"@b"@c`, "x@bücher.example", "x@XN--BCHER-KVA.de", "a@[IPv6:::1]", "ß@ẞ.example", "a@b\u3002c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(a.Local+a.Domain, "\r\n\x00") || len(a.Local) > maxLocal {
			t.Errorf("%q gave %+v", s, a)
		}
		b, err := ParseAddress(a.String())
		if err != nil || a != b {
			t.Errorf("%q: %+v became %q, then %+v, %v", s, a, a, b, err)
		}
		if k, err := ParseAddress(a.Key()); err == nil && k.Key() != a.Key() {
			t.Errorf("%q: key %q has key %q", s, a.Key(), k.Key())
		}
	})
}
