package pgp

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var newVectors = flag.Bool("new-vectors", false, "seal testdata/v1 anew; only for a new version of a format")

// TestStoredMailStaysReadable opens letters that were sealed when version 1 of
// the formats was made. Mail is kept for decades: this test must never change,
// a new version gets a folder beside it. docs/formats.md refers to these files.
func TestStoredMailStaysReadable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "v1")
	if *newVectors {
		writeVectors(t, dir)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	list, err := ParseListKey(read("list.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"compat", "modern"} {
		keys, err := ParseSecretKeys(read(p+".secret.asc"), nil)
		if err != nil {
			t.Fatal(err)
		}
		o := &owner{keys: keys, listKey: list}
		message := read(p + ".message.pgp")
		if got, found, err := o.open(true, message); err != nil || got != string(read("mail.eml")) || found.Class != SealedOnArrival || !found.Arrived.Equal(testTime) {
			t.Errorf("%s: message: %+v, %v", p, found, err)
		}
		head, err := SessionKeys(bytes.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := o.open(false, head, read(p+".terms.pgp")); err != nil || strings.TrimRight(got, "\n") != strings.TrimRight(string(read("terms.txt")), "\n") {
			t.Errorf("%s: terms %q, %v", p, got, err)
		}
		if c, err := OpenCard(read(p+".card"), list); err != nil || c.Subject != "the secret canary" || !c.Belongs(head) {
			t.Errorf("%s: card %+v, %v", p, c, err)
		}
		if got, _, err := o.open(true, read(p+".e2e.header.pgp"), read(p+".e2e.message.pgp")); err != nil || got != string(read(p+".e2e.eml")) {
			t.Errorf("%s: end-to-end mail: %d bytes, %v", p, len(got), err)
		}
	}
}

func writeVectors(t *testing.T, dir string) {
	t.Helper()
	must(os.MkdirAll(dir, 0o755))
	write := func(name string, b []byte) { must(os.WriteFile(filepath.Join(dir, name), b, 0o644)) }
	list, err := testOwners()[Compat].listKey.Marshal()
	must(err)
	write("list.pem", list)
	write("mail.eml", plainMail)
	write("terms.txt", []byte(strings.Join(arrived(plainMail).Gist.Terms, "\n")+"\n"))
	for p, o := range testOwners() {
		name := func(s string) string { return string(p) + "." + s }
		r := o.Recipient
		r.ListKey = testOwners()[Compat].ListKey
		s := mustSeal(t, arrived(plainMail), r)
		e2e := frameMail(message(t, o, append(append(appendPacketHeader(nil, 11, 8), 'b', 0, 0, 0, 0, 0), 'h', 'i')), 64)
		u := mustSeal(t, arrived(e2e), r)
		write(name("secret.asc"), o.secret)
		write(name("message.pgp"), raw(t, s, KindMessage))
		write(name("terms.pgp"), raw(t, s, KindTerms))
		write(name("card"), raw(t, s, KindCard))
		write(name("outer.eml"), s.Outer())
		write(name("e2e.eml"), e2e)
		write(name("e2e.header.pgp"), raw(t, u, KindHeader))
		write(name("e2e.message.pgp"), raw(t, u, KindMessage))
	}
}
