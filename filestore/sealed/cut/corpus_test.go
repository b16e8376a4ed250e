package cut

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"

	"sealpost/filestore/drive"
	"sealpost/mail"
	"sealpost/mail/corpustest"
)

// Of real mail with files, what is cut out comes back, octet for octet.
func TestCorpusComesBack(t *testing.T) {
	t.Parallel()
	c, cuts, places := newCutter(t, 0), 0, 0
	for _, path := range corpustest.Files(t) {
		raw, err := os.ReadFile(path)
		if err != nil || len(raw) < 10_000 || len(raw) > 8<<20 {
			continue
		}
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		m := bytes.NewReader(raw)
		got, err := c.Arrived(t.Context(), alice, drive.MailID{1}, m, mail.Look(t.Context(), m, mail.DefaultLimits), 1000)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if got == nil {
			continue
		}
		var back bytes.Buffer
		err = Restore(t.Context(), &back, got.Mail, got.Places, func(_ context.Context, s Stub, w io.Writer) error {
			_, err := w.Write(c.content(t, s.Object, s.Secret, s.Length))
			return err
		})
		if err != nil || !bytes.Equal(back.Bytes(), raw) {
			t.Errorf("%s: comes back otherwise, %v", path, err)
		}
		if cuts, places = cuts+1, places+len(got.Places); cuts == 60 {
			break
		}
	}
	t.Logf("%d files of %d mails", places, cuts)
}
