package imap_test

import (
	"context"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"sealpost/imap"
	"sealpost/mailstore"
)

// counted is an index that counts the rows it is asked for.
type counted struct {
	mailstore.Index
	rows *atomic.Int64
}

func (c counted) List(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids mailstore.UIDSet, columns mailstore.Columns) iter.Seq2[*mailstore.Line, error] {
	c.rows.Add(int64(uids.Len()))
	return c.Index.List(ctx, o, b, uids, columns)
}

// Of what cannot be found no row is read: a client that looks for new mail every few
// minutes does not make the server read a million of them.
func TestSearchReadsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	var rows atomic.Int64
	h := build(t, func(s *imap.Server) { s.Store.Index = counted{s.Store.Index, &rows} })
	for range 40 {
		h.deliver(h.alice, "INBOX", letter("one", "hello"), mailstore.Seen)
	}
	h.deliver(h.alice, "INBOX", letter("two", "hello"), mailstore.Deleted)
	l := h.line(t, true)
	l.signIn(h.alice)
	l.say("a SELECT INBOX\r\n")
	l.until("a OK")
	for _, c := range []struct {
		keys, found string
		most        int64
	}{
		{"UNSEEN", " 41", 1},
		{"DELETED UNSEEN", " 41", 1},
		{"UNSEEN SEEN", "", 1},
		{"3:5,40:* SEEN", " 3 4 5 40", 5},
		{"UID 7,41 DELETED", " 41", 1},
		{"UNSEEN FROM carol", " 41", 2},
		{"OR UNSEEN 1", " 1 41", 41},
		{"NOT UNSEEN 1:2", " 1 2", 2},
		{"NOT 1:40", " 41", 41},
	} {
		rows.Store(0)
		l.say("b SEARCH " + c.keys + "\r\n")
		found := strings.TrimSuffix(l.until("* SEARCH"), "\r\n")
		l.until("b OK")
		if found != "* SEARCH"+c.found {
			t.Errorf("%s: %s, want%s", c.keys, found, c.found)
		}
		if n := rows.Load(); n > c.most {
			t.Errorf("%s: %d rows were read, want %d at most", c.keys, n, c.most)
		}
	}
}
