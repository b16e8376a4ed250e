package imap

import (
	"sealpost/account"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// filedSpan is how many of the newest UIDs of Sent are looked at for a mail that
// the server filed at submission: the client's own copy follows within moments.
const filedSpan = 200

// filed finds the mail of that Message-ID among the newest of Sent, if box is
// that mailbox: the server files the Sent copy where the app password says so,
// and a client that does not know of it appends its own. The mail cannot be
// read, but its visible header shows the id, or the pseudonym of it.
func (s *session) filed(a account.Account, box, id string) (e mailstore.Event, found bool, err error) {
	shown := visibleIDs(a, id)
	if len(shown) == 0 {
		return e, false, nil
	}
	sent, err := s.mailbox(box) // as it is now, not as it was before the mail came
	if err != nil || sent.Use != `\Sent` {
		return e, false, err
	}
	for m, err := range s.server.Store.Index.Mails(s.ctx, s.owner, sent.ID, newest(sent.UIDNext)) {
		if err != nil {
			return e, false, err
		}
		field, _ := visible(m.Outer).Get("Message-ID")
		if shown[field.Value()] {
			return mailstore.Event{Box: sent.ID, Valid: sent.UIDValidity, UIDs: []mailstore.UID{m.UID}}, true, nil
		}
	}
	return e, false, nil
}

// visibleIDs are the forms an id may have in the account's visible headers: the
// level may have changed since the mail was filed.
func visibleIDs(a account.Account, id string) map[string]bool {
	shown := map[string]bool{}
	for _, level := range []pgp.Level{a.Level, pgp.Baseline, pgp.Minimal} {
		if v := pgp.VisibleID(id, level, a.Pseudonym); v != "" {
			shown[v] = true
		}
	}
	return shown
}

// newest lists the UIDs below next, the newest first; not all need exist.
func newest(next mailstore.UID) []mailstore.UID {
	var uids []mailstore.UID
	for uid := next; uid > 1 && len(uids) < filedSpan; uid-- {
		uids = append(uids, uid-1)
	}
	return uids
}
