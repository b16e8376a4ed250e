package test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// zone answers TXT questions from a table.
type zone map[string]string

func (z zone) lookup(name string) ([]string, error) {
	if txt, ok := z[strings.TrimSuffix(name, ".")]; ok {
		return []string{txt}, nil
	}
	return nil, fmt.Errorf("no such name")
}

func (z zone) verified(t *testing.T, mail []byte) int {
	t.Helper()
	results, err := dkim.VerifyWithOptions(bytes.NewReader(mail), &dkim.VerifyOptions{LookupTXT: z.lookup, MaxVerifications: 5})
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for _, r := range results {
		if r.Err == nil {
			good++
		}
	}
	return good
}

// A DKIM signature that verified at the door verifies after the seal, for ever.
func TestDKIMOutlivesTheSeal(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	s := newSender(t, d.SMTP)
	z := zone{}
	mails := append(signedMails(t, z), signedInCorpus(t, z)...)
	var before []int
	for i, mail := range mails {
		n := z.verified(t, mail)
		if n == 0 {
			t.Fatalf("mail %d verifies nowhere", i)
		}
		before = append(before, n)
		if err := s.send("eve@example.org", d.alice().Address, mail); err != nil {
			t.Fatal(err)
		}
	}
	keys := clientKeys(t, d.alice())
	i := 0
	err := fetchAll(d.login(t, d.alice()), "INBOX", func(m served) error {
		back, err := restore(keys, m.mail)
		if err != nil {
			return err
		}
		if n := z.verified(t, back); n != before[i] {
			t.Errorf("mail %d: %d signatures verified before, %d after", i, before[i], n)
		}
		if n := z.verified(t, append([]byte("Subject: forged\r\n"), back...)); n != 0 && i == 0 {
			t.Errorf("a changed mail still verifies: the check is worth nothing")
		}
		i++
		return nil
	})
	if err != nil || i != len(mails) {
		t.Fatalf("%d of %d signed mails came back, %v", i, len(mails), err)
	}
	t.Logf("%d signed mails", i)
}

// signedMails signs mails of awkward shapes with fresh RSA and Ed25519 keys.
func signedMails(t *testing.T, z zone) [][]byte {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	z["rsa._domainkey.signer.test"] = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
	z["ed._domainkey.signer.test"] = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	bodies := []string{
		"From: a@signer.test\r\nSubject: plain\r\n\r\nhello\r\n",
		"From: a@signer.test\r\nSubject: folded\r\n and long\r\nContent-Type: multipart/mixed;\r\n boundary=\"x;y\"\r\n\r\n--x;y\r\n\r\npart \r\n--x;y--\r\n\r\n\r\n",
		"from :a@signer.test\r\nSUBJECT:no space\r\ncontent-type: text/plain; charset=\"utf-8\";\r\n\r\n\xc3\xa9t\xc3\xa9  \r\n.dots\r\n..more\r\n",
	}
	var mails [][]byte
	for _, canon := range []dkim.Canonicalization{dkim.CanonicalizationSimple, dkim.CanonicalizationRelaxed} {
		for selector, key := range map[string]crypto.Signer{"rsa": rsaKey, "ed": edKey} {
			for _, body := range bodies {
				var out bytes.Buffer
				o := &dkim.SignOptions{Domain: "signer.test", Selector: selector, Signer: key, HeaderCanonicalization: canon, BodyCanonicalization: canon,
					HeaderKeys: []string{"From", "From", "Subject", "Subject", "Content-Type", "Content-Type"}}
				if err := dkim.Sign(&out, strings.NewReader(body), o); err != nil {
					t.Fatal(err)
				}
				mails = append(mails, out.Bytes())
			}
		}
	}
	return mails
}

// signedInCorpus takes those files of the corpus that carry their DNS records
// in front of the mail: a line of name and record each, an empty line, the mail.
func signedInCorpus(t *testing.T, z zone) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus(t), "auth", "stalwart-mail-auth", "dkim__*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var mails [][]byte
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := crlf(raw)
		records, mail, _ := bytes.Cut(text, []byte("\r\n\r\n"))
		own := zone{}
		for line := range strings.SplitSeq(string(records), "\r\n") {
			name, txt, _ := strings.Cut(line, " ")
			own[strings.TrimSuffix(name, ".")] = txt
		}
		if own.verified(t, mail) == 0 {
			continue // expired or broken on purpose
		}
		for name, txt := range own {
			z[name] = txt
		}
		mails = append(mails, mail)
	}
	return mails
}
