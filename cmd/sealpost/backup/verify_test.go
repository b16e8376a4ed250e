package backup

import (
	"context"
	"iter"
	"testing"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// removing is an index of two messages without letters behind them; the first is
// removed when its row has been read.
type removing struct {
	mailstore.Index
	reads map[mailstore.UID]int
}

func (removing) Mailboxes(context.Context, mailstore.Owner) ([]mailstore.Mailbox, error) {
	return []mailstore.Mailbox{{ID: 1, Name: "INBOX"}}, nil
}

func (removing) Entries(context.Context, mailstore.Owner, mailstore.MailboxID, mailstore.Modseq) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		_ = yield(mailstore.Entry{UID: 1}, nil) && yield(mailstore.Entry{UID: 2}, nil)
	}
}

func (x removing) Mails(_ context.Context, _ mailstore.Owner, _ mailstore.MailboxID, uids []mailstore.UID) iter.Seq2[mailstore.Mail, error] {
	return func(yield func(mailstore.Mail, error) bool) {
		for _, uid := range uids {
			x.reads[uid]++
			if uid == 1 && x.reads[uid] > 1 {
				continue
			}
			m := mailstore.Mail{UID: uid, Letters: []mailstore.Stored{{Ref: filestore.Ref{ID: filestore.ID{byte(uid)}}}}}
			if !yield(m, nil) {
				return
			}
		}
	}
}

type none struct{ filestore.Blobs }

func (none) Open(context.Context, filestore.ID) (filestore.Blob, error) {
	return nil, filestore.ErrNotFound
}

// Mail that is removed while a live store is read is no damage; what a row points at
// and is not there is.
func TestVerifyWhileMailIsRemoved(t *testing.T) {
	t.Parallel()
	c := checker{index: removing{reads: map[mailstore.UID]int{}}, blobs: none{}, tell: func(string, int64, int64) {}, read: map[filestore.ID]bool{}}
	if err := c.account(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if len(c.found.Wrong) != 1 || c.found.Messages != 2 {
		t.Errorf("found %+v; one letter is missing", c.found)
	}
}
