package submission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/smtp/outbound/queue"
)

// outbox is where notices wait while the mail they speak of lives in memory only.
const outbox = "Outbox"

// unsent marks the notices that wait there: whatever else its owner keeps in Outbox
// is theirs.
const unsent = "$SealpostUnsent"

// notice stores, sealed to the sender, what they get when a restart loses the text
// of a strict queue: that it was not sent, with the mail attached. It returns its
// place for queue.Mail.Outbox.
func (t *transaction) notice(ctx context.Context, d *draft, l letter) (string, error) {
	c, err := t.sealOwn(ctx, t.h.lost(t.who.Addresses[0], d, l), d.time, true)
	if err != nil {
		return "", err
	}
	e, err := t.h.deliver(ctx, c, outbox, mailstore.Seen, unsent)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d/%d", e.Box, e.UIDs[0]), nil
}

// lost writes the notice. Every name in it goes through mail.Address, which holds no
// control characters; the mail is attached as its sender wrote it.
func (h *Handler) lost(to mail.Address, d *draft, l letter) mail.Joined {
	boundary := newID() + newID()
	var list strings.Builder
	for _, r := range l.to {
		list.WriteString("  " + r.Address.String() + "\r\n")
	}
	head := "From: Mail delivery <postmaster@" + asciiDomain(to.Domain) + ">\r\n" +
		"To: <" + to.String() + ">\r\n" +
		"Date: " + d.time.UTC().Format(time.RFC1123Z) + "\r\n" +
		"Message-ID: <" + newID() + "@" + asciiDomain(to.Domain) + ">\r\n" +
		"Subject: Your mail was not sent\r\n" +
		"Auto-Submitted: auto-generated\r\n" +
		"MIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n" +
		"--" + boundary + "\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
		"The mail that is attached was not sent: the server restarted before it could be\r\n" +
		"delivered to all of these recipients. Some of them may have it.\r\n\r\n" + list.String() + "\r\n" +
		"This server keeps unsent mail in memory only. To send it, send it again.\r\n\r\n" +
		"--" + boundary + "\r\n" +
		"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: attachment; filename=unsent.eml\r\n\r\n"
	return join(head, d.kept(), "\r\n--"+boundary+"--\r\n")
}

// place reads queue.Mail.Outbox.
func place(m queue.Mail) (box mailstore.MailboxID, uid mailstore.UID, ok bool) {
	n, err := fmt.Sscanf(m.Outbox, "%d/%d", &box, &uid)
	return box, uid, err == nil && n == 2
}

// Sent takes the notice of a mail that left the queue away, and what links it had if it
// reached nobody. It is the hook of outbound.Sender; what fails is logged, and then a
// notice too many stays in Outbox, or a link until it ends.
func (h *Handler) Sent(ctx context.Context, m queue.Mail) {
	if err := h.revoke(ctx, m); err != nil {
		h.Log.Warn("links of a mail that nobody got stay", "queue", string(m.ID), "err", err)
	}
	if err := h.expunge(ctx, m); err != nil {
		h.Log.Warn("a notice stays in Outbox", "queue", string(m.ID), "err", err)
	}
}

func (h *Handler) expunge(ctx context.Context, m queue.Mail) error {
	box, uid, ok := place(m)
	if !ok {
		return nil
	}
	_, err := h.Store.Apply(ctx, mailstore.Owner(m.Account), mailstore.Expunge{Box: box, UIDs: []mailstore.UID{uid}})
	if err != nil && !gone(err) {
		return fmt.Errorf("expunge notice of account %s: %w", m.Account, err)
	}
	return nil
}

// Return brings the notice of a mail whose text is lost (queue.Lost) to its sender's
// INBOX, unread. What its owner has deleted meanwhile stays deleted.
func (h *Handler) Return(ctx context.Context, m queue.Mail) error {
	box, uid, ok := place(m)
	if !ok {
		return nil
	}
	owner := mailstore.Owner(m.Account)
	boxes, err := h.Store.Index.Mailboxes(ctx, owner)
	if err != nil {
		return fmt.Errorf("list mailboxes of account %s: %w", m.Account, err)
	}
	for _, b := range boxes {
		if b.Name != mailstore.Inbox {
			continue
		}
		_, err := h.Store.Apply(ctx, owner,
			mailstore.SetFlags{Box: box, UIDs: []mailstore.UID{uid}, Op: mailstore.Clear, Flags: []string{mailstore.Seen, unsent}},
			mailstore.Move{From: box, To: b.ID, UIDs: []mailstore.UID{uid}})
		if err != nil && !gone(err) {
			return fmt.Errorf("return notice to account %s: %w", m.Account, err)
		}
	}
	return nil
}

// Tidy removes the notices that an earlier process left in Outbox, and returns how
// many: of mail that it was killed with before it was promised, or just after it had
// left. It is called when Return has been, and before mail is taken.
func (h *Handler) Tidy(ctx context.Context, who account.ID) (n int, err error) {
	owner := mailstore.Owner(who)
	boxes, err := h.Store.Index.Mailboxes(ctx, owner)
	if err != nil {
		return 0, fmt.Errorf("list mailboxes of account %s: %w", who, err)
	}
	for _, b := range boxes {
		if b.Name != outbox {
			continue
		}
		old, err := h.unsent(ctx, owner, b.ID)
		if err == nil && len(old) > 0 {
			_, err = h.Store.Apply(ctx, owner, mailstore.Expunge{Box: b.ID, UIDs: old})
		}
		if err != nil && !gone(err) {
			return n, fmt.Errorf("tidy notices of account %s: %w", who, err)
		}
		n += len(old)
	}
	return n, nil
}

func (h *Handler) unsent(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) (some []mailstore.UID, err error) {
	for e, err := range h.Store.Index.Entries(ctx, o, b, 0) {
		if err != nil {
			return nil, err
		}
		if !e.Gone && slices.Contains(e.Flags, unsent) {
			some = append(some, e.UID)
		}
	}
	return some, nil
}

// gone says that its owner, or their Outbox, is no more.
func gone(err error) bool {
	return errors.Is(err, mailstore.ErrNoMailbox) || errors.Is(err, mailstore.ErrNoOwner)
}
