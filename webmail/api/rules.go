package api

import (
	"context"
	"errors"
	"net/http"

	"sealpost/smtp/inbound/rules"
)

const mostRules = 1 << 20

// ruleSets are changed by their owner's browsers only: a rule that forwards gives mail
// away readable, which no app password can.
func ruleSets(s service) {
	route(s, op{
		name: "rules", method: http.MethodGet, path: "/rules", tag: sendingPart, access: forAccount,
		about: "What is done with mail as it arrives, and who is told that its owner is away.",
	}, func(ctx context.Context, _ *struct{}) (*body[rules.Set], error) {
		if s.Sending.Rules == nil {
			return nil, notFound()
		}
		set, err := s.Sending.Rules.Get(ctx, who(ctx).ID)
		return &body[rules.Set]{set}, err
	})
	route(s, op{
		name: "put-rules", method: http.MethodPut, path: "/rules", tag: sendingPart, access: forSession, body: mostRules,
		about: "Replaces the rules. version is that of the ones they were made from; 409 conflict: there are newer ones.",
	}, func(ctx context.Context, in *body[rules.Set]) (*body[rules.Set], error) {
		if s.Sending.Rules == nil {
			return nil, notFound()
		}
		set, err := s.Sending.Rules.Put(ctx, who(ctx).ID, in.Body)
		var invalid *rules.Invalid
		if errors.As(err, &invalid) {
			return nil, badInput("%s", invalid.Error())
		}
		return &body[rules.Set]{set}, err
	})
}
