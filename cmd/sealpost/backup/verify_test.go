package backup

import (
	"context"
	"iter"
	"testing"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/storage/bolt"
)

// removing is an index of two messages without letters behind them; the first is
// removed when its row has been read.
type removing struct {
	mailstore.Index
	reads map[mailstore.UID]int
	uids  []mailstore.UID // its set of messages says

	damaged bool // a note is
}

func (x removing) Roster(context.Context, mailstore.Owner, mailstore.MailboxID) (mailstore.Roster, error) {
	return mailstore.Roster{UIDs: mailstore.UIDsOf(x.uids...)}, nil
}

func (removing) Mailboxes(context.Context, mailstore.Owner) ([]mailstore.Mailbox, error) {
	return []mailstore.Mailbox{{ID: 1, Name: "INBOX"}}, nil
}

func (x removing) Note(_ context.Context, _ mailstore.Owner, b mailstore.MailboxID) ([]byte, error) {
	if x.damaged && b == 1 {
		return nil, bolt.ErrDamaged
	}
	return nil, nil
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
	c := checker{index: removing{reads: map[mailstore.UID]int{}, uids: []mailstore.UID{1, 2}}, blobs: none{}, tell: func(string, int64, int64) {}, read: map[filestore.ID]bool{}}
	if err := c.account(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if len(c.found.Wrong) != 1 || c.found.Messages != 2 {
		t.Errorf("found %+v; one letter is missing", c.found)
	}
}

// A set of messages that is not what the entries say is damage.
func TestVerifyComparesSets(t *testing.T) {
	t.Parallel()
	for wrong, uids := range [][]mailstore.UID{{1, 2}, {1}, {1, 2, 3}} {
		c := checker{index: removing{uids: uids}}
		c.roster(t.Context(), "ann", mailstore.Roster{}, []mailstore.UID{1, 2})
		if want := min(wrong, 1); len(c.found.Wrong) != want {
			t.Errorf("set %v: found %q, want %d", uids, c.found.Wrong, want)
		}
		c.roster(t.Context(), "ann", mailstore.Roster{Mailbox: mailstore.Mailbox{Modseq: 1}}, nil) // it changed meanwhile
		if want := min(wrong, 1); len(c.found.Wrong) != want {
			t.Errorf("a mailbox that changed: found %q", c.found.Wrong)
		}
	}
}

func TestVerifyReadsNotes(t *testing.T) {
	t.Parallel()
	for _, damaged := range []bool{false, true} {
		c := checker{index: removing{damaged: damaged}}
		c.note(t.Context(), "ann", 0)
		c.note(t.Context(), "ann", 1)
		if got := len(c.found.Wrong) == 1; got != damaged {
			t.Errorf("damaged %v: found %q", damaged, c.found.Wrong)
		}
	}
}
