package test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newGnupg is somebody's GnuPG, with a key that it made itself.
func newGnupg(t *testing.T, address string) (home string) {
	t.Helper()
	// The agent's socket path must be short, so not below t.TempDir().
	home, err := os.MkdirTemp("/tmp", "sp-gpg-")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"GNUPGHOME=" + home}
	t.Cleanup(func() {
		doEnv(t, env, nil, "gpgconf", "--kill", "all")
		os.RemoveAll(home)
	})
	doEnv(t, env, nil, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", address, "ed25519", "default", "never")
	print, _, _ := strings.Cut(field(string(doEnv(t, env, nil, "gpg", "--batch", "--with-colons", "--list-keys", address)), "fpr:::::::::"), ":")
	doEnv(t, env, nil, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-add-key", print, "cv25519", "encr", "never")
	return home
}

// field is what follows a name, up to the end of the line.
func field(text, name string) string {
	_, rest, _ := strings.Cut(text, name)
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// foldedKey is a person's certificate as an Autocrypt field has it.
func foldedKey(t *testing.T, home, address string) string {
	t.Helper()
	cert := doEnv(t, []string{"GNUPGHOME=" + home}, nil, "gpg", "--batch", "--export-options", "export-minimal", "--export", address)
	text := base64.StdEncoding.EncodeToString(cert)
	var b strings.Builder
	for ; len(text) > 70; text = text[70:] {
		b.WriteString("\n " + text[:70])
	}
	return b.String() + "\n " + text
}

// armored is the OpenPGP message that a mail holds.
func armored(t *testing.T, mail string) []byte {
	t.Helper()
	from, to := strings.Index(mail, "-----BEGIN PGP MESSAGE-----"), strings.Index(mail, "-----END PGP MESSAGE-----")
	if from < 0 || to < from {
		t.Fatalf("no OpenPGP message in\n%s", tail(mail, 2000))
	}
	return []byte(mail[from:to] + "-----END PGP MESSAGE-----\n")
}

// Somebody with GnuPG behind a Postfix writes once, with an Autocrypt field. What
// is written to her from then on leaves encrypted, and her GnuPG opens it; a field
// on one mail overrides that, but not an account that demands it.
func TestEncryptOnSubmission(t *testing.T) {
	t.Parallel()
	need(t, "gpg", "curl")
	c := newCountry(t, "a.test", "p.test")
	ann, carol := c.houses[0], c.houses[1]
	ann.open(t, "ann")
	carol.openPostfix(t)
	me, her := ann.person.Address, carol.person.Address
	home := newGnupg(t, her)

	ann.submit(t, aboutWord(me, her, "word-early"), her)
	wants(t, "mail to somebody without a key", carol.carols(t, "word-early"), "Subject: about word-early", "Here is word-early")

	carol.mails(t, "Autocrypt: addr="+her+"; prefer-encrypt=mutual; keydata="+foldedKey(t, home, her)+"\n"+aboutWord(her, me, "word-hello"), me)
	ann.arrival(t, "INBOX", "Here is word-hello")
	ann.submit(t, "Message-ID: <word-sealed@a.test>\n"+aboutWord(me, her, "word-sealed"), her)
	got := carol.carols(t, "Message-ID: <word-sealed@a.test>")
	wants(t, "encrypted mail", got, "Content-Type: multipart/encrypted", "Subject: [...]", "DKIM-Signature:")
	if strings.Contains(got, "Here is") || strings.Contains(got, "about word-sealed") {
		t.Errorf("it left readable:\n%s", got)
	}
	opened := string(doEnv(t, []string{"GNUPGHOME=" + home}, armored(t, got), "gpg", "--batch", "--quiet", "--decrypt"))
	wants(t, "what GnuPG opens", opened, "Subject: about word-sealed", "Here is word-sealed, in the body.")
	wants(t, "the Sent copy", ann.arrival(t, "Sent", "Here is word-sealed"), "Subject: about word-sealed")

	ann.submit(t, "Sealpost-Encrypt: no\n"+aboutWord(me, her, "word-open"), her)
	got = carol.carols(t, "Here is word-open")
	if strings.Contains(got, "Sealpost-Encrypt") {
		t.Errorf("the wish leaves with the mail:\n%s", got)
	}

	ann.sealpost(t, "account", "set", me, "--encrypt=require")
	ann.submit(t, "Message-ID: <word-demand@a.test>\nSealpost-Encrypt: no\n"+aboutWord(me, her, "word-demand"), her)
	wants(t, "mail of an account that demands encryption", carol.carols(t, "Message-ID: <word-demand@a.test>"), "multipart/encrypted")
	said, err := ann.trySubmit(t, aboutWord(me, "dave@p.test", "word-keyless"), "dave@p.test", her)
	// Where no DNS can be asked it is not known that there is no key.
	none := strings.Contains(said, "550 5.7.5 no key for 1 of 2 recipients: dave@p.test; nothing was sent")
	later := strings.Contains(said, "451 4.7.5 cannot look for keys of 1 of 2 recipients now")
	if err == nil || !none && !later {
		t.Errorf("a recipient without a key: %v\n%s", err, said)
	}
	await(t, "an empty queue", func() bool { return len(ann.queue(t)) == 0 })
	ann.submit(t, "Message-ID: <word-last@a.test>\n"+aboutWord(me, her, "word-last"), her)
	carol.carols(t, "Message-ID: <word-last@a.test>")
	if mails, err := filepath.Glob(carol.file("mail/carol/new/*")); err != nil || len(mails) != 5 {
		t.Errorf("carol has %d mails, want 5: what was refused must not be sent (%v)", len(mails), err)
	}
}
