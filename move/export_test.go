package move

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"testing"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// ailing is a store of four messages: 1 is removed while it is read, 2 has lost its
// letter, that of 3 is damaged at its end, and 4 is well.
type ailing struct {
	mailstore.Index
	reads map[mailstore.UID]int
}

func (ailing) Mailboxes(context.Context, mailstore.Owner) ([]mailstore.Mailbox, error) {
	return []mailstore.Mailbox{{ID: 1, Name: "INBOX"}}, nil
}

func (ailing) Entries(context.Context, mailstore.Owner, mailstore.MailboxID, mailstore.Modseq) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		for uid := mailstore.UID(1); uid <= 4 && yield(mailstore.Entry{UID: uid, Flags: []string{string(rune('a' + uid))}}, nil); uid++ {
		}
	}
}

func (a ailing) Mails(_ context.Context, _ mailstore.Owner, _ mailstore.MailboxID, uids []mailstore.UID) iter.Seq2[mailstore.Mail, error] {
	return func(yield func(mailstore.Mail, error) bool) {
		for _, uid := range uids {
			a.reads[uid]++
			if uid == 1 && a.reads[uid] > 1 {
				continue
			}
			letter := mailstore.Stored{Kind: pgp.KindMessage, Ref: filestore.Ref{ID: filestore.ID{byte(uid)}, Size: 9}}
			if !yield(mailstore.Mail{UID: uid, Form: pgp.FormMIME, Letters: []mailstore.Stored{letter}}, nil) {
				return
			}
		}
	}
}

type ailingBlobs struct{ filestore.Blobs }

func (ailingBlobs) Open(_ context.Context, id filestore.ID) (filestore.Blob, error) {
	switch id[0] {
	case 3:
		return letter{bytes.NewReader([]byte("123456789")), 5}, nil
	case 4:
		return letter{bytes.NewReader([]byte("123456789")), 9}, nil
	}
	return nil, filestore.ErrNotFound
}

// letter is nine octets, of which so many are sound.
type letter struct {
	*bytes.Reader
	sound int64
}

func (l letter) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > l.sound && l.sound < 9 {
		return 0, filestore.ErrCorrupt
	}
	return l.Reader.ReadAt(p, off)
}

func (letter) Close() error { return nil }

// Messages whose letters are missing or damaged are counted, and keep back no others.
func TestStoredOfWhatIsLost(t *testing.T) {
	t.Parallel()
	a := ailing{reads: map[mailstore.UID]int{}}
	var got []string
	lost, err := Stored(t.Context(), &mailstore.Store{Index: a, Blobs: ailingBlobs{}}, "ann", func(m Message, text io.Reader) error {
		got = append(got, m.Flags...)
		_, err := io.Copy(io.Discard, text)
		return err
	})
	if err != nil || lost != 2 || !slices.Equal(got, []string{"e"}) {
		t.Errorf("%q came, %d lost, %v; want the last one and 2", got, lost, err)
	}
}
