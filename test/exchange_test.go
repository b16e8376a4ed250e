package test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

func aboutWord(from, to, word string) string {
	return fmt.Sprintf("From: <%s>\nTo: <%s>\nSubject: about %s\nUser-Agent: tells-too-much\n\nHere is %s, in the body.\n", from, to, word, word)
}

// wants checks that each of some words stands in a text, whatever its folds.
func wants(t *testing.T, where, text string, words ...string) {
	t.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, w := range words {
		if !strings.Contains(flat, w) {
			t.Errorf("%s lacks %q:\n%s", where, w, tail(text, 3000))
		}
	}
}

// Two sealposts and a Postfix exchange mail in every direction: signed, verified,
// over TLS that DANE vouches for, sealed where it arrives.
func TestExchange(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	c := newCountry(t, "a.test", "b.test", "p.test")
	ann, bob, carol := c.houses[0], c.houses[1], c.houses[2]
	ann.open(t, "ann")
	bob.open(t, "bob")
	carol.openPostfix(t)

	ann.submit(t, aboutWord(ann.person.Address, bob.person.Address, "word-a-b"), bob.person.Address)
	got := bob.arrival(t, "INBOX", "Here is word-a-b")
	wants(t, "what arrived", got, "Authentication-Results: mx.b.test", "spf=pass", "dkim=pass", "dmarc=pass", "iprev=pass", "(TLS1.3", "Subject: about word-a-b")
	if strings.Contains(got, "tells-too-much") || strings.Contains(got, "client.test (") {
		t.Errorf("what left tells of the program or its machine:\n%s", got)
	}
	sent := ann.arrival(t, "Sent", "Here is word-a-b")
	wants(t, "the Sent copy", sent, "Subject: about word-a-b")

	// Bob's server learned ann's key from her mail, so his answer leaves encrypted.
	bob.submit(t, aboutWord(bob.person.Address, ann.person.Address, "word-b-a"), ann.person.Address)
	ann.arrival(t, "INBOX", "Here is word-b-a")
	header := ann.letter(t, ann.sealpost(t, "message", "get", ann.person.Address, "1", "--part=header"))
	wants(t, "the answer's header", header, "Content-Type: multipart/encrypted", "spf=pass", "dkim=pass", "dmarc=pass")

	ann.submit(t, aboutWord(ann.person.Address, carol.person.Address, "word-a-p"), carol.person.Address)
	got = carol.carols(t, "Here is word-a-p")
	wants(t, "what Postfix has", got, "d=a.test", "using TLSv1.3")
	whole, _ := crlf([]byte(got))
	verified, err := dkim.VerifyWithOptions(bytes.NewReader(whole), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		a, err := c.dns.Resolver().TXT(t.Context(), name)
		return a.Records, err
	}})
	if err != nil || len(verified) != 2 || verified[0].Err != nil || verified[1].Err != nil {
		t.Errorf("another verifier finds: %+v, %v", verified, err)
	}

	carol.mails(t, aboutWord(carol.person.Address, bob.person.Address, "word-p-b"), bob.person.Address)
	got = bob.arrival(t, "INBOX", "Here is word-p-b")
	wants(t, "what Postfix sent", got, "spf=pass", "dmarc=pass", "dkim=none")
	if left := ann.sealpost(t, "queue", "list"); strings.Contains(left, "p.test") {
		t.Error("the queue is not empty")
	}
}
