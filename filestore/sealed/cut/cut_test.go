package cut

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/filestore/drive"
	"sealpost/filestore/sealed"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/pgp/keyring"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

const alice = drive.Owner("alice")

func newCutter(t *testing.T, quota int64) *Cutter {
	t.Helper()
	db, err := bolt.Open(filepath.Join(t.TempDir(), "index"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(filepath.Join(t.TempDir(), "blobs"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close(); db.Close() })
	if _, err := db.Index().Apply(t.Context(), mailstore.Owner(alice), []mailstore.Change{mailstore.SetQuota{Bytes: quota}}); err != nil {
		t.Fatal(err)
	}
	return &Cutter{Base: "https://mail.demo.test", Drive: &drive.Drive{
		Store: db.Drive(), Blobs: blobs, Bus: new(notify.Bus), Log: slog.New(slog.DiscardHandler), Now: time.Now, Secret: make([]byte, 32),
		Usual: time.Hour, Longest: time.Hour, Patience: time.Hour,
	}}
}

func (c *Cutter) objects(t *testing.T) []drive.Object {
	t.Helper()
	all, err := c.Drive.Store.Objects(t.Context(), alice, drive.ID{}, 100, false)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// content is what the owner reads of a file.
func (c *Cutter) content(t *testing.T, id string, secret sealed.Secret, length int64) []byte {
	t.Helper()
	object, err := drive.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.Drive.Open(t.Context(), alice, object)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	f, err := sealed.Open(in, in.Size(), sealed.Head{Name: "x", Length: length, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, length))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func noise(n int) []byte {
	b, r := make([]byte, n), rand.NewChaCha8([32]byte{7})
	r.Read(b)
	return b
}

func lines(b []byte, width int) string {
	var out []string
	for s := base64.StdEncoding.EncodeToString(b); s != ""; {
		n := min(width, len(s))
		out, s = append(out, s[:n]), s[n:]
	}
	return strings.Join(out, "\r\n")
}

// withPart is a mail of a text, this part, and a short file behind it.
func withPart(header, content string) string {
	return "From: bob@example.org\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\nprologue\r\n--b\r\n\r\nhello\r\n" +
		"--b\r\n" + header + "\r\n" + content + "\r\n--b\r\nContent-Type: text/plain; name=small.txt\r\n\r\nsmall\r\n--b--\r\nepilogue"
}

const pdf = "Content-Type: application/pdf;\r\n name=\"Bericht =?utf-8?q?f=C3=BCr?= alle.pdf\"\r\nX-Odd:\r\nContent-Transfer-Encoding: base64\r\n"

// What arrives comes back octet for octet, or is not cut.
func TestArrivedComesBack(t *testing.T) {
	t.Parallel()
	b := noise(30_011)
	plain := strings.ToUpper(strings.Repeat("line of text\r\n", 3000))
	for name, c := range map[string]struct {
		header, content string
		cut             bool
	}{
		"as most write it":     {pdf, lines(b, 76), true},
		"blank lines behind":   {pdf, lines(b, 76) + "\r\n\r\n\r\n", true},
		"lines of 72":          {pdf, lines(b, 72), true},
		"one full last line":   {pdf, lines(b[:57*300], 76), true},
		"padding of two":       {pdf, lines(b[:30_001], 76), true},
		"one long line":        {pdf, lines(b[:740], 988), true},
		"text as it is":        {"Content-Type: text/csv; name=a.csv\r\n", plain, true},
		"bare LF within":       {"Content-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: binary\r\n", plain + "\n\n\x00\r", true},
		"an odd line":          {pdf, lines(b, 76)[:76*9] + "\r\n" + lines(b, 76)[76*9:], false},
		"lines of 75":          {pdf, lines(b, 75), false},
		"a blank line within":  {pdf, lines(b[:570], 76) + "\r\n\r\n" + lines(b, 76), false},
		"padding within":       {pdf, lines(b[:55], 76) + "\r\n" + lines(b, 76), false},
		"no end of lines":      {pdf, strings.ReplaceAll(lines(b, 76), "\r\n", "\n"), false},
		"a blank in a line":    {pdf, lines(b, 76) + "\r\n ", false},
		"bits behind padding":  {pdf, lines(b[:57*300], 76) + "\r\nQUJD\r\nQR==", false},
		"another alphabet":     {pdf, strings.NewReplacer("+", "-", "/", "_").Replace(lines(b, 76)), false},
		"quoted-printable":     {"Content-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: quoted-printable\r\n", plain, false},
		"a header of 20 KiB":   {"Content-Type: text/csv; name=a.csv\r\nX-Long: " + strings.Repeat("x", 20<<10) + "\r\n", plain, false},
		"nothing in it":        {pdf, strings.Repeat("\r\n", 40), false},
		"nothing but one line": {pdf, strings.Repeat("=", 4000), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cutter := newCutter(t, 0)
			m := strings.NewReader(withPart(c.header, c.content))
			got, err := cutter.Arrived(t.Context(), alice, drive.MailID{1}, m, mail.Look(t.Context(), m, mail.DefaultLimits), 400)
			if err != nil || (got != nil) != c.cut {
				t.Fatalf("cut: %v, %v", got != nil, err)
			}
			if c.cut {
				comesBack(t, cutter, got, withPart(c.header, c.content))
			} else if len(cutter.objects(t)) != 0 {
				t.Error("a file was made of it")
			}
		})
	}
}

func comesBack(t *testing.T, c *Cutter, got *Cut, want string) {
	t.Helper()
	places, err := Places(append([]byte("Received: x\r\n"), Fields(got.Places)...))
	if err != nil || len(places) != 1 {
		t.Fatalf("%v, %v", places, err)
	}
	var back bytes.Buffer
	err = Restore(t.Context(), &back, got.Mail, places, func(_ context.Context, s Stub, w io.Writer) error {
		if !strings.HasPrefix(s.Link, "https://mail.demo.test/f/") {
			t.Errorf("leads to %s", s.Link)
		}
		_, err := w.Write(c.content(t, s.Object, s.Secret, s.Length))
		return err
	})
	if err != nil || back.String() != want {
		t.Errorf("restored %d octets of %d, %v", back.Len(), len(want), err)
	}
	if all := c.objects(t); len(all) != 1 || all[0].Mail != (drive.MailID{1}) {
		t.Errorf("%+v", all)
	}
	if got.Mail.Size() > 4000 {
		t.Errorf("what stays has %d octets", got.Mail.Size())
	}
	// A file that is not the one that was cut out is refused.
	err = Restore(t.Context(), io.Discard, got.Mail, places, func(_ context.Context, s Stub, w io.Writer) error {
		b := c.content(t, s.Object, s.Secret, s.Length)
		b[len(b)-1] ^= 1
		_, err := w.Write(b)
		return err
	})
	if !errors.Is(err, ErrContent) {
		t.Errorf("another file: %v", err)
	}
}

// What somebody signed or encrypted stays as it is, and so does what was not looked
// through to its end.
func TestGuardedStays(t *testing.T) {
	t.Parallel()
	c := newCutter(t, 0)
	part := withPart(pdf, lines(noise(3000), 76))
	for name, text := range map[string]string{
		"signed":  "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n" + part + "\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n",
		"S/MIME":  strings.Replace(part, "text/plain; name=small.txt", "application/pkcs7-mime; name=smime.p7m", 1),
		"related": strings.Replace(part, "multipart/mixed", "multipart/related", 1),
	} {
		m := strings.NewReader(text)
		if got, err := c.Arrived(t.Context(), alice, drive.MailID{1}, m, mail.Look(t.Context(), m, mail.DefaultLimits), 400); got != nil || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	m := strings.NewReader(part)
	few := mail.DefaultLimits
	few.Parts = 3
	if got, err := c.Arrived(t.Context(), alice, drive.MailID{1}, m, mail.Look(t.Context(), m, few), 400); got != nil || err != nil {
		t.Errorf("half a look: %v, %v", got, err)
	}
	if len(c.objects(t)) != 0 {
		t.Error("a file was made")
	}
}

// The owner finds what was made of a sent mail: its head opens with the key that only
// their clients have, and so does the link.
func TestSentIsFound(t *testing.T) {
	t.Parallel()
	c, b := newCutter(t, 0), noise(20_000)
	receiver, err := keyring.ReceiverOf(make([]byte, 32), sealed.DropPurpose)
	if err != nil {
		t.Fatal(err)
	}
	m := strings.NewReader(withPart(pdf, lines(b, 76)))
	got, err := c.Sent(t.Context(), alice, receiver.Public(), m, mail.Look(t.Context(), m, mail.DefaultLimits), 10_000)
	if err != nil || got == nil || len(got.Places) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	all := c.objects(t)
	if len(all) != 1 || all[0].Request != drive.Outgoing || !all[0].Whole {
		t.Fatalf("%+v", all)
	}
	o := sealed.Object{ID: all[0].ID.String(), Size: all[0].Size}
	h, err := sealed.OpenDrop(receiver, all[0].Request.String(), o, all[0].Head)
	if err != nil || h.Name != "Bericht für alle.pdf" || h.Type != "application/pdf" || !bytes.Equal(c.content(t, o.ID, h.Secret, h.Length), b) {
		t.Errorf("%+v, %v", h.Length, err)
	}
	text, err := io.ReadAll(io.NewSectionReader(got.Mail, 0, got.Mail.Size()))
	if err != nil {
		t.Fatal(err)
	}
	leadsTo(t, c, string(text), h)
	if err := got.Undo(t.Context()); err != nil || len(c.objects(t)) != 0 {
		t.Errorf("undone: %v, %d", err, len(c.objects(t)))
	}
}

// leadsTo follows the link in a mail.
func leadsTo(t *testing.T, c *Cutter, text string, want sealed.Head) {
	t.Helper()
	text = strings.ReplaceAll(text, "=\r\n", "")
	_, rest, ok := strings.Cut(text, "https://mail.demo.test/f/")
	if !ok || strings.Contains(text, "alle.pdf\"") {
		t.Fatalf("not a link in %s", text)
	}
	id, rest, _ := strings.Cut(rest, "#")
	fragment, _, _ := strings.Cut(rest, "\r\n")
	secret, err := sealed.ParseLinkSecret(fragment)
	if err != nil {
		t.Fatal(err)
	}
	open, err := sealed.Unlock(secret, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	link, err := drive.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	l, o, proven, err := c.Drive.Shared(t.Context(), link, open.Proof())
	if err != nil || !proven {
		t.Fatal(proven, err)
	}
	h, err := open.Open(sealed.Object{ID: o.ID.String(), Size: o.Size}, l.Box)
	if err != nil || h.Name != want.Name || h.Secret != want.Secret {
		t.Errorf("%v", err)
	}
}

// Where there is no room nothing is left behind.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	two := "--b\r\n" + pdf + "\r\n" + lines(noise(30_000), 76) + "\r\n"
	m := strings.NewReader(strings.Replace(withPart(pdf, lines(noise(30_000), 76)), "--b\r\n\r\nhello\r\n", "--b\r\n\r\nhello\r\n"+two, 1))
	g := mail.Look(t.Context(), m, mail.DefaultLimits)
	c := newCutter(t, 50_000)
	if got, err := c.Arrived(t.Context(), alice, drive.MailID{1}, m, g, 10_000); got != nil || !errors.Is(err, drive.ErrQuota) {
		t.Fatalf("%v, %v", got, err)
	}
	if all := c.objects(t); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if got, err := newCutter(t, 0).Arrived(stopped, alice, drive.MailID{1}, m, g, 10_000); got != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestPlacesAreStrict(t *testing.T) {
	t.Parallel()
	for _, front := range []string{
		"Sealpost-Cut: v=2; at=1; size=2\r\n", "Sealpost-Cut: v=1; at=01; size=2\r\n", "Sealpost-Cut: v=1; at=-1; size=2\r\n", "Sealpost-Cut: v=1; at=1; size=0\r\n",
		"Sealpost-Cut: v=1; at=1; size=2; x\r\n", "Sealpost-Cut: v=1; at=9; size=2\r\nSealpost-Cut: v=1; at=10; size=2\r\n", "Sealpost-Cut: v=1; at=1; size=99999999\r\n",
	} {
		if all, err := Places([]byte(front)); !errors.Is(err, ErrPlaces) {
			t.Errorf("%q: %v, %v", front, all, err)
		}
	}
	if all, err := Places([]byte("X-Forged-Sealpost-Cut: v=1; at=1; size=2\r\nReceived: x;\r\n\tSealpost-Cut: v=1\r\n")); len(all) != 0 || err != nil {
		t.Errorf("what is not ours: %v, %v", all, err)
	}
}

var update = flag.Bool("update", false, "write the sample of a stub anew")

// TestSample: the browser's client reads the same stub (webmail/ui/src/files/stub.test.ts).
func TestSample(t *testing.T) {
	t.Parallel()
	raw, id := make([]byte, 32), drive.Outgoing.String()
	for i := range raw {
		raw[i] = byte(i + 1)
	}
	secret, err := sealed.ParseSecret(raw)
	if err != nil {
		t.Fatal(err)
	}
	s := Stub{Version: 1, Name: "Bericht für alle.pdf", Type: "application/pdf", Length: 12_345_678, Object: id, Secret: secret, Hash: bytes.Repeat([]byte{7}, 32),
		Link: "https://mail.demo.test/f/Abcdefghijklmnopqrstuv#AAECAwQFBgcICQoLDA0ODw", Header: []byte(pdf + "\r\n"), Coding: coding{Name: codedBase64, Width: 76, Tail: "\r\n"}}
	part, err := s.part()
	if err != nil {
		t.Fatal(err)
	}
	sample := filepath.Join("testdata", "stub.txt")
	content := bytes.TrimPrefix(part, []byte(stubHeader))
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(sample, content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(sample); err != nil || !bytes.Equal(kept, content) {
		t.Errorf("another sample: %v", err)
	}
	if again, err := ParseStub(content); err != nil || fmt.Sprint(again) != fmt.Sprint(s) {
		t.Errorf("%v, %v", again, err)
	}
}

func FuzzParseStub(f *testing.F) {
	s := Stub{Version: 1, Name: "a.pdf", Length: 9, Object: strings.Repeat("a", 22), Secret: sealed.NewSecret(), Hash: make([]byte, 32),
		Link: "https://mail.demo.test/f/x#y", Header: []byte("\r\n"), Coding: coding{Name: codedBase64, Width: 76, Tail: "\r\n"}}
	part, err := s.part()
	if err != nil {
		f.Fatal(err)
	}
	content := strings.TrimPrefix(string(part), stubHeader)
	f.Add(content)
	f.Add(strings.Replace(content, "\r\n", "\n", 3))
	f.Add(stubBegin + stubEnd)
	if _, err := ParseStub([]byte(content)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStub([]byte(text))
		if err != nil {
			return
		}
		if !s.valid() {
			t.Errorf("%q is no stub", text)
		}
		part, err := s.part()
		if err != nil {
			return // a longer name or header than fits
		}
		if again, err := ParseStub(bytes.TrimPrefix(part, []byte(stubHeader))); err != nil || fmt.Sprint(again) != fmt.Sprint(s) {
			t.Errorf("%v, %v", again, err)
		}
	})
}
