package submission

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

func headerOf(t testing.TB, text string) mail.Header {
	t.Helper()
	h, err := mail.ReadHeader(strings.NewReader(text), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// tricks are header sections by which a mail says one author to this reader and
// another to that one (ATTACKS D07), or one that is not its sender's.
var tricks = map[string]string{
	"somebody else here":      "From: bob@demo.test\r\n",
	"somebody elsewhere":      "From: ceo@example.org\r\n",
	"none":                    "To: x@example.org\r\n",
	"empty":                   "From: \r\n",
	"name alone":              "From: Alice\r\n",
	"two fields":              "From: alice@demo.test\r\nFrom: ceo@example.org\r\n",
	"two fields, other way":   "From: ceo@example.org\r\nfrom: alice@demo.test\r\n",
	"space before the colon":  "From : ceo@example.org\r\nFrom: alice@demo.test\r\n",
	"only with a space":       "From : alice@demo.test\r\n",
	"two addresses":           "From: alice@demo.test, ceo@example.org\r\nSender: alice@demo.test\r\n",
	"own ones, no Sender":     "From: alice@demo.test, a.smith@demo.test\r\n",
	"foreign Sender":          "From: alice@demo.test\r\nSender: ceo@example.org\r\n",
	"two Senders":             "From: alice@demo.test\r\nSender: alice@demo.test\r\nSender: bob@demo.test\r\n",
	"foreign Resent-From":     "From: alice@demo.test\r\nResent-From: ceo@example.org\r\n",
	"group":                   "From: friends: alice@demo.test;\r\n",
	"empty group":             "From: undisclosed:;, alice@demo.test\r\n",
	"route":                   "From: <@example.org,@alice:alice@demo.test>\r\n",
	"route with a space":      "From: < @example.org:alice@demo.test>\r\n",
	"two brackets":            "From: <ceo@example.org><alice@demo.test>\r\n",
	"address as bare name":    "From: ceo@example.org <alice@demo.test>\r\n",
	"comma in a bare name":    "From: ceo@example.org, Alice <alice@demo.test>\r\n",
	"text behind":             "From: <alice@demo.test> ceo@example.org\r\n",
	"quote that never closes": "From: \"ceo@example.org <alice@demo.test>\r\n",
	"comment in the address":  "From: alice(@example.org)@demo.test <ceo@example.org>\r\n",
	"encoded address":         "From: =?utf-8?q?ceo=40example.org?=\r\n",
	"encoded brackets":        "From: =?utf-8?q?<ceo=40example.org>?= , alice@demo.test\r\n",
	"NUL":                     "From: ceo@example.org\x00<alice@demo.test>\r\n",
	"escaped at":              "From: ceo\\@example.org@demo.test\r\n",
	"not UTF-8":               "From: \"\xff\" <alice@demo.test>\r\n",
	"no field first":          " From: alice@demo.test\r\nFrom: alice@demo.test\r\n",
	"a line that is no field": "From: alice@demo.test\r\nceo@example.org\r\n",
	"literal":                 "From: alice@[192.0.2.1]\r\n",
	"full-width at":           "From: \"alice+\uff20example.org\"@demo.test\r\n",
	"invisible letter":        "From: alice+\u200b@demo.test\r\n",
	"long s":                  "From: \u017fmith@demo.test\r\n",
	"subdomain":               "From: alice@sub.demo.test\r\n",
	"lookalike domain":        "From: alice@demo.test.\r\n",
	"prefix of the local":     "From: alic@demo.test\r\n",
	"detail of another":       "From: bob+alice@demo.test\r\n",
}

// TestAuthor: nobody writes in another's name (threat model, row 10; ATTACKS D07).
func TestAuthor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, _ := w.account("alice@demo.test"), w.account("bob@demo.test")
	_, err := w.book.AddAlias(t.Context(), alice.ID, w.address("smith@demo.test"))
	w.must(err)
	for name, header := range tricks {
		a := w.send(sending{as: alice, to: []string{"bob@demo.test", "carol@example.org"}, data: header + "Subject: x\r\n\r\nx\r\n"})
		if !strings.HasPrefix(a.data, "550 5.7.1") && !strings.HasPrefix(a.data, "554 5.6.0") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for _, from := range []string{"bob@demo.test", "alice@example.org", "bob+alice@demo.test", "alice@sub.demo.test"} {
		if a := w.send(sending{as: alice, from: from, to: []string{"bob@demo.test"}}); !strings.HasPrefix(a.begin, "550 5.7.1") {
			t.Errorf("MAIL FROM:<%s>: %+v", from, a)
		}
	}
	if n := len(w.queued()); n > 0 {
		t.Errorf("%d mails are queued", n)
	}
}

// TestOwnAddresses: what is one's own may be written as people write it.
func TestOwnAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	_, err := w.book.AddAlias(t.Context(), alice.ID, w.address("a.smith@bücher.test"))
	w.must(err)
	for _, header := range []string{
		"From: alice@demo.test\r\n",
		"from: ALICE@Demo.Test\r\n",
		"From: Alice Smith <alice@demo.test>\r\n",
		"From: \"Smith, Alice\" <alice@demo.test>\r\n",
		"From: Alice\r\n\t<alice@demo.test>\r\n",
		"From: alice@demo.test (Alice)\r\n",
		"From: John Q. Public <alice@demo.test>\r\n",
		"From: =?iso-2022-jp?B?GyRCJCIbKEI=?= <alice@demo.test>\r\n",
		"From: =?UTF-8?Q?Alice_=E2=98=83?= <alice+lists@demo.test>\r\n",
		"From: Älice <a.smith@bücher.test>\r\n",
		"From: a.smith@xn--bcher-kva.test\r\n",
		"From: alice@demo.test, a.smith@bücher.test\r\nSender: alice@demo.test\r\n",
		"From: alice@demo.test\r\nSender: a.smith@bücher.test\r\n",
	} {
		if a := w.send(sending{as: alice, to: []string{"alice@demo.test"}, data: header + "\r\nx\r\n"}); !strings.HasPrefix(a.data, "250") {
			t.Errorf("%q: %+v", header, a)
		}
		w.judged(header)
	}
	if a := w.send(sending{as: alice, from: "a.smith+x@bücher.test", to: []string{"alice@demo.test"}, data: letterOf("From: alice@demo.test")}); !strings.HasPrefix(a.data, "250") {
		t.Errorf("MAIL FROM of an alias: %+v", a)
	}
}

// judged says that other servers find one author too in a header that we let pass.
func (w *world) judged(header string) {
	w.t.Helper()
	h := headerOf(w.t, header)
	if list, _ := plainList(h, "From"); len(list) > 1 {
		return // they may take mail of several authors or not
	}
	c := mailauth.Checker{DNS: dnstest.New(w.t, "").Resolver(), Now: w.now}
	v := c.Check(w.t.Context(), mailauth.Session{IP: netip.MustParseAddr("192.0.2.1")}, h, strings.NewReader(header))
	if v.Reject != "" {
		w.t.Errorf("%q would be refused elsewhere: %s", header, v.Reject)
	}
}

// TestSignedIn: who did not sign in, or may no longer, sends nothing.
func TestSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	w.password(alice, account.NewPassword{Name: "laptop"})
	s := sending{as: alice, password: "laptop", to: []string{"alice@demo.test"}, data: letterOf("From: alice@demo.test")}
	if a := w.send(s); !strings.HasPrefix(a.data, "250") {
		t.Fatalf("%+v", a)
	}
	w.must(w.book.RemovePassword(t.Context(), alice.ID, "laptop"))
	if a := w.send(s); !strings.HasPrefix(a.begin, "530 5.7.0") {
		t.Errorf("with a password that was removed: %+v", a)
	}
	w.must(w.book.Remove(t.Context(), alice.ID))
	s.password = ""
	if a := w.send(s); !strings.HasPrefix(a.begin, "530 5.7.0") {
		t.Errorf("as an account that is no more: %+v", a)
	}
}

func FuzzAuthors(f *testing.F) {
	for _, header := range tricks {
		f.Add(header)
	}
	f.Add("From: \"Smith, Alice\" <alice@demo.test>\r\nSender: a@b.test\r\n")
	f.Fuzz(func(t *testing.T, header string) {
		h := headerOf(t, header)
		list, err := authors(h)
		if err != nil || shape(h) != nil {
			return
		}
		from, _ := h.Get("From")
		for _, a := range list {
			if err := proper(a); err != nil {
				t.Errorf("%q gives %q, which is no address", header, a)
			}
			local, _, _ := strings.Cut(a.String(), "@")
			if len(list) == 1 && !bytes.Contains(bytes.ToLower(from.Raw), []byte(strings.ToLower(strings.Trim(local, `"`))[:1])) {
				t.Errorf("%q gives %q, which is not in it", header, a)
			}
		}
	})
}
