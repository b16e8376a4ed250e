package keyring

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealpost/mail"
	"sealpost/pgp"
)

// sealedSample is mail that the browser client sealed (webmail/ui/src/vault/seal/seal.test.ts).
type sealedSample struct {
	Join    Join        `json:"join"`
	Words   string      `json:"words"`
	Profile pgp.Profile `json:"profile"`
	Mails   []struct {
		Name     string    `json:"name"`
		Class    pgp.Class `json:"class"`
		Original []byte    `json:"original"`
		Upload   []byte    `json:"upload"`
	} `json:"mails"`
}

var letterKinds = map[string]pgp.Kind{"message": pgp.KindMessage, "header": pgp.KindHeader, "terms": pgp.KindTerms, "body": pgp.KindBody, "card": pgp.KindCard}

// clientMail takes apart what the browser sends for one mail.
func clientMail(t *testing.T, b []byte) pgp.ClientMail {
	t.Helper()
	var head struct {
		Received int64
		Header   string
		Class    pgp.Class
		Charset  string
		Letters  []struct {
			Letter string
			Size   int
		}
	}
	n := binary.BigEndian.Uint32(b)
	check(t, json.Unmarshal(b[4:4+n], &head))
	b = b[4+n:]
	m := pgp.ClientMail{Header: []byte(head.Header), Class: head.Class, Charset: head.Charset, Time: testTime}
	for _, l := range head.Letters {
		m.Letters = append(m.Letters, pgp.ClientLetter{Kind: letterKinds[l.Letter], Bytes: bytes.NewReader(b[:l.Size])})
		b = b[l.Size:]
	}
	if len(b) != 0 {
		t.Errorf("%d bytes are left", len(b))
	}
	return m
}

// What a browser sealed is taken by the server, and opens with the same bytes, class,
// terms and card as what the server sealed itself. SEALED_BY_BROWSER names another file
// of such mails, such as one of a whole corpus.
func TestBrowserSealedMailOpens(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(cmp.Or(os.Getenv("SEALED_BY_BROWSER"), filepath.Join("testdata", "sealed.json")))
	check(t, err)
	var samples []sealedSample
	check(t, json.Unmarshal(b, &samples))
	for _, s := range samples {
		cert, err := pgp.ParseCert(s.Join.Certificate)
		check(t, err)
		kit, err := ParseKit(s.Words)
		check(t, err)
		o, err := OpenByKit(kit, Identity{s.Join.Account, s.Join.Address, cert.Fingerprint()}, s.Join.Ring())
		check(t, err)
		to := pgp.Recipient{Cert: cert, Profile: s.Profile, Level: pgp.Baseline, ListKey: s.Join.ListKey}
		for _, m := range s.Mails {
			t.Run(string(s.Profile)+" "+m.Name, func(t *testing.T) {
				openBrowserSealed(t, o, to, m.Original, m.Upload, m.Class)
			})
		}
	}
}

func openBrowserSealed(t *testing.T, o *Owner, to pgp.Recipient, original, upload []byte, class pgp.Class) {
	t.Helper()
	sealed, err := pgp.ParseSealed(t.Context(), clientMail(t, upload), to)
	check(t, err)
	class = cmp.Or(class, sealed.Class())
	letters := map[pgp.Kind][]byte{}
	for _, l := range sealed.Letters() {
		var b bytes.Buffer
		_, err := l.WriteTo(&b)
		check(t, err)
		letters[l.Kind] = b.Bytes()
	}
	front := cmp.Or(string(letters[pgp.KindHeader]), string(letters[pgp.KindMessage]))
	open := func(restore bool, text string) (string, pgp.Opened) {
		var out bytes.Buffer
		found, err := pgp.Opener{Keys: o.Keys(), Restore: restore}.Open(t.Context(), strings.NewReader(text), &out)
		check(t, err)
		return out.String(), found
	}
	got, found := open(true, string(letters[pgp.KindHeader])+string(letters[pgp.KindMessage]))
	if got != string(original) || found.Class != class || sealed.Class() != class || found.Arrived.Unix() != 1_700_000_000 {
		t.Errorf("restored %d of %d bytes, %s, %s", len(got), len(original), found.Class, found.Arrived)
	}
	card, err := pgp.OpenCard(letters[pgp.KindCard], o.ListKey())
	check(t, err)
	keys, err := pgp.SessionKeys(bytes.NewReader(letters[pgp.KindMessage]))
	check(t, err)
	gist := mail.Look(t.Context(), bytes.NewReader(original), mail.DefaultLimits)
	if !card.Belongs(keys) || card.Class != class || card.Arrived != 1_700_000_000 || card.Verified {
		t.Errorf("card %+v", card)
	}
	if os.Getenv("SEALED_BY_BROWSER") == "" && (card.Subject != gist.Subject || card.From != gist.From || card.MessageID != gist.MessageID) {
		t.Errorf("card %+v of %+v", card, gist)
	}
	if terms := letters[pgp.KindTerms]; terms != nil {
		head, err := pgp.SessionKeys(strings.NewReader(front))
		check(t, err)
		words, _ := open(false, string(head)+string(terms))
		if class == pgp.SealedOnArrival && os.Getenv("SEALED_BY_BROWSER") == "" {
			for _, w := range gist.Terms {
				if !strings.Contains("\n"+words, "\n"+w+"\n") {
					t.Errorf("the terms lack %q", w)
				}
			}
		}
	}
	outerAgrees(t, got, class, sealed)
	if class == pgp.SealedOnArrival {
		shown, _ := open(false, string(letters[pgp.KindMessage]))
		for _, f := range []string{"From", "Date", "Subject", "Message-ID"} {
			said := valueOf(t, string(sealed.Outer()), f)
			if inside := valueOf(t, shown, "HP-Outer: "+f); said != inside && inside != "" {
				t.Errorf("%s is %q outside, and HP-Outer says %q", f, said, inside)
			}
		}
	}
}

// outerAgrees compares with the visible header that the server would have written.
func outerAgrees(t *testing.T, original string, class pgp.Class, sealed pgp.Sealed) {
	t.Helper()
	if os.Getenv("SEALED_BY_BROWSER") != "" {
		return
	}
	gist := mail.Look(t.Context(), strings.NewReader(original), mail.DefaultLimits)
	outer := string(sealed.Outer())
	if id := valueOf(t, outer, "Message-ID"); id != gist.MessageID {
		t.Errorf("Message-ID %q", id)
	}
	if subject := valueOf(t, outer, "Subject"); subject != "[...]" || class == "" {
		t.Errorf("subject %q", subject)
	}
}

// valueOf is the unfolded body of the first line that begins with a name.
func valueOf(t *testing.T, text, name string) string {
	t.Helper()
	text = strings.ReplaceAll(text, "\r\n ", " ")
	for line := range strings.SplitSeq(text, "\r\n") {
		if rest, ok := strings.CutPrefix(line, name+": "); ok {
			return rest
		}
		if line == "" {
			break
		}
	}
	return ""
}
