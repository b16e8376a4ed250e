package dsn

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const corpus = "../../../../shared/corpus/dsn"

func crlf(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// check holds a report to what Parse promises.
func check(t *testing.T, r Report) {
	t.Helper()
	all := []string{r.Reporter, r.EnvID, r.MessageID}
	if len(r.Recipients) == 0 || len(r.Recipients) > maxRecipients {
		t.Errorf("%d recipients", len(r.Recipients))
	}
	for _, s := range r.Recipients {
		all = append(all, s.Address, s.Original, s.Status, s.Server, s.Diagnostic)
		if s.Action == "" || s.Address == "" && s.Original == "" {
			t.Errorf("%+v", s)
		}
	}
	for _, s := range all {
		if len(s) > 3*maxValue || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			t.Errorf("%q", s)
		}
	}
}

// TestCorpus reads real notifications, and finds recipients in every one that
// has a status part with one.
func TestCorpus(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("no corpus here")
	}
	files, with, found, read := 0, 0, 0, 0
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		lower := strings.ToLower(string(b))
		expected := strings.Contains(lower, "message/delivery-status") && strings.Contains(lower, "\nfinal-recipient:")
		r, err := Parse(bytes.NewReader(crlf(b)))
		if err == nil {
			read++
			check(t, r)
		} else if !errors.Is(err, ErrNotReport) {
			t.Errorf("%s: %v", path, err)
		}
		if expected {
			if with++; err == nil {
				found++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d mails; %d name a status part, and %d of these are read; %d read in all", files, with, found, read)
	// The nine others are broken by hand, or notices inside forwarded mail.
	if found < with-9 {
		t.Errorf("%d of %d with a status part were read", found, with)
	}
}

// FuzzParse: whatever a notice holds, the report keeps its promises.
func FuzzParse(f *testing.F) {
	n, err := example().Write()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(n)
	head := "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n"
	f.Add([]byte(head + "Content-Transfer-Encoding: base64\r\n\r\nRmluYWwtUmVjaXBpZW50OiBhQGIKU3RhdHVzOiA1LjEuMQo=\r\n--b--\r\n"))
	f.Add([]byte(head + "\r\nReporting-MTA: x\r\n\r\n\r\nFinal-Recipient: rfc822; <a@b>\r\nStatus: 4.4.7 (late)\r\n fold\x00\r\n\r\nOriginal-Recipient: \r\nAction: failed"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(bytes.NewReader(b))
		if err == nil {
			check(t, r)
		} else if !errors.Is(err, ErrNotReport) {
			t.Error(err)
		}
	})
}

// TestLastField: what stands last, with or without an end of its line, is read.
func TestLastField(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"", "\r\n", "\r\n\r\n"} {
		r, err := Parse(strings.NewReader("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" +
			"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1" + end + "\r\n--b--\r\n"))
		if err != nil || r.Recipients[0].Status != "5.1.1" {
			t.Errorf("%q: %+v %v", end, r, err)
		}
	}
}

// TestBounds: a notice as large as it likes is read in part and ends.
func TestBounds(t *testing.T) {
	t.Parallel()
	head := "Content-Type: multipart/report; boundary=b\r\n\r\n"
	status := "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n"
	one := "\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	r, err := Parse(strings.NewReader(head + status + strings.Repeat(one, 3000) + "--b--\r\n"))
	if err != nil || len(r.Recipients) != maxRecipients {
		t.Errorf("%d recipients, %v", len(r.Recipients), err)
	}
	many := strings.Repeat("--b\r\n\r\nx\r\n", 10000)
	if _, err := Parse(strings.NewReader(head + many + status + one + "--b--\r\n")); !errors.Is(err, ErrNotReport) {
		t.Error("the ten thousandth part was read", err)
	}
	if _, err := Parse(strings.NewReader(head + "--b\r\n\r\n" + strings.Repeat("x", 2*maxReport) + "\r\n" + status + one + "--b--\r\n")); !errors.Is(err, ErrNotReport) {
		t.Error("the octet after four million was read", err)
	}
}
