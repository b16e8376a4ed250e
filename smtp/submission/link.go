package submission

import (
	"context"
	"encoding/json"

	"sealpost/account"
	"sealpost/filestore/drive"
	"sealpost/mail"
	"sealpost/smtp/outbound/queue"
)

// link puts links in the place of large attachments of a mail that a program submitted,
// where nobody else can read the mail or its sender wants that. Whatever goes wrong, the
// mail leaves as it was written. The webmail makes links by itself, and asks its user.
func (t *transaction) link(ctx context.Context, d *draft, letters []letter) {
	files := t.who.Files
	if t.h.Cutter == nil || t.who.device == "" || len(files.Drops) == 0 || d.raw.Size() <= files.Limit() {
		return
	}
	if readableFor(letters) && files.Outgoing != account.OutgoingLink || closed(d) {
		return
	}
	c, err := t.h.Cutter.Sent(ctx, drive.Owner(t.who.ID), files.Drops, d.raw, mail.Look(ctx, d.raw, t.h.look()), files.Limit())
	if err != nil {
		t.h.Log.Warn("large attachments stay in a mail", "id", d.id, "err", err)
		return
	}
	if d.cut = c; c != nil {
		t.h.Log.Info("large attachments became links", "id", d.id, "count", len(c.Places))
	}
}

// note is what the queue keeps of a mail for us, sealed as its envelope is.
type note struct {
	// Links were made for this mail, and stand in no copy of it but those of this entry.
	Links []drive.ID `json:"links,omitempty"`
}

// note names the links of a mail of which all copies are one letter. Those of a mail that
// leaves in several, or that people of this server get, stay: one copy's fate says nothing
// of the others'.
func (e *errand) note() string {
	if e.d.cut == nil || len(e.letters) != 1 || len(e.local) > 0 {
		return ""
	}
	text, _ := json.Marshal(note{e.d.cut.Links}) // ids: it does not fail
	return string(text)
}

// revoke ends the links of a mail that left the queue and reached nobody.
func (h *Handler) revoke(ctx context.Context, m queue.Mail) error {
	var n note
	if m.Note == "" || m.Given || h.Cutter == nil || json.Unmarshal([]byte(m.Note), &n) != nil || len(n.Links) == 0 {
		return nil
	}
	if err := h.Cutter.Revoke(ctx, drive.Owner(m.Account), n.Links); err != nil {
		return err
	}
	h.Log.Info("links of a mail that nobody got were revoked", "queue", string(m.ID), "count", len(n.Links))
	return nil
}

// readableFor says that some letter can be read on its way. What goes to people of this
// server has none: it is sealed as it arrives.
func readableFor(letters []letter) bool {
	for _, l := range letters {
		if l.certs == nil {
			return true
		}
	}
	return false
}

// unlink removes the files again of a mail that nobody can have got.
func (e *errand) unlink(ctx context.Context) {
	if e.d.cut == nil || e.handed {
		return
	}
	if err := e.d.cut.Undo(ctx); err != nil {
		e.t.h.Log.Warn("files of a mail that was not sent stay", "id", e.d.id, "err", err)
	}
}
