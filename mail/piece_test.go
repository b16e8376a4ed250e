package mail

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

const pieces = "From: a@example.org\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n" +
	"--o\r\nContent-Type: multipart/related; boundary=i\r\n\r\n--i\r\n\r\ntext\r\n" +
	"--i\r\nContent-Type: image/png; name=\"inline.png\"\r\n\r\npicture\r\n--i--\r\n" +
	"--o\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: BASE64\r\n\r\nQUJD\r\n\r\n" +
	"--o\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: x/y\r\n\r\ninner\r\n--m--\r\n" +
	"--o\r\nContent-Type: text/plain; name=b.txt\r\n\r\n\r\n" +
	"--o\r\nContent-Type: text/csv; name=c.csv\r\n\r\n1,2\r\n--o--\r\n"

func TestPieces(t *testing.T) {
	t.Parallel()
	g := Look(t.Context(), strings.NewReader(pieces), DefaultLimits)
	if !g.Complete || g.Guarded || len(g.Pieces) != 2 {
		t.Fatalf("complete %v, guarded %v, %+v", g.Complete, g.Guarded, g.Pieces)
	}
	read := func(r io.Reader) string {
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	m := strings.NewReader(pieces)
	for i, want := range []struct{ name, kind, encoding, head, content string }{
		{"a.pdf", "application/pdf", "base64", "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: BASE64\r\n\r\n", "QUJD\r\n"},
		{"c.csv", "text/csv", "", "Content-Type: text/csv; name=c.csv\r\n\r\n", "1,2"},
	} {
		p := g.Pieces[i]
		if p.Name != want.name || p.Type != want.kind || p.Encoding != want.encoding || read(p.Header(m)) != want.head || read(p.Content(m)) != want.content {
			t.Errorf("%+v: %q, %q", p, read(p.Header(m)), read(p.Content(m)))
		}
	}
}

func TestGuarded(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{
		"signed": "multipart/signed; boundary=o", "encrypted": "multipart/encrypted; boundary=o", "S/MIME": "application/pkcs7-mime",
		"detached": "multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: application/pgp-signature",
		"inside":   "multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/signed; boundary=x",
	} {
		if g := Look(t.Context(), strings.NewReader("Content-Type: "+kind+"\r\n\r\n"), DefaultLimits); !g.Guarded {
			t.Errorf("%s: not guarded", name)
		}
	}
}
