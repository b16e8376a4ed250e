package test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// corpus is the folder of real mail, which is never part of this repository.
func corpus(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SEALPOST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	dir, err := filepath.Abs(dir) // commands stand elsewhere
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "MANIFEST.tsv")); err != nil {
		t.Logf("no corpus of real mail (set SEALPOST_CORPUS): the small mails of testdata stand in")
		return filepath.Join("testdata", "mails")
	}
	return dir
}

// eachMail visits what one person may be sent who has no other's key.
func eachMail(t *testing.T, visit func(path string, raw []byte)) {
	t.Helper()
	err := filepath.WalkDir(corpus(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err == nil && !toNobody(raw) {
			visit(path, raw)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// toNobody says that a mail is encrypted and names none of its readers (RFC 9580,
// section 5.1.8): nobody can tell that it is not its owner's, who has it as it came.
func toNobody(raw []byte) bool {
	_, text, found := bytes.Cut(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("-----BEGIN PGP MESSAGE-----"))
	_, text, armored := bytes.Cut(text, []byte("\n\n"))
	head := make([]byte, 12)
	if n, err := base64.StdEncoding.Decode(head, text[:min(16, len(text))]); !found || !armored || err != nil || n < 12 {
		return false
	}
	const pkesk = 1
	tag, body := head[0]&0x3f, head[2:]
	if head[0]&0x40 == 0 { // the old format, a length of two octets
		tag, body = head[0]>>2&0x0f, head[3:]
	}
	v3 := body[0] == 3 && bytes.Equal(body[1:9], make([]byte, 8))
	return tag == pkesk && (v3 || body[0] == 6 && body[1] == 0)
}

// Everything in the corpus goes through the running server, by DATA and by
// BDAT in turns; what comes back out of the seal is what went in.
func TestCorpusRoundTrip(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	s := newSender(t, d.SMTP)
	sent, paths := [][]byte{}, []string{}
	refused := 0
	eachMail(t, func(path string, raw []byte) {
		mail, clean := crlf(raw)
		code, reply := deliver(t, s, d.bob().Address, mail, len(sent)%2 == 1)
		switch {
		case clean && code == 250:
			sent, paths = append(sent, mail), append(paths, path)
		case clean:
			t.Errorf("%s was refused: %s", path, reply)
		case code < 500:
			t.Errorf("%s holds a NUL or a bare CR and was answered %s", path, reply)
		default:
			refused++
			s.conn.Close() // a connection may be wrong only so often
			s = newSender(t, d.SMTP)
		}
	})
	keys := clientKeys(t, d.bob())
	i := 0
	err := fetchAll(d.login(t, d.bob()), "INBOX", func(m served) error {
		if i >= len(sent) {
			return fmt.Errorf("more mails than were sent")
		}
		back, err := restore(keys, m.mail)
		if err != nil {
			t.Errorf("%s: %v", paths[i], err)
		} else if !bytes.Equal(back, sent[i]) {
			t.Errorf("%s comes back changed: %d octets sent, %d restored", paths[i], len(sent[i]), len(back))
		}
		i++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if i != len(sent) {
		t.Errorf("%d mails were acknowledged, %d are there", len(sent), i)
	}
	t.Logf("%d mails came back as they went, %d were refused", i, refused)
}

func deliver(t *testing.T, s *sender, to string, mail []byte, chunked bool) (int, string) {
	t.Helper()
	if err := s.envelope("eve@example.org", to); err != nil {
		t.Fatal(err)
	}
	send := s.data
	if chunked {
		send = s.bdat
	}
	code, text, err := send(mail)
	if err != nil {
		t.Fatal(err)
	}
	return code, text
}
