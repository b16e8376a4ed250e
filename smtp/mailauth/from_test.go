package mailauth_test

import (
	"net/netip"
	"strings"
	"testing"

	"sealpost/mail"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

// D07: espoofer ("Composition Kills") and its kind. eve@attack.example sends, and
// everything about attack.example is in order; what some program would show is
// legit.example.
var tricks = map[string]string{
	"two From":                          "From: eve@attack.example\r\nFrom: admin@legit.example\r\n",
	"two From, the other first":         "From: admin@legit.example\r\nFrom: eve@attack.example\r\n",
	"two From, cases mixed":             "fRoM: admin@legit.example\r\nFrom: eve@attack.example\r\n",
	"space before the field":            " From: admin@legit.example\r\nFrom: eve@attack.example\r\n",
	"space before the field, second":    "From: eve@attack.example\r\nX: y\r\n\r From: admin@legit.example\r\n",
	"space before the colon":            "From : admin@legit.example\r\nFrom: eve@attack.example\r\n",
	"space before the only colon":       "From : admin@legit.example\r\n",
	"tab before the colon":              "From\t: admin@legit.example\r\nFrom: eve@attack.example\r\n",
	"fold before the colon":             "From\r\n : admin@legit.example\r\nFrom: eve@attack.example\r\n",
	"NUL in the name":                   "From\x00: admin@legit.example\r\nFrom: eve@attack.example\r\n",
	"letter beyond ASCII in the name":   "Fr\xc3\xb6om: x@y.example\r\nFrom\xc2\xa0: admin@legit.example\r\nFrom: eve@attack.example\r\n",
	"no From":                           "Sender: admin@legit.example\r\n",
	"empty From":                        "From:\r\n",
	"empty From with Sender":            "From: \r\nSender: admin@legit.example\r\n",
	"empty brackets":                    "From: \"admin@legit.example\" <>\r\n",
	"a list":                            "From: admin@legit.example, eve@attack.example\r\n",
	"a list in brackets":                "From: <eve@attack.example>, <admin@legit.example>\r\n",
	"a list without a comma":            "From: <admin@legit.example> <eve@attack.example>\r\n",
	"a list with a comment for a comma": "From: <admin@legit.example>(x)<eve@attack.example>\r\n",
	"an empty entry":                    "From: ,eve@attack.example\r\n",
	"two in one pair of brackets":       "From: <admin@legit.example, eve@attack.example>\r\n",
	"group":                             "From: friends: admin@legit.example, eve@attack.example;\r\n",
	"group of one":                      "From: friends:eve@attack.example;\r\n",
	"route":                             "From: <@legit.example,@any.example:eve@attack.example>\r\n",
	"route without commas":              "From: <@legit.example:eve@attack.example>\r\n",
	"encoded address":                   "From: =?utf-8?B?PGFkbWluQGxlZ2l0LmV4YW1wbGU+?=\r\n",
	"encoded address before another":    "From: =?utf-8?Q?=3Cadmin=40legit.example=3E?=,<eve@attack.example>\r\n",
	"encoded part of an address":        "From: <=?utf-8?Q?admin=40legit.example?=@attack.example>\r\n",
	"encoded local part":                "From: =?utf-8?Q?admin?=@legit.example <eve@attack.example>\r\n",
	"address as a name, bare":           "From: admin@legit.example <eve@attack.example>\r\n",
	"address behind the brackets":       "From: <eve@attack.example> admin@legit.example\r\n",
	"quoted address as a local part":    "From: \"admin@legit.example\"@attack.example\r\n",
	"quoted bracket as a local part":    "From: \"<admin@legit.example>,\"@attack.example\r\n",
	"escaped at sign":                   "From: admin\\@legit.example@attack.example\r\n",
	"two at signs":                      "From: admin@legit.example@attack.example\r\n",
	"comment in an address":             "From: <admin@legit.example(>, <eve@attack.example)>\r\n",
	"bracket in a comment":              "From: eve@attack.example (x> <admin@legit.example>)\r\n",
	"open comment":                      "From: admin@legit.example (<eve@attack.example>\r\n",
	"open quote":                        "From: \"admin@legit.example <eve@attack.example>\r\n",
	"open bracket":                      "From: <eve@attack.example\r\n",
	"nested brackets":                   "From: <<admin@legit.example>eve@attack.example>\r\n",
	"NUL in the address":                "From: admin@legit.example\x00@attack.example\r\n",
	"NUL behind the address":            "From: admin@legit.example\x00 <eve@attack.example>\r\n",
	"NUL in the name of a person":       "From: admin\x00 <eve@attack.example>\r\n",
	"escape in the name of a person":    "From: admin\x1b[8m <eve@attack.example>\r\n",
	"encoded word longer than any":      "From: =?utf-8?Q?" + strings.Repeat("a", 300) + ",b?= <eve@attack.example>\r\n",
	"CR in the field":                   "From: admin@legit.example\rFrom: eve@attack.example\r\n",
	"backspace":                         "From: eve@attack.example\x08\x08\r\n",
	"full-width at sign":                "From: admin\uff20legit.example@attack.example\r\n",
	"full-width domain":                 "From: admin@\uff4cegit.example\r\n",
	"ideographic full stop":             "From: admin@legit\u3002example\r\n",
	"invisible letter":                  "From: admin@legit\u200b.example\r\n",
	"text turned around":                "From: <\u202eeve@attack.example>\r\n",
	"broken UTF-8":                      "From: admin@legit\xff.example\r\n",
	"semicolon for a comma":             "From: admin@legit.example; eve@attack.example\r\n",
	"at sign alone":                     "From: @\r\n",
	"no domain":                         "From: admin\r\n",
}

func TestD07TricksAreRefused(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, strings.ReplaceAll(zone(t), "example.org", "attack.example"))
	sender := mailauth.Session{IP: netip.MustParseAddr("192.0.2.1"), Helo: "mx.attack.example", From: &mail.Address{Local: "eve", Domain: "attack.example"}}
	for name, from := range tricks {
		v := check(t, checker(s), sender, from+"To: sue@example.net\r\nSubject: hi\r\n\r\nHi.\r\n")
		if v.Reject == "" || v.From != nil || v.DMARC.Result == "pass" {
			t.Errorf("%s: Reject %q, From %v, DMARC %q", name, v.Reject, v.From, v.DMARC.Result)
		}
		if strings.Contains(v.Reject, "example") {
			t.Errorf("%s: the reason repeats the mail: %q", name, v.Reject)
		}
	}
}

// What honest people and lists send is taken, and it is the address that is shown.
func TestHonestFrom(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, "")
	for from, want := range map[string]string{
		"joe@example.org":                                     "joe@example.org",
		"  <joe@Example.ORG>  ":                               "joe@example.org",
		"Joe <joe@example.org>":                               "joe@example.org",
		"\"Doe, Joe\" <joe@example.org>":                      "joe@example.org",
		"\"joe@example.com via List\" <list@example.org>":     "list@example.org",
		"Joe via List <list@example.org> (by the list)":       "list@example.org",
		"joe@example.org (Joe)":                               "joe@example.org",
		"joe@example.org <joe@example.org>":                   "joe@example.org",
		"\r\n Joe Doe\r\n <joe@example.org>":                  "joe@example.org",
		"=?utf-8?Q?J=C3=B6e?= <joe@example.org>":              "joe@example.org",
		"=?utf-8?Q?Doe,_Joe:?= <joe@example.org>":             "joe@example.org",
		"=?utf-8?B?Sm9l?= =?utf-8?B?RG9l?= <joe@example.org>": "joe@example.org",
		"J\xf6e <joe@example.org>":                            "joe@example.org",
		"Jöe <jöe@exämple.org>":                               "jöe@exämple.org",
		"joe@xn--exmple-cua.org":                              "joe@exämple.org",
		"\"joe doe\"@example.org":                             "\"joe doe\"@example.org",
		"joe..doe.@example.org":                               "\"joe..doe.\"@example.org",
		"bounces+joe=example.com@my_host.example.org":         "bounces+joe=example.com@my_host.example.org",
		"Joe O'Neil [work] <joe@example.org>":                 "joe@example.org",
		"joe@[192.0.2.1]":                                     "joe@[192.0.2.1]",
	} {
		v := check(t, checker(s), session(), "From: "+from+"\r\nTo: sue@example.net\r\n\r\nHi.\r\n")
		if v.Reject != "" || v.From == nil || v.From.String() != want {
			t.Errorf("%q: Reject %q, From %v, want %s", from, v.Reject, v.From, want)
		}
	}
}

// Bounces come from nobody; their field may say so, and nothing else.
func TestBounces(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, "")
	bounce := session()
	bounce.From = nil
	for from, taken := range map[string]bool{
		"Mail Delivery Subsystem <MAILER-DAEMON>": true, "MAILER-DAEMON <>": true, "<>": true,
		"\"admin@legit.example\" <>": false, "=?utf-8?Q?admin=40legit.example?= <>": false, "admin\uff20legit.example": false,
	} {
		text := "From: " + from + "\r\n\r\nsorry\r\n"
		v := check(t, checker(s), bounce, text)
		if (v.Reject == "") != taken || v.From != nil || v.DMARC.Result != "" {
			t.Errorf("%q in a bounce: %q, %v, %+v", from, v.Reject, v.From, v.DMARC)
		}
		if v := check(t, checker(s), session(), text); v.Reject == "" {
			t.Errorf("%q is taken outside of a bounce", from)
		}
	}
}

// FuzzFrom: whatever stands in From, the address that is judged is the one shown.
func FuzzFrom(f *testing.F) {
	for _, from := range tricks {
		f.Add(from)
	}
	f.Add("From: Joe <joe@example.org>\r\n")
	f.Fuzz(func(t *testing.T, from string) {
		m := strings.NewReader(from + "\r\nHi.\r\n")
		h := header(t, m)
		a, reason := mailauth.Author(h, m)
		if (a == nil) == (reason == "") {
			t.Fatalf("%v and %q", a, reason)
		}
		if a == nil {
			return
		}
		list := mail.ReadEnvelope(h).From
		shown, err := mail.ParseAddress("x@" + list[0].Domain)
		if len(list) != 1 || list[0].Local != a.Local || err != nil || shown.Domain != a.Domain {
			t.Fatalf("%q: judged %s, shown %+v", from, a, list)
		}
		if len(h.Values("From")) != 1 {
			t.Fatalf("%q: several From", from)
		}
	})
}
