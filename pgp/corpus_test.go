package pgp

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealpost/mail"
	"sealpost/pgp/pgptest"
)

// corpus gives every mail of the corpus that SMTP would let in, with CRLF
// lines: files with a NUL or a bare CR are refused at the door. What names none of its
// readers stays as it came, and is left out.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	dir := os.Getenv("SEALPOST_CORPUS")
	if dir == "" {
		dir = "../../shared/corpus"
	}
	mails := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
		if !bytes.ContainsAny(b, "\r\x00") && !pgptest.ToNobody(b) {
			mails[strings.TrimPrefix(path, dir)] = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		}
		return nil
	})
	if err != nil || len(mails) == 0 {
		t.Skipf("no corpus at %s: set SEALPOST_CORPUS (%v)", dir, err)
	}
	return mails
}

// TestCorpusComesBack is ATTACKS B12: restoring gives the bytes that arrived,
// and what a client sees is a protected entity without forged fields.
func TestCorpusComesBack(t *testing.T) {
	t.Parallel()
	mails := corpus(t)
	t.Logf("%d mails", len(mails))
	wrapped, n := 0, 0
	for name, m := range mails {
		if n++; raceDetector && n%8 != 0 {
			continue
		}
		for p, o := range testOwners() {
			s := mustSeal(t, arrived(m), o.Recipient)
			if s.Class() != SealedOnArrival {
				t.Errorf("%s: class %q, but nobody encrypted to this key", name, s.Class())
			}
			message := raw(t, s, KindMessage)
			restored, _, err := o.open(true, message)
			if err != nil || restored != string(m) {
				t.Errorf("%s, %s: restored %d bytes of %d, %v", name, p, len(restored), len(m), err)
			}
			if p == Modern {
				continue
			}
			shown, _, err := o.open(false, message)
			if err != nil {
				t.Fatal(err)
			}
			if checkShown(t, name, shown) {
				wrapped++
			}
			checkOuter(t, name, s.Outer())
		}
	}
	t.Logf("%d were wrapped", wrapped)
}

// checkShown looks at a payload as a client does.
func checkShown(t *testing.T, name, shown string) (wrapped bool) {
	t.Helper()
	h, err := mail.ReadHeader(strings.NewReader(shown), 0, int64(len(shown))+1)
	if err != nil || !h.Clean {
		t.Errorf("%s: payload's header is not clean (%v)", name, err)
		return false
	}
	seals := 0
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, "Sealpost-Seal") {
			seals++
		}
	}
	if seals != 1 {
		t.Errorf("%s: %d seal lines", name, seals)
	}
	ct, _ := h.Get("Content-Type")
	if !strings.Contains(ct.Value(), `hp="cipher"; protected-headers="v1"`) {
		t.Errorf("%s: Content-Type is not marked: %q", name, ct.Value())
	}
	return strings.Contains(ct.Value(), "text/plain; charset=utf-8; hp=") && len(h.Values("Content-Transfer-Encoding")) > 0
}

// failer is what tests and properties have in common.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkOuter holds for every visible header at every level.
func checkOuter(t failer, name string, outer []byte) {
	t.Helper()
	text, ended := bytes.CutSuffix(outer, []byte("\r\n\r\n"))
	if !ended || len(outer) > maxOuter {
		t.Errorf("%s: outer header of %d bytes, ended %v", name, len(outer), ended)
	}
	for line := range strings.SplitSeq(string(text), "\r\n") {
		if len(line) == 0 || len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") || len(strings.TrimSpace(line)) == 0 {
			t.Errorf("%s: outer line %q", name, line)
		}
	}
	h, err := mail.ReadHeader(bytes.NewReader(outer), 0, maxOuter)
	if err != nil || !h.Clean || !h.Blank {
		t.Errorf("%s: outer header %+v, %v", name, h, err)
	}
	allowed := map[string]int{"From": 1, "To": 1, "Cc": 1, "Date": 1, "Subject": 1, "Message-ID": 1, "In-Reply-To": 1,
		"References": 1, "MIME-Version": 1, "Content-Type": 1, "Content-Transfer-Encoding": 1}
	for _, f := range h.Fields {
		if allowed[f.Name]--; allowed[f.Name] < 0 {
			t.Errorf("%s: outer field %s", name, f.Name)
		}
	}
}
