package imap

import (
	"context"
	"errors"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/spool"
	"sealpost/imap/wire"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// errRead says that a stored mail could not be read.
var errRead = errors.New("stored mail cannot be read")

// faults is what clients are told of errors (RFC 9051, section 7.1). The first
// that fits counts.
var faults = []struct {
	err  error
	code string
	text string
}{
	{mailstore.ErrNoMailbox, "NONEXISTENT", "no such mailbox"},
	{mailstore.ErrExists, "ALREADYEXISTS", "there is a mailbox of that name"},
	{mailstore.ErrNoMail, "NONEXISTENT", "no such message"},
	{mailstore.ErrOverQuota, "OVERQUOTA", "mailbox is full"},
	{mailstore.ErrName, "CANNOT", "a mailbox cannot be called that"},
	{mailstore.ErrInbox, "CANNOT", "INBOX cannot be deleted"},
	{mailstore.ErrFlag, "CANNOT", "a message cannot have that flag"},
	{mailstore.ErrUse, "USEATTR", "special use is unknown or taken"},
	{mailstore.ErrTooMany, "LIMIT", "too many mailboxes or subscriptions"},
	{mailstore.ErrNotes, "OVERQUOTA", "there is no room for more metadata"},
	{mailstore.ErrChanged, "INUSE", "others change it all the time, try again later"},
	{mailstore.ErrNoOwner, "CONTACTADMIN", "this account is gone"},
	{account.ErrUnknown, "CONTACTADMIN", "this account is gone"},
	{mail.ErrNUL, "UNKNOWN-CTE", "a message must not hold NUL"},
	{spool.ErrTooLarge, "TOOBIG", "message is too large"},
	{filestore.ErrFull, "UNAVAILABLE", "the server has no space left, try again later"},
	{pgp.ErrRevoked, "UNAVAILABLE", "your OpenPGP key is revoked, so nothing can be sealed to it"},
	{pgp.ErrNoKey, "UNAVAILABLE", "your OpenPGP key cannot be sealed to"},
	{errRead, "UNAVAILABLE", "some messages cannot be read now"},
}

// fault turns any error of a session into what its client is told. What nobody
// classified is temporary, and is logged in full and told in short.
func (s *session) fault(doing string, err error) error {
	var said *status
	if err == nil || errors.As(err, &said) {
		return err
	}
	for _, f := range faults {
		if errors.Is(err, f.err) {
			return no(f.code, f.text)
		}
	}
	if !errors.Is(err, wire.ErrOver) && (s.ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
		s.log.Error("IMAP command failed", "doing", doing, "error", err)
	}
	return no("UNAVAILABLE", "something went wrong here, try again later")
}

// status is a tagged answer that is not OK.
type status struct {
	kind, code, text string
	guess            bool // a password was wrong, or may have been
}

func (s *status) Error() string { return s.text }

// uidRequired is said to whoever enabled UIDONLY and then counts (RFC 9586).
var uidRequired = &status{kind: "BAD", code: "UIDREQUIRED", text: "message numbers are not used after ENABLE UIDONLY"}

func no(code, text string) *status { return &status{kind: "NO", code: code, text: text} }

func bad(text string) *status { return &status{kind: "BAD", text: text} }
