package move

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sealpost/filestore/spool"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// Stored gives each every message of an owner, sealed, as IMAP serves it.
func Stored(ctx context.Context, s *mailstore.Store, o mailstore.Owner, each func(Message, io.Reader) error) error {
	boxes, err := s.Index.Mailboxes(ctx, o)
	if err != nil {
		return fmt.Errorf("list mailboxes: %w", err)
	}
	for _, b := range boxes {
		if err := storedIn(ctx, s, o, b, each); err != nil {
			return fmt.Errorf("mailbox %d: %w", b.ID, err)
		}
	}
	return nil
}

func storedIn(ctx context.Context, s *mailstore.Store, o mailstore.Owner, b mailstore.Mailbox, each func(Message, io.Reader) error) error {
	var uids []mailstore.UID
	entries := map[mailstore.UID]mailstore.Entry{}
	for e, err := range s.Index.Entries(ctx, o, b.ID, 0) {
		if err != nil {
			return err
		}
		uids = append(uids, e.UID)
		entries[e.UID] = e
	}
	for m, err := range s.Index.Mails(ctx, o, b.ID, uids) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		letter, err := s.Letter(ctx, m, pgp.KindMessage)
		if err != nil {
			return fmt.Errorf("UID %d: %w", m.UID, err)
		}
		served := pgp.Served{Outer: m.Outer, Form: m.Form, Raw: letter, RawSize: letter.Size()}
		e := entries[m.UID]
		err = each(Message{Mailbox: b.Name, Flags: e.Flags, Received: e.Received}, io.NewSectionReader(served, 0, served.Size()))
		letter.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Opened opens a sealed message on its owner's machine, and gives back what is in
// it: the exact octets that arrived where that is possible, and else what a client
// shows. What nobody sealed, or what does not open, comes back as it is, the latter
// with false. temp is a folder for what is large; it is encrypted there. The caller
// closes the spool.
func Opened(ctx context.Context, o pgp.Opener, sealed io.Reader, temp string) (*spool.Spool, bool, error) {
	in := spool.New(temp, importMemory, MaxMessage)
	if _, err := io.Copy(struct{ io.Writer }{in}, sealed); err != nil {
		in.Close()
		return nil, false, err
	}
	for _, restore := range []bool{true, false} {
		out := spool.New(temp, importMemory, MaxMessage)
		o.Restore = restore
		_, err := o.Open(ctx, io.NewSectionReader(in, 0, in.Size()), out)
		if err == nil {
			return out, true, in.Close()
		}
		out.Close()
		if !errors.Is(err, pgp.ErrNeedHeader) {
			return in, errors.Is(err, pgp.ErrNotSealed), ctx.Err()
		}
	}
	return in, false, nil
}
