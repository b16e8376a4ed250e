package move

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sealpost/filestore"
	"sealpost/filestore/spool"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// Stored gives each every message of an owner, sealed, as IMAP serves it, and counts
// those whose letter is missing or damaged.
func Stored(ctx context.Context, s *mailstore.Store, o mailstore.Owner, each func(Message, io.Reader) error) (lost int, err error) {
	boxes, err := s.Index.Mailboxes(ctx, o)
	if err != nil {
		return 0, fmt.Errorf("list mailboxes: %w", err)
	}
	for _, b := range boxes {
		n, err := storedIn(ctx, s, o, b, each)
		if err != nil {
			return lost, fmt.Errorf("mailbox %d: %w", b.ID, err)
		}
		lost += n
	}
	return lost, nil
}

func storedIn(ctx context.Context, s *mailstore.Store, o mailstore.Owner, b mailstore.Mailbox, each func(Message, io.Reader) error) (lost int, err error) {
	var uids []mailstore.UID
	entries := map[mailstore.UID]mailstore.Entry{}
	for e, err := range s.Index.Entries(ctx, o, b.ID, 0) {
		if err != nil {
			return 0, err
		}
		uids = append(uids, e.UID)
		entries[e.UID] = e
	}
	for m, err := range s.Index.Mails(ctx, o, b.ID, uids) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return lost, err
		}
		letter, err := wholeLetter(ctx, s, m)
		if errors.Is(err, filestore.ErrNotFound) || errors.Is(err, filestore.ErrCorrupt) {
			if still(ctx, s, o, b.ID, m.UID) {
				lost++
			}
			continue
		}
		if err != nil {
			return lost, fmt.Errorf("UID %d: %w", m.UID, err)
		}
		served := pgp.Served{Outer: m.Outer, Form: m.Form, Raw: letter, RawSize: letter.Size()}
		e := entries[m.UID]
		err = each(Message{Mailbox: b.Name, Flags: e.Flags, Received: e.Received}, io.NewSectionReader(served, 0, served.Size()))
		letter.Close()
		if err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// wholeLetter opens the letter of a message and reads it once: a message that was begun
// to be written cannot be taken back when its end turns out to be damaged.
func wholeLetter(ctx context.Context, s *mailstore.Store, m mailstore.Mail) (filestore.Blob, error) {
	letter, err := s.Letter(ctx, m, pgp.KindMessage)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, io.NewSectionReader(letter, 0, letter.Size())); err != nil {
		return nil, errors.Join(err, letter.Close())
	}
	return letter, nil
}

// still says whether a message was not removed since its row was read.
func still(ctx context.Context, s *mailstore.Store, o mailstore.Owner, box mailstore.MailboxID, uid mailstore.UID) bool {
	for range s.Index.Mails(ctx, o, box, []mailstore.UID{uid}) {
		return true // or an error, and then nobody removed it
	}
	return false
}

// Opened opens a sealed message on its owner's machine, and gives back what is in
// it: the exact octets that arrived where that is possible, and else what a client
// shows. What nobody sealed, or what does not open or is over MaxSealed, comes back as
// it is, the latter two with false. temp is a folder for what is large; it is encrypted
// there. The caller reads the text before it goes on with sealed, and closes it.
func Opened(ctx context.Context, o pgp.Opener, sealed io.Reader, temp string) (text io.ReadCloser, opened bool, err error) {
	return openedUpTo(ctx, MaxSealed, o, sealed, temp)
}

func openedUpTo(ctx context.Context, limit int64, o pgp.Opener, sealed io.Reader, temp string) (text io.ReadCloser, opened bool, err error) {
	in := spool.New(temp, importMemory, limit)
	if _, err := io.Copy(struct{ io.Writer }{in}, io.LimitReader(sealed, limit)); err != nil {
		in.Close()
		return nil, false, err
	}
	if in.Size() == limit {
		return spooled{io.MultiReader(io.NewSectionReader(in, 0, limit), sealed), in}, false, nil
	}
	for _, restore := range []bool{true, false} {
		out := spool.New(temp, importMemory, limit)
		o.Restore = restore
		_, err := o.Open(ctx, io.NewSectionReader(in, 0, in.Size()), out)
		if err == nil {
			return spooled{io.NewSectionReader(out, 0, out.Size()), out}, true, in.Close()
		}
		out.Close()
		if !errors.Is(err, pgp.ErrNeedHeader) {
			return spooled{io.NewSectionReader(in, 0, in.Size()), in}, errors.Is(err, pgp.ErrNotSealed), ctx.Err()
		}
	}
	return spooled{io.NewSectionReader(in, 0, in.Size()), in}, false, nil
}

// spooled is a text whose end is a spool's.
type spooled struct {
	io.Reader
	io.Closer
}
