package move

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Remote is another IMAP server. It is read only: mailboxes are examined, and no
// flag there changes.
type Remote struct {
	Address        string // host:port, TLS from the first byte
	StartTLS       bool   // instead
	User, Password string
	TLS            *tls.Config // nil: as the system trusts
	Skip           []string    // mailboxes
	Max            int64       // octets of one message; 0: MaxMessage
	// Dial reaches it; nil: as the system does. Who asks for others' sake says here what
	// may be reached.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

var (
	errReach  = errors.New("reach the IMAP server")
	errSignIn = errors.New("sign in at the IMAP server")
)

const (
	fetchBatch  = 50       // messages asked for in one command
	fetchMemory = 32 << 20 // octets of one batch, unless one message is larger
)

// connect signs in. The connection ends with ctx.
func (r Remote) connect(ctx context.Context) (*imapclient.Client, error) {
	host, _, err := net.SplitHostPort(r.Address)
	if err != nil {
		return nil, fmt.Errorf("IMAP server %q: expected host:port", r.Address)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.TLS != nil {
		config = r.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	dial := r.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 30 * time.Second}).DialContext
	}
	conn, err := dial(ctx, "tcp", r.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReach, err)
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	var c *imapclient.Client
	if r.StartTLS {
		c, err = imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: config})
	} else {
		c = imapclient.New(tls.Client(conn, config), nil)
		err = c.WaitGreeting()
	}
	if err == nil {
		err = c.Login(r.User, r.Password).Wait()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%w: %w", errSignIn, err)
	}
	return c, nil
}

// remoteBox is a mailbox there, and what it is called here.
type remoteBox struct {
	there, here string
	view        bool // shows messages of other mailboxes
	skip        bool
}

// boxes lists the mailboxes to read, views last.
func (r Remote) boxes(c *imapclient.Client) ([]remoteBox, error) {
	caps := c.Caps()
	var options *imap.ListOptions
	if caps.Has(imap.CapListExtended) && caps.Has(imap.CapSpecialUse) {
		options = &imap.ListOptions{ReturnSpecialUse: true}
	}
	list, err := c.List("", "*", options).Collect()
	if err != nil {
		return nil, fmt.Errorf("list mailboxes: %w", err)
	}
	prefix := ownPrefix(c, caps)
	var boxes, views []remoteBox
	for _, l := range list {
		skip := slices.Contains(r.Skip, l.Mailbox)
		switch {
		case slices.Contains(l.Attrs, imap.MailboxAttrNoSelect), slices.Contains(l.Attrs, imap.MailboxAttrNonExistent), skip && isView(l):
		case slices.Contains(l.Attrs, imap.MailboxAttrAll):
			views = slices.Insert(views, 0, remoteBox{l.Mailbox, "Archive", true, false})
		case isView(l):
			views = append(views, remoteBox{l.Mailbox, "Archive", true, false})
		default:
			boxes = append(boxes, remoteBox{l.Mailbox, localName(l, prefix), false, skip})
		}
	}
	if len(views) == 0 { // else what is skipped must not come in by a view
		boxes = slices.DeleteFunc(boxes, func(b remoteBox) bool { return b.skip })
	}
	return append(boxes, views...), nil
}

// ownPrefix is what stands before all mailboxes of a person but INBOX, such as
// "INBOX." (RFC 2342).
func ownPrefix(c *imapclient.Client, caps imap.CapSet) string {
	if !caps.Has(imap.CapNamespace) {
		return ""
	}
	n, err := c.Namespace().Wait()
	if err != nil || len(n.Personal) != 1 {
		return ""
	}
	return n.Personal[0].Prefix
}

func localName(l *imap.ListData, prefix string) string {
	uses := map[imap.MailboxAttr]string{
		imap.MailboxAttrSent: "Sent", imap.MailboxAttrDrafts: "Drafts", imap.MailboxAttrTrash: "Trash",
		imap.MailboxAttrJunk: "Junk", imap.MailboxAttrArchive: "Archive",
	}
	for _, a := range l.Attrs {
		if name, ok := uses[a]; ok {
			return name
		}
	}
	name := l.Mailbox
	if inner := strings.TrimPrefix(name, prefix); inner != "" {
		name = inner
	}
	if l.Delim != 0 && l.Delim != '/' {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "/", "_"), string(l.Delim), "/")
	}
	return standardName(name)
}

// Total counts the messages of all mailboxes; what only views have comes on top.
func (r Remote) Total(ctx context.Context) (n int64, unit string) {
	c, err := r.connect(ctx)
	if err != nil {
		return 0, "messages"
	}
	defer c.Close()
	boxes, err := r.boxes(c)
	if err != nil {
		return 0, "messages"
	}
	for _, b := range boxes {
		if b.skip || b.view {
			continue
		}
		if s, err := c.Status(b.there, &imap.StatusOptions{NumMessages: true}).Wait(); err == nil && s.NumMessages != nil {
			n += int64(*s.NumMessages)
		}
	}
	return n, "messages"
}

// Messages reads mailbox by mailbox, UIDs upwards.
func (r Remote) Messages(ctx context.Context, j *Journal) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		c, err := r.connect(ctx)
		if err != nil {
			yield(Message{}, err)
			return
		}
		defer c.Close()
		boxes, err := r.boxes(c)
		if err != nil {
			yield(Message{}, err)
			return
		}
		var had identities
		if slices.ContainsFunc(boxes, func(b remoteBox) bool { return b.view }) {
			had = identities{}
		}
		for _, b := range boxes {
			more, err := r.box(ctx, c, b, j, had, yield)
			if err != nil {
				yield(Message{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

func (r Remote) box(ctx context.Context, c *imapclient.Client, b remoteBox, j *Journal, had identities, yield func(Message, error) bool) (bool, error) {
	sel, err := c.Select(b.there, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return false, fmt.Errorf("open a mailbox: %w", err)
	}
	part := fmt.Sprintf("%s:%d", b.there, sel.UIDValidity)
	last := imap.UID(max(0, j.Last(part)))
	if sel.NumMessages == 0 || had == nil && sel.UIDNext != 0 && last+1 >= sel.UIDNext {
		return true, nil
	}
	mails, err := listMails(c, b, last, had)
	if err != nil {
		return false, fmt.Errorf("list messages: %w", err)
	}
	if b.skip {
		return true, nil
	}
	mails = slices.DeleteFunc(mails, func(m remoteMail) bool { return j.Has(Position{Part: part, Place: int64(m.uid)}) })
	for len(mails) > 0 {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		n := batch(mails)
		more, err := r.fetch(c, mails[:n], part, b.here, yield)
		if err != nil || !more {
			return false, err
		}
		mails = mails[n:]
	}
	return true, nil
}

// batch is how many messages to fetch together.
func batch(mails []remoteMail) int {
	var sum int64
	for i, m := range mails {
		if sum += m.size; i > 0 && (i == fetchBatch || sum > fetchMemory) {
			return i
		}
	}
	return len(mails)
}

func flagsOf(there []imap.Flag) (flags []string) {
	for _, f := range there {
		if f != `\Recent` && len(flags) < maxFlags {
			flags = append(flags, string(f))
		}
	}
	return flags
}
