package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// Reseal are messages of one mailbox whose session keys their owner's client sealed to
// the key that mail is sealed to now.
type Reseal struct {
	Mails []ResealMail `json:"mails" nullable:"false" minItems:"1" maxItems:"100"`
}

// ResealMail is one of them: what stands behind the packets stays as it is.
type ResealMail struct {
	UID     uint32 `json:"uid"`
	Message []byte `json:"message" doc:"PKESK packets for the message letter; those of other readers stay"`
	Header  []byte `json:"header,omitempty" doc:"the header letter, where there is one: it names the message letter"`
	Terms   []byte `json:"terms,omitempty" doc:"PKESK packets for the terms letter, where it has its own"`
	Card    []byte `json:"card,omitempty" doc:"the card letter: it names the message letter"`
}

// Resealed says where messages stand now. One that is missing in sources was not there.
type Resealed struct {
	UIDs    []uint32 `json:"uids" nullable:"false"`
	Sources []uint32 `json:"sources" nullable:"false" doc:"where uids came from"`
	Modseq  uint64   `json:"modseq"`
}

const resealBody = 8 << 20

func resealing(s service) {
	route(s, op{
		name: "reseal", method: http.MethodPost, path: "/mailboxes/{mailbox}/reseal", tag: tagMail, access: forSession,
		time: 5 * time.Minute, body: resealBody,
		about: "Gives messages other PKESK packets, to the key that mail is sealed to now. Each is a new message with the same flags, date and id in the " +
			"place of the old one, all or none; those that are gone are passed over.",
	}, func(ctx context.Context, in *struct {
		InMailbox
		Body Reseal
	}) (*body[Resealed], error) {
		b, err := s.box(ctx, in.Mailbox)
		if err != nil {
			return nil, err
		}
		leave, err := s.gates.heavy.enter(who(ctx).ID)
		if err != nil {
			return nil, err
		}
		defer leave()
		out, err := s.reseal(ctx, b.ID, in.Body.Mails)
		return &body[Resealed]{out}, err
	})
}

func (a *API) reseal(ctx context.Context, box mailstore.MailboxID, asked []ResealMail) (out Resealed, err error) {
	out = Resealed{UIDs: []uint32{}, Sources: []uint32{}}
	to, err := a.Book.Recipient(ctx, who(ctx).Account)
	if err != nil {
		return out, err
	}
	wishes, uids := map[mailstore.UID]ResealMail{}, make([]mailstore.UID, len(asked))
	for i, m := range asked {
		uids[i] = mailstore.UID(m.UID)
		wishes[uids[i]] = m
	}
	var found []mailstore.Mail
	for m, err := range a.Store.Index.Mails(ctx, owner(ctx), box, uids) {
		if err != nil {
			return out, err
		}
		found = append(found, m)
	}
	var ready []mailstore.Resealed
	for _, m := range found {
		w := resealer{API: a, to: to, mail: m}
		defer w.close()
		letters, err := w.letters(ctx, wishes[m.UID])
		if errors.Is(err, filestore.ErrNotFound) || errors.Is(err, mailstore.ErrNoMail) { // another device was faster
			continue
		}
		if err != nil {
			return out, err
		}
		ready = append(ready, mailstore.Resealed{Mail: m, Letters: letters})
	}
	if len(ready) == 0 {
		return out, nil
	}
	events, err := a.Store.Reseal(ctx, owner(ctx), box, ready)
	if err != nil {
		return out, err
	}
	for _, e := range events {
		out.Modseq = max(out.Modseq, uint64(e.Modseq))
		for i := range e.UIDs {
			out.UIDs, out.Sources = append(out.UIDs, uint32(e.UIDs[i])), append(out.Sources, uint32(e.Sources[i]))
		}
	}
	return out, nil
}

// resealer makes the letters of one message; what it opens stays open until they are stored.
type resealer struct {
	*API
	to   pgp.Recipient
	mail mailstore.Mail
	open []letter
}

func (w *resealer) close() {
	for _, l := range w.open {
		l.Close()
	}
}

func (w *resealer) has(k pgp.Kind) bool {
	for _, l := range w.mail.Letters {
		if l.Kind == k {
			return true
		}
	}
	return false
}

// letters are what is stored, or pgp.ErrLetter: whatever names the message letter must
// come anew with it.
func (w *resealer) letters(ctx context.Context, wish ResealMail) (all []pgp.Letter, err error) {
	add := func(l pgp.Letter, err error) error {
		all = append(all, l)
		return err
	}
	if err := add(w.exchange(ctx, pgp.KindMessage, wish.Message)); err != nil {
		return nil, err
	}
	if w.has(pgp.KindHeader) != (wish.Header != nil) {
		return nil, pgp.ErrLetter
	}
	if wish.Header != nil {
		if err := add(pgp.ParseHeaderLetter(wish.Header, w.to, w.Now())); err != nil {
			return nil, err
		}
	}
	if wish.Terms != nil {
		if err := add(w.exchange(ctx, pgp.KindTerms, wish.Terms)); err != nil {
			return nil, err
		}
	}
	if wish.Card != nil {
		if err := add(pgp.ParseLetter(pgp.KindCard, wish.Card, w.to)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (w *resealer) exchange(ctx context.Context, k pgp.Kind, keys []byte) (pgp.Letter, error) {
	blob, err := w.Store.Letter(ctx, w.mail, k)
	if err != nil {
		return pgp.Letter{}, err
	}
	l := letter{ReaderAt: blob, size: blob.Size(), blob: blob}
	w.open = append(w.open, l)
	return pgp.Exchange(k, l, l.size, keys, w.to, w.Now())
}
