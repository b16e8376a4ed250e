package imap

import (
	"context"
	"errors"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/spool"
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
	code goimap.ResponseCode
	text string
}{
	{mailstore.ErrNoMailbox, goimap.ResponseCodeNonExistent, "no such mailbox"},
	{mailstore.ErrExists, goimap.ResponseCodeAlreadyExists, "there is a mailbox of that name"},
	{mailstore.ErrNoMail, goimap.ResponseCodeNonExistent, "no such message"},
	{mailstore.ErrOverQuota, goimap.ResponseCodeOverQuota, "mailbox is full"},
	{mailstore.ErrName, goimap.ResponseCodeCannot, "a mailbox cannot be called that"},
	{mailstore.ErrInbox, goimap.ResponseCodeCannot, "INBOX cannot be deleted"},
	{mailstore.ErrFlag, goimap.ResponseCodeCannot, "a message cannot have that flag"},
	{mailstore.ErrUse, "USEATTR", "special use is unknown or taken"},
	{mailstore.ErrTooMany, goimap.ResponseCodeLimit, "too many mailboxes or subscriptions"},
	{mailstore.ErrNoOwner, goimap.ResponseCodeContactAdmin, "this account is gone"},
	{account.ErrUnknown, goimap.ResponseCodeContactAdmin, "this account is gone"},
	{mail.ErrNUL, "UNKNOWN-CTE", "a message must not hold NUL"},
	{spool.ErrTooLarge, goimap.ResponseCodeTooBig, "message is too large"},
	{filestore.ErrFull, goimap.ResponseCodeUnavailable, "the server has no space left, try again later"},
	{pgp.ErrRevoked, goimap.ResponseCodeUnavailable, "your OpenPGP key is revoked, so nothing can be sealed to it"},
	{pgp.ErrNoKey, goimap.ResponseCodeUnavailable, "your OpenPGP key cannot be sealed to"},
	{errRead, goimap.ResponseCodeUnavailable, "some messages cannot be read now"},
}

// fault turns any error of a session into what its client is told. What nobody
// classified is temporary, and is logged in full and told in short.
func (s *session) fault(doing string, err error) error {
	var said *goimap.Error
	if err == nil || errors.As(err, &said) {
		return err
	}
	for _, f := range faults {
		if errors.Is(err, f.err) {
			return no(f.code, f.text)
		}
	}
	if !errors.Is(err, errOver) && (s.ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
		s.log.Error("IMAP command failed", "doing", doing, "error", err)
	}
	return no(goimap.ResponseCodeUnavailable, "something went wrong here, try again later")
}

func no(code goimap.ResponseCode, text string) *goimap.Error {
	return &goimap.Error{Type: goimap.StatusResponseTypeNo, Code: code, Text: text}
}

func bad(text string) *goimap.Error {
	return &goimap.Error{Type: goimap.StatusResponseTypeBad, Text: text}
}
