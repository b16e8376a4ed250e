package test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"sealpost/cmd/sealpost/prove"
)

// canary is a word that nothing but these tests would ever write.
const canary = "Wombat7Quokka3Numbat"

// canaryMails carry the word wherever a mail can: subject, text in three
// encodings, names, attachments, preamble, headers of all kinds, and at every length.
func canaryMails() [][]byte {
	head := "From: eve@example.org\r\nTo: alice@demo.test\r\nSubject: the " + canary + " file\r\nX-Note: " + canary + "\r\nMIME-Version: 1.0\r\n"
	var qp bytes.Buffer
	w := quotedprintable.NewWriter(&qp)
	fmt.Fprintf(w, "é %s = %s", canary, strings.Repeat(canary+" ", 20))
	w.Close()
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	lots := strings.Repeat("A line that says "+canary+" and no more than that.\r\n", 40_000)
	return [][]byte{
		[]byte(head + "\r\n" + canary + "\r\n"),
		[]byte(head + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + qp.String() + "\r\n"),
		[]byte(head + "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64("<b>x"+canary+"</b>") + "\r\n"),
		[]byte(head + "Content-Type: multipart/mixed; boundary=" + canary + "\r\n\r\npreamble " + canary + "\r\n--" + canary +
			"\r\nContent-Type: application/pdf; name=\"" + canary + ".pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64("yy"+canary) + "\r\n--" + canary + "--\r\nepilogue " + canary + "\r\n"),
		[]byte(head + "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n" + canary + "\r\n--b\r\n\r\n" + canary + "\r\n--b--\r\n"),
		[]byte(head + "\r\n-----BEGIN PGP MESSAGE-----\r\nComment: " + canary + "\r\n\r\n" + b64(canary) + "\r\n-----END PGP MESSAGE-----\r\n"),
		[]byte(head + "\r\n" + lots), // over 1 MiB: through the spool's file
		[]byte("Subject: =?utf-8?b?" + b64(canary) + "?=\r\n\r\n\r\n"),
	}
}

// letCanariesIn sends the word through every door in every way that ends well
// or badly: 250, 4xx, 5xx, over quota, cut in the middle, appended over IMAP.
func letCanariesIn(t *testing.T, d *demo) {
	t.Helper()
	for i, mail := range canaryMails() {
		s := newSender(t, d.SMTP)
		if code, reply := deliver(t, s, d.alice().Address, mail, i%2 == 0); code != 250 {
			t.Fatalf("canary mail %d: %s", i, reply)
		}
	}
	s := newSender(t, d.SMTP)
	s.say(550, "RCPT TO:<"+canary+"@demo.test>")
	s.say(500, canary+" "+canary)
	s.say(501, "MAIL FROM:<"+canary)
	if err := s.envelope("eve@example.org", d.alice().Address); err != nil {
		t.Fatal(err)
	}
	if code, reply, err := s.data([]byte("Subject: " + canary + "\r\n\r\nbare\rreturn " + canary + "\r\n")); err != nil || code < 500 {
		t.Fatalf("a bare CR was answered %s, %v", reply, err)
	}
	full := "full@demo.test"
	d.run(t, nil, "account", "add", full, "--config", d.Config, "--key", publicKey(t, d, d.alice()), "--quota", "4KB")
	for range 4 {
		s := newSender(t, d.SMTP)
		if s.envelope("eve@example.org", full) == nil {
			s.data(canaryMails()[0])
		}
	}
	cut := newSender(t, d.SMTP)
	cut.envelope("eve@example.org", d.alice().Address)
	cut.say(354, "DATA")
	cut.conn.Write(canaryMails()[6][:1_500_000]) // larger than memory takes, never finished
	c := d.login(t, d.alice())
	for _, mail := range canaryMails() {
		a := c.Append("Drafts", int64(len(mail)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}})
		if _, err := a.Write(mail); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(100 * time.Millisecond)
	cut.conn.Close()
}

// publicKey is a person's certificate, taken from their secret key by GnuPG.
func publicKey(t *testing.T, d *demo, p person) string {
	t.Helper()
	need(t, "gpg")
	home := gnupgHome(t, p.SecretKey)
	return write(t, t.TempDir(), "public.asc", doEnv(t, []string{"GNUPGHOME=" + home}, nil, "gpg", "--batch", "--armor", "--export", p.Address))
}

// scan fails the test for every place in which the canary stands, in any of
// the forms prove knows.
func scan(t *testing.T, roots ...string) int64 {
	t.Helper()
	report, err := prove.Scan(timeout(t, 5*time.Minute), roots, []string{canary})
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range report.Hits {
		t.Errorf("F01: %s", hit)
	}
	return report.Bytes
}

// F01: after every kind of ending, and a kill in the middle of DATA, no file of
// the server, no log and no temp file holds the word in any form.
func TestF01NothingReadableOnDisk(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	d := startDemo(t, withEnv("TMPDIR="+tmp))
	letCanariesIn(t, d)
	cut := newSender(t, d.SMTP)
	cut.envelope("eve@example.org", d.alice().Address)
	cut.say(354, "DATA")
	cut.conn.Write(canaryMails()[6][:1_500_000])
	time.Sleep(200 * time.Millisecond)
	d.kill()
	scan(t, d.data(), tmp)
	d.start(t)
	d.stop(t)
	scanned := scan(t, d.data(), tmp)
	if strings.Contains(d.log.String(), canary) {
		t.Error("F01: the log holds the canary")
	}
	if scanned < 1<<20 {
		t.Errorf("only %d bytes were looked at: the mail is not where the test looks", scanned)
	}
}

// F02: the same, over system calls: no buffer that is written anywhere holds
// the word, not even one that is deleted a moment later.
func TestF02NothingReadableIsWritten(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	d := startDemo(t, withBinary(bin), under("strace", "-f", "-qq", "-y", "-xx", "-s", "8388608", "-o", trace,
		"-e", "trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg"))
	letCanariesIn(t, d)
	d.stop(t)
	written := filepath.Join(t.TempDir(), "written")
	if err := os.Mkdir(written, 0o700); err != nil {
		t.Fatal(err)
	}
	if n := replay(t, trace, written); n < 1<<20 {
		t.Fatalf("the trace holds %d written bytes only", n)
	}
	scan(t, written)
}

var (
	quoted = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"`)
	target = regexp.MustCompile(`^\d+\s+\w+\((\d+<[^>]*>)`)
)

// replay writes what each traced descriptor was given into a file of its own,
// in order, so that a word cut over two calls is whole again.
func replay(t *testing.T, trace, dir string) (total int64) {
	t.Helper()
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := map[string]io.WriteCloser{}
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := r.ReadString('\n')
		if m := target.FindStringSubmatch(line); m != nil {
			w := files[m[1]]
			if w == nil {
				if w, err = os.Create(filepath.Join(dir, fmt.Sprint(len(files)))); err != nil {
					t.Fatal(err)
				}
				files[m[1]] = w
			}
			for _, q := range quoted.FindAllStringSubmatch(line, -1) {
				data, err := hex.DecodeString(strings.ReplaceAll(q[1], `\x`, ""))
				if err != nil {
					t.Fatal(err)
				}
				w.Write(data)
				total += int64(len(data))
			}
		}
		if err != nil {
			break
		}
	}
	for _, w := range files {
		w.Close()
	}
	return total
}
