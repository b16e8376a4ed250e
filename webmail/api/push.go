package api

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"

	"sealpost/webmail/api/push"
)

// PushKey is what a browser subscribes with.
type PushKey struct {
	Key string `json:"key" doc:"applicationServerKey: an uncompressed point of P-256 in base64url"`
}

type pushPlace struct {
	Body struct {
		Endpoint string `json:"endpoint" maxLength:"1000" doc:"of PushSubscription; its keys are not needed: knocks have no words"`
	}
}

func pushes(s service) {
	route(s, op{
		name: "push-key", method: http.MethodGet, path: "/push", tag: sendingPart, access: forSession,
		about: "The key with which a browser lets this server knock when mail came.",
	}, func(ctx context.Context, _ *struct{}) (*body[PushKey], error) {
		if s.Sending.Push == nil {
			return nil, notFound()
		}
		key, err := s.Sending.Push.PublicKey(ctx)
		return &body[PushKey]{PushKey{base64.RawURLEncoding.EncodeToString(key)}}, err
	})
	change := func(name, method, about string, do func(p *push.Room, ctx context.Context, c caller, place string) error) {
		route(s, op{name: name, method: method, path: "/push", tag: sendingPart, access: forSession, about: about},
			func(ctx context.Context, in *pushPlace) (*struct{}, error) {
				if s.Sending.Push == nil {
					return nil, notFound()
				}
				err := do(s.Sending.Push, ctx, who(ctx), in.Body.Endpoint)
				if errors.Is(err, push.ErrPlace) {
					return nil, badInput("endpoint: expected an https URL")
				}
				return nil, err
			})
	}
	change("push", http.MethodPost, "Has this server knock at a browser when mail came into INBOX, until its session ends: a push without words.",
		func(p *push.Room, ctx context.Context, c caller, place string) error {
			return p.Subscribe(ctx, string(c.ID), c.Session, place)
		})
	change("no-push", http.MethodDelete, "Knocks there no more.", func(p *push.Room, ctx context.Context, c caller, place string) error {
		return p.Unsubscribe(ctx, string(c.ID), place)
	})
}
