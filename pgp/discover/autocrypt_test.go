package discover

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealpost/mail"
	"sealpost/pgp"
)

// TestReadAutocrypt is ATTACKS B07: which headers say something.
func TestReadAutocrypt(t *testing.T) {
	t.Parallel()
	bob, carol := entity("bob@example.org"), entity("carol@example.org")
	good := autocryptOf(bob, "bob@example.org", " prefer-encrypt=mutual;")
	keydata := strings.TrimSuffix(good[strings.Index(good, "keydata="):], "\r\n")
	secret, _, err := pgp.GenerateKey("", "bob@example.org", pgp.Compat, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		fields []string
		want   bool
	}{
		"one":                        {[]string{good}, true},
		"none":                       {[]string{"Subject: x\r\n"}, false},
		"in other case, in folds":    {[]string{"AUTOCRYPT: Addr=BOB@example.ORG;\r\n prefer-encrypt=nopreference ;\r\n\tkeydata=\r\n " + keydata[8:60] + "\r\n " + keydata[60:] + "\r\n"}, true},
		"an attribute to skip":       {[]string{autocryptOf(bob, "bob@example.org", " _extra=x;")}, true},
		"ends in a semicolon":        {[]string{strings.TrimSuffix(good, "\r\n") + ";\r\n"}, true},
		"beside one for another":     {[]string{autocryptOf(carol, "carol@example.org", ""), good}, true},
		"beside one that is invalid": {[]string{"Autocrypt: addr=bob@example.org; keydata=AAAA\r\n", good}, true},
		"two":                        {[]string{good, autocryptOf(carol, "bob@example.org", "")}, false},
		"the same twice":             {[]string{good, good}, false},
		"too many":                   {append([]string{good}, strings.Split(strings.Repeat("Autocrypt: x\r\n", maxAutocrypt), "\n")[:0]...), true},
		"another's address":          {[]string{autocryptOf(bob, "carol@example.org", "")}, false},
		"a critical attribute":       {[]string{autocryptOf(bob, "bob@example.org", " type=1;")}, false},
		"an attribute twice":         {[]string{autocryptOf(bob, "bob@example.org", " addr=bob@example.org;")}, false},
		"a skipped attribute, empty": {[]string{autocryptOf(bob, "bob@example.org", " _x=;")}, true},
		"no address":                 {[]string{"Autocrypt: " + keydata + "\r\n"}, false},
		"no key":                     {[]string{"Autocrypt: addr=bob@example.org\r\n"}, false},
		"an empty key":               {[]string{"Autocrypt: addr=bob@example.org; keydata=\r\n"}, false},
		"no base64":                  {[]string{"Autocrypt: addr=bob@example.org; keydata=!!!!\r\n"}, false},
		"a secret key":               {[]string{"Autocrypt: addr=bob@example.org; keydata=" + base64.StdEncoding.EncodeToString(secret) + "\r\n"}, false},
		"two keys in one":            {[]string{"Autocrypt: addr=bob@example.org; keydata=" + base64.StdEncoding.EncodeToString(append(exported(t, bob), exported(t, carol)...)) + "\r\n"}, false},
		"a key too large":            {[]string{"Autocrypt: addr=bob@example.org; keydata=" + base64.StdEncoding.EncodeToString(append(exported(t, bob), make([]byte, maxKeydata)...)) + "\r\n"}, false},
		"gossip outside of a seal":   {[]string{"Autocrypt-Gossip: addr=bob@example.org; " + keydata + "\r\n"}, false},
	} {
		o, ok := readAutocrypt(header(c.fields...), address("bob@example.org"))
		if ok != c.want {
			t.Errorf("%s: %v", name, ok)
		}
		if ok && o.cert.Fingerprint() != cert(t, bob).Fingerprint() {
			t.Errorf("%s: another key", name)
		}
		if ok && o.mutual != strings.Contains(strings.Join(c.fields, ""), "=mutual") {
			t.Errorf("%s: mutual %v", name, o.mutual)
		}
	}
	many := append([]string{good}, make([]string, maxAutocrypt)...)
	for i := range many[1:] {
		many[i+1] = fmt.Sprintf("Autocrypt: x%d\r\n", i)
	}
	if _, ok := readAutocrypt(header(many...), address("bob@example.org")); ok {
		t.Error("a header of that many fields was read")
	}
}

// TestLearn follows the peer state of one address (Autocrypt 1.1, section 2.3).
func TestLearn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, http.NotFound)
	old, next := entity("bob@example.org"), entity("bob@example.org")
	bob := address("bob@example.org")
	learn := func(h mail.Header, at time.Time) {
		t.Helper()
		if err := w.Learn(t.Context(), "alice", bob, h, at); err != nil {
			t.Fatal(err)
		}
	}
	at := testTime.Add(-72 * time.Hour)
	learn(header("Subject: no key\r\n"), at)
	if w.peers.puts != 0 {
		t.Error("one who has no key became a peer")
	}
	learn(header(autocryptOf(old, "bob@example.org", " prefer-encrypt=mutual;")), at)
	learn(header(autocryptOf(next, "bob@example.org", "")), at.Add(-time.Hour)) // older: ignored
	learn(header(autocryptOf(next, "bob@example.org", "")), at)                 // not newer: ignored
	p := must(w.Peers.Peer(t.Context(), "alice", bob))
	if !p.Prefer || !p.AutocryptAt.Equal(at) || !p.Pinned.IsZero() || p.Source != Autocrypt {
		t.Errorf("peer %+v", p)
	}
	learn(header(autocryptOf(next, "bob@example.org", "")), at.Add(time.Hour)) // newer, and nothing was pinned
	w.expect(t, next, Autocrypt, false)
	p = must(w.Peers.Peer(t.Context(), "alice", bob))
	if p.Pinned.IsZero() || p.Prefer {
		t.Errorf("after use: %+v", p)
	}
	future := testTime.AddDate(10, 0, 0) // counts as now, so that it does not shut later ones out
	learn(header(autocryptOf(next, "bob@example.org", " prefer-encrypt=mutual;")), future)
	if p = must(w.Peers.Peer(t.Context(), "alice", bob)); p.AutocryptAt.After(w.now()) || !p.Prefer {
		t.Errorf("a date to come: %+v", p)
	}
	puts := w.peers.puts
	w.later(time.Hour)
	learn(header("Subject: no key\r\n"), w.now())
	if w.peers.puts != puts {
		t.Error("every mail is written down")
	}
	w.later(48 * time.Hour)
	learn(header("Subject: no key\r\n"), w.now())
	if p = must(w.Peers.Peer(t.Context(), "alice", bob)); !p.SeenAt.Equal(w.now()) || p.AutocryptAt.Equal(w.now()) {
		t.Errorf("seen without a key: %+v", p)
	}
}

// TestAutocryptDowngrade is ATTACKS B07: no header takes a pinned key or its use away.
func TestAutocryptDowngrade(t *testing.T) {
	t.Parallel()
	bob, mallory := entity("bob@example.org"), entity("bob@example.org")
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(exported(t, bob)) })
	who := address("bob@example.org")
	w.expect(t, bob, WKD, false)
	revoked := entity("bob@example.org")
	if err := revoked.Revoke(packet.KeyRetired, "", keyConfig(testTime.AddDate(0, 0, -1))); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		field   string
		changed bool
	}{
		{autocryptOf(bob, "bob@example.org", " prefer-encrypt=mutual;"), false},
		{autocryptOf(bob, "bob@example.org", " prefer-encrypt=nopreference;"), false},
		{autocryptOf(revoked, "bob@example.org", ""), false},
		{"Subject: nothing\r\n", false},
		{autocryptOf(mallory, "bob@example.org", " prefer-encrypt=mutual;"), true},
		{autocryptOf(mallory, "bob@example.org", " prefer-encrypt=nopreference;"), true},
	}
	for i, s := range steps {
		if err := w.Learn(t.Context(), "alice", who, header(s.field), testTime.Add(time.Duration(i-30)*time.Minute)); err != nil {
			t.Fatal(err)
		}
		w.expect(t, bob, WKD, s.changed)
		if p := must(w.Peers.Peer(t.Context(), "alice", who)); !p.Prefer {
			t.Errorf("step %d: encryption is no longer preferred", i)
		}
	}
}

// TestLearnIsBounded: whoever may send mail cannot fill the database.
func TestLearnIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, http.NotFound)
	for i := range maxPeers - 1 {
		a := address(fmt.Sprintf("p%d@example.org", i))
		w.peers.peers["alice "+a.Key()] = Peer{Address: a}
	}
	e := entity("bob@example.org")
	for i := range 5 {
		a := fmt.Sprintf("bob%d@example.org", i)
		if err := w.Learn(t.Context(), "alice", address(a), header(autocryptOf(e, a, "")), testTime); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.peers.peers); n != maxPeers {
		t.Errorf("%d peers", n)
	}
	if n := w.peers.lists; n != 1 {
		t.Errorf("all peers were read %d times, at the wish of strangers", n)
	}
	delete(w.peers.peers, "alice p1@example.org")
	w.later(recountAfter)
	if err := w.Learn(t.Context(), "alice", address("late@example.org"), header(autocryptOf(e, "late@example.org", "")), testTime); err != nil || len(w.peers.peers) != maxPeers {
		t.Errorf("%d peers, %v", len(w.peers.peers), err)
	}
	w.peers.fail = errors.New("disk is gone")
	if err := w.Learn(t.Context(), "alice", address("x@example.org"), header(autocryptOf(e, "x@example.org", "")), testTime); err == nil {
		t.Error("a failing database was not noticed")
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	e := entity("bob@example.org", "other@example.org", "third@example.org")
	for _, mutual := range []bool{true, false} {
		field, err := Header(address("Other@example.org"), cert(t, e), mutual)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(field, "\r\n"), "\r\n") {
			if len(line) > 78 || strings.TrimSpace(line) == "" {
				t.Errorf("line %q", line)
			}
		}
		o, ok := readAutocrypt(header(field), address("other@example.org"))
		if !ok || o.mutual != mutual || o.cert.Fingerprint() != cert(t, e).Fingerprint() || len(o.cert.Identities()) != 1 || o.cert.Identities()[0] != "<other@example.org>" {
			t.Errorf("read back %+v, %v", o, ok)
		}
	}
	if field, err := Header(address("bob@bücher.example"), cert(t, e), false); err != nil || !strings.HasPrefix(field, "Autocrypt: addr=bob@xn--bcher-kva.example; keydata=\r\n") {
		t.Errorf("domain beyond ASCII: %q, %v", field, err)
	}
	for _, a := range []string{"jürgen@example.org", `"a;b"@example.org`, `"a b"@example.org`} {
		if field, err := Header(address(a), cert(t, e), false); err == nil {
			t.Errorf("%s: %q", a, field)
		}
	}
}

// FuzzAutocrypt: what parses is bounded, and what is written again is the same.
func FuzzAutocrypt(f *testing.F) {
	good := autocryptOf(entity("bob@example.org"), "bob@example.org", " prefer-encrypt=mutual;")
	f.Add(strings.TrimSpace(strings.TrimPrefix(good, "Autocrypt:")))
	f.Add("addr=a@b.example; _x=;; keydata=mDM=")
	f.Add("addr=a@b.example;addr=a@b.example")
	f.Fuzz(func(t *testing.T, value string) {
		o, err := parseAutocrypt(value)
		if err != nil {
			return
		}
		if o.cert == nil || len(o.cert.Bytes()) > maxKeydata {
			t.Fatal("a field without a key, or with a key too large")
		}
		field, err := Header(o.address, o.cert, o.mutual)
		if err != nil {
			return
		}
		again, err := parseAutocrypt(strings.TrimPrefix(strings.ReplaceAll(field, "\r\n", ""), "Autocrypt:"))
		if err != nil || again.address.Key() != o.address.Key() || again.mutual != o.mutual || again.cert.Fingerprint() != o.cert.Fingerprint() {
			t.Fatalf("%q became %q: %v", value, field, err)
		}
	})
}
