package cut

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"sealpost/filestore/drive"
	"sealpost/mail"
)

// Of real mail with files, what is cut out comes back, octet for octet.
func TestCorpusComesBack(t *testing.T) {
	t.Parallel()
	root := cmp.Or(os.Getenv("SEALPOST_CORPUS"), filepath.Join("..", "..", "..", "..", "shared", "corpus"))
	c, cuts, places := newCutter(t, 0), 0, 0
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || cuts >= 60 {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil || len(raw) < 10_000 || len(raw) > 8<<20 {
			return nil
		}
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		m := bytes.NewReader(raw)
		got, err := c.Arrived(t.Context(), alice, drive.MailID{1}, m, mail.Look(t.Context(), m, mail.DefaultLimits), 1000)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if got == nil {
			return nil
		}
		var back bytes.Buffer
		err = Restore(t.Context(), &back, got.Mail, got.Places, func(_ context.Context, s Stub, w io.Writer) error {
			_, err := w.Write(c.content(t, s.Object, s.Secret, s.Length))
			return err
		})
		if err != nil || !bytes.Equal(back.Bytes(), raw) {
			t.Errorf("%s: comes back otherwise, %v", path, err)
		}
		cuts, places = cuts+1, places+len(got.Places)
		return nil
	})
	if cuts == 0 {
		t.Skipf("no corpus at %s", root)
	}
	t.Logf("%d files of %d mails", places, cuts)
}
