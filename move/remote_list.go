package move

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// remoteMail is what a server says of a message before it is fetched.
type remoteMail struct {
	uid  imap.UID
	size int64
}

// identities are messages that stood in some mailbox, by what tells them apart:
// Message-ID, size and date.
type identities map[[16]byte]bool

// isView says whether a mailbox shows what stands in others (RFC 6154, section 2).
// At Gmail it also shows what stands nowhere else: all that was archived.
func isView(l *imap.ListData) bool {
	return slices.ContainsFunc(l.Attrs, func(a imap.MailboxAttr) bool {
		return a == imap.MailboxAttrAll || a == imap.MailboxAttrFlagged || a == imap.MailboxAttrImportant
	})
}

// listMails lists messages after last in the selected mailbox, UIDs upwards; of a
// view only those that no other mailbox had. had is nil where there is no view.
func listMails(c *imapclient.Client, b remoteBox, last imap.UID, had identities) (mails []remoteMail, err error) {
	after := imap.UIDSet{}
	after.AddRange(last+1, 0)
	options := &imap.FetchOptions{UID: true, RFC822Size: true}
	if had != nil { // what an earlier run brought counts as well
		after = imap.UIDSet{}
		after.AddRange(1, 0)
		options.InternalDate, options.BodySection = true, []*imap.FetchItemBodySection{messageID}
	}
	here := identities{}
	answers := c.Fetch(after, options)
	defer answers.Close()
	for next := answers.Next(); next != nil; next = answers.Next() {
		m, err := next.Collect()
		if err != nil {
			return nil, err
		}
		id, unique := identify(m)
		if unique {
			here[id] = true
		}
		if m.UID > last && !(b.view && unique && had[id]) { // "n:*" always has the last message
			mails = append(mails, remoteMail{m.UID, m.RFC822Size})
		}
	}
	if had != nil {
		maps.Copy(had, here)
	}
	slices.SortFunc(mails, func(x, y remoteMail) int { return cmp.Compare(x.uid, y.uid) })
	return mails, answers.Close()
}

// messageID is asked for as it is written: parsed envelopes fail at odd mails.
var messageID = &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"Message-ID"}, Peek: true}

// identify gives a message's identity; false: it has none that tells it from others.
func identify(m *imapclient.FetchMessageBuffer) (id [16]byte, ok bool) {
	_, value, found := bytes.Cut(m.FindBodySection(messageID), []byte(":"))
	if value = bytes.TrimSpace(value); !found || len(value) == 0 {
		return id, false
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", m.RFC822Size, m.InternalDate.Unix(), value))
	return [16]byte(sum[:16]), true
}
