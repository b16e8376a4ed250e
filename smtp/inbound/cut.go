package inbound

import (
	"context"
	"crypto/rand"

	"sealpost/account"
	"sealpost/filestore/drive"
	"sealpost/filestore/sealed/cut"
	"sealpost/mail"
	"sealpost/pgp"
)

// lighter is a mail without its large attachments, for one recipient.
type lighter struct {
	*cut.Cut
	mail  drive.MailID
	gist  *mail.Gist // of what is left
	whole bool       // IMAP serves the mail as it came all the same
}

// cut takes out what its recipient wants beside the mail. Whatever goes wrong, the mail
// is stored as it came.
func (t *transaction) cut(ctx context.Context, a *arrival, to recipient) *lighter {
	whole, over := to.files.Incoming == account.IncomingWhole, to.files.Limit()
	switch {
	case t.h.Cutter == nil || !whole && to.files.Incoming != account.IncomingStub || a.judge.Junk != "":
		return nil
	case a.mail.Size() <= over || whole && a.mail.Size() <= pgp.LargeMail: // such have no letter to show it in
		return nil
	}
	c := &lighter{whole: whole}
	rand.Read(c.mail[:])
	var err error
	if c.Cut, err = t.h.Cutter.Arrived(ctx, drive.Owner(to.account), c.mail, a.mail, a.gist, over); err != nil {
		t.h.Log.Warn("large attachments stay in a mail", "id", a.id, "account", string(to.account), "err", err)
		return nil
	}
	if c.Cut == nil {
		return nil
	}
	c.gist = mail.Look(ctx, c.Mail, t.h.Look)
	// Lists and searches know the mail as it came.
	c.gist.Attachments, c.gist.Terms, c.gist.Snippet = a.gist.Attachments, a.gist.Terms, a.gist.Snippet
	return c
}

// into puts it in the place of the mail, or of what is shown of it.
func (c *lighter) into(m *pgp.Mail) {
	if c.whole {
		m.Shown = &pgp.Shown{Bytes: c.Mail, Gist: c.gist}
		return
	}
	m.Bytes, m.Gist = c.Mail, c.gist
	m.Trace = append(m.Trace, cut.Fields(c.Places)...)
}

func (t *transaction) undo(ctx context.Context, a *arrival, c *lighter) {
	if err := c.Undo(ctx); err != nil {
		t.h.Log.Warn("files of a mail that was not stored stay for a while", "id", a.id, "err", err)
	}
}
