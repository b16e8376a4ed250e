package test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"sealpost/pgp/pgptest"
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
		if err == nil && !pgptest.ToNobody(raw) {
			visit(path, raw)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
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
