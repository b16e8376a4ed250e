package imap

import (
	"context"
	"log/slog"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/mailstore"
)

// session is a signed-in client. imapserver calls it, on one goroutine; while
// it is in IDLE another one watches, and nobody else does anything.
type session struct {
	server  *Server
	wire    *wire
	conn    *imapserver.Conn
	account account.ID
	address mail.Address // the account's name
	owner   mailstore.Owner
	log     *slog.Logger

	// ctx ends with the connection. imapserver's calls carry none, so it is
	// kept here against the rule.
	ctx context.Context

	command string          // the name of the one that runs
	box     *view           // the selected mailbox, or nil
	saved   []mailstore.UID // what "$" stands for (SEARCHRES), ascending
}

var (
	_ imapserver.SessionIMAP4rev2   = (*session)(nil)
	_ imapserver.SessionAppendLimit = (*session)(nil)
)

// Close is called at the end of the connection.
func (s *session) Close() error {
	s.deselect()
	return nil
}

// Login, Append, Search and Idle are never reached: the lobby and the desk do
// these themselves.
func (s *session) Login(string, string) error { return bad("you are signed in already") }

func (s *session) Append(string, goimap.LiteralReader, *goimap.AppendOptions) (*goimap.AppendData, error) {
	return nil, bad("not here")
}

func (s *session) Search(imapserver.NumKind, *goimap.SearchCriteria, *goimap.SearchOptions) (*goimap.SearchData, error) {
	return nil, bad("not here")
}

func (s *session) Idle(*imapserver.UpdateWriter, <-chan struct{}) error { return bad("not here") }

// AppendLimit is APPENDLIMIT (RFC 7889).
func (s *session) AppendLimit() uint32 { return uint32(min(s.server.Limits.Message, 1<<32-1)) }

// Poll is called at the end of each command. expunge says whether this is a
// moment at which message numbers may change (RFC 9051, section 7.5.1). The
// command is done by then, so an index that fails now only delays what is new;
// an error would make imapserver hang up on the client without its answer.
func (s *session) Poll(_ *imapserver.UpdateWriter, expunge bool) error {
	_ = s.tell(expunge) // logged where it was classified
	return nil
}

// Namespace: one, the account's own (RFC 2342).
func (s *session) Namespace() (*goimap.NamespaceData, error) {
	return &goimap.NamespaceData{Personal: []goimap.NamespaceDescriptor{{Prefix: "", Delim: delimiter}}}, nil
}

// mailbox finds a mailbox by the name a client gave.
func (s *session) mailbox(name string) (mailstore.Mailbox, error) {
	name, err := mailstore.CleanName(name)
	if err != nil {
		return mailstore.Mailbox{}, mailstore.ErrNoMailbox
	}
	boxes, err := s.server.Store.Index.Mailboxes(s.ctx, s.owner)
	if err != nil {
		return mailstore.Mailbox{}, err
	}
	for _, b := range boxes {
		if b.Name == name {
			return b, nil
		}
	}
	return mailstore.Mailbox{}, mailstore.ErrNoMailbox
}

// apply runs one change.
func (s *session) apply(c mailstore.Change) (mailstore.Event, error) {
	events, err := s.server.Store.Apply(s.ctx, s.owner, c)
	if err != nil {
		return mailstore.Event{}, err
	}
	return events[0], nil
}

// writable says why the selected mailbox may not be changed, if so (EXAMINE).
func (s *session) writable() error {
	if s.box.readOnly {
		return no(goimap.ResponseCodeNoPerm, "mailbox is open for reading only")
	}
	return nil
}
