package api

import (
	"context"
	"net/http"
	"time"
)

// AdminInvitation is a way in that an operator made.
type AdminInvitation struct {
	ID      string    `json:"id"`
	Address string    `json:"address,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Attach  bool      `json:"attach" doc:"it gives a sign-in to an account that exists"`
	Link    string    `json:"link,omitempty" doc:"in the answer to who made it only; the token stands in its fragment"`
}

// AdminInvite is a wish for one.
type AdminInvite struct {
	Address string `json:"address,omitempty" maxLength:"400" doc:"fixed; absent: the invited chooses"`
	Account string `json:"account,omitempty" maxLength:"32" doc:"an account that exists, to give a sign-in to"`
	Days    int    `json:"days" minimum:"1" maximum:"90"`
}

type adminInvitationList struct {
	Invitations []AdminInvitation `json:"invitations"`
}

func adminInvitations(s service) {
	route(s, adminOp("invitations", http.MethodGet, "/invitations", "Invitations that were not used yet."),
		func(ctx context.Context, _ *struct{}) (*body[adminInvitationList], error) {
			answer, err := maybeNot(ctx, s.Admin.Invitations)
			if err != nil {
				return nil, err
			}
			return &body[adminInvitationList]{adminInvitationList{list(answer.Body)}}, nil
		})
	route(s, adminOp("invite", http.MethodPost, "/invitations", "Makes an invitation. Its link is told this once."),
		func(ctx context.Context, in *body[AdminInvite]) (*body[AdminInvitation], error) {
			if s.Admin.Invite == nil {
				return nil, notFound()
			}
			i, err := s.Admin.Invite(ctx, in.Body)
			return &body[AdminInvitation]{i}, err
		})
	route(s, adminOp("withdraw", http.MethodDelete, "/invitations/{id}", "Takes an invitation back."),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		}) (*struct{}, error) {
			if s.Admin.Revoke == nil {
				return nil, notFound()
			}
			return nil, s.Admin.Revoke(ctx, in.ID)
		})
}
