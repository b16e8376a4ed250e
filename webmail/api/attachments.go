package api

import (
	"cmp"
	"context"
	"net/http"

	"sealpost/account"
)

// Attachments is what becomes of an account's large attachments.
type Attachments struct {
	Over     int64  `json:"over" minimum:"100000" maximum:"1000000000" doc:"bytes that make an attachment large"`
	Outgoing string `json:"outgoing" enum:"plain,link" doc:"of mail that a program submits and that leaves readable: the attachment, or a link in its place"`
	Incoming string `json:"incoming" enum:"off,stub,whole" doc:"of mail that arrives unsigned: left, cut out for all, or cut out while IMAP serves the whole mail"`
	Key      []byte `json:"key,omitempty" doc:"X25519, of the owner: to it the server seals how files open that it made for them; left out, it stays"`
}

// attachmentOperations are for an account's own programs to read. A choice is made by
// its browsers: it says what the server may do with what it sees in passing.
func attachmentOperations(s service) {
	route(s, op{
		name: "attachments", method: http.MethodGet, path: "/attachments", tag: tagAccount, access: forAccount,
		about: "What becomes of large attachments.",
	}, func(ctx context.Context, _ *struct{}) (*body[Attachments], error) {
		return &body[Attachments]{attachmentsOnWire(who(ctx).Files)}, nil
	})
	route(s, op{
		name: "put-attachments", method: http.MethodPut, path: "/attachments", tag: tagAccount, access: forSession,
		about: "Says what becomes of large attachments of mail that comes and goes from now on.",
	}, func(ctx context.Context, in *body[Attachments]) (*body[Attachments], error) {
		b := in.Body
		a, err := s.Book.Set(ctx, who(ctx).ID, account.Settings{Files: &account.Attachments{
			Over: b.Over, Outgoing: account.OutgoingPolicy(b.Outgoing), Incoming: account.IncomingPolicy(b.Incoming), Drops: b.Key,
		}})
		if err != nil {
			return nil, err
		}
		s.Store.Bus.Publish(AccountTopic(string(a.ID)))
		return &body[Attachments]{attachmentsOnWire(a.Files)}, nil
	})
}

func attachmentsOnWire(a account.Attachments) Attachments {
	return Attachments{
		Over: a.Limit(), Outgoing: cmp.Or(string(a.Outgoing), string(account.OutgoingPlain)),
		Incoming: cmp.Or(string(a.Incoming), string(account.IncomingOff)), Key: a.Drops,
	}
}
