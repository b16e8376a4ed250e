package api

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"sealpost/mailstore"
	"sealpost/move"
)

// NewImport says where mail is fetched from, by IMAP.
type NewImport struct {
	Host     string   `json:"host" minLength:"1" maxLength:"253" doc:"of the other IMAP server" example:"imap.example.net"`
	Port     int      `json:"port,omitempty" minimum:"1" maximum:"65535" doc:"993, or 143 with starttls"`
	StartTLS bool     `json:"starttls,omitempty" doc:"instead of TLS from the first byte"`
	User     string   `json:"user" minLength:"1" maxLength:"320"`
	Password string   `json:"password" minLength:"1" maxLength:"1024" doc:"held in memory while the import runs, and nowhere else"`
	Skip     []string `json:"skip,omitempty" maxItems:"100" doc:"mailboxes there to leave out"`
}

// Import says how far one is.
type Import struct {
	State    string    `json:"state" enum:"none,running,done,ended" doc:"ended: not all has arrived; asked for again, it goes on"`
	Since    time.Time `json:"since,omitzero"`
	Done     int64     `json:"done" doc:"messages that are durable here, by this run"`
	Total    int64     `json:"total" doc:"that the other server has; 0: not known"`
	Behind   int64     `json:"behind" doc:"messages that could not be had or sealed"`
	Trouble  string    `json:"trouble,omitempty" enum:"unreachable,sign-in,over-quota,stopped,broken-off,left" doc:"left: the server that fetched it has stopped, and its password was nowhere else"`
	Finished time.Time `json:"finished,omitzero"`
}

// imports bring mail in from another server, sealed on the way.
func imports(s service) {
	type input struct{ Body NewImport }
	route(s, op{
		name: "get-import", method: http.MethodGet, path: "/import", tag: "Moving", access: forAccount, about: "How far the newest import from another server is.",
	}, func(ctx context.Context, _ *struct{}) (*body[Import], error) {
		return s.importOf(ctx)
	})
	route(s, op{
		name: "start-import", method: http.MethodPost, path: "/import", tag: "Moving", access: forAccount, status: http.StatusAccepted,
		about: "Fetch all mail of an account at another server that no earlier import from there has brought.",
	}, func(ctx context.Context, in *input) (*body[Import], error) {
		if err := s.Import(owner(ctx), in.Body.remote()); err != nil {
			return nil, err
		}
		return s.importOf(ctx)
	})
	route(s, op{
		name: "stop-import", method: http.MethodDelete, path: "/import", tag: "Moving", access: forAccount, about: "Stop it; what has arrived stays.",
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, s.Imports.Stop(ctx, owner(ctx))
	})
}

func owner(ctx context.Context) mailstore.Owner { return mailstore.Owner(who(ctx).ID) }

func (n NewImport) remote() move.Remote {
	port := n.Port
	switch {
	case port == 0 && n.StartTLS:
		port = 143
	case port == 0:
		port = 993
	}
	return move.Remote{Address: net.JoinHostPort(n.Host, strconv.Itoa(port)), StartTLS: n.StartTLS, User: n.User, Password: n.Password, Skip: n.Skip}
}

func (s service) importOf(ctx context.Context) (*body[Import], error) {
	state, known, err := s.Imports.State(ctx, owner(ctx))
	if err != nil {
		return nil, err
	}
	i := Import{State: "none", Since: state.Since.UTC(), Done: state.Done, Total: state.Total, Behind: state.Behind, Trouble: string(state.Trouble), Finished: state.Ended.UTC()}
	switch {
	case !known:
		i = Import{State: "none"}
	case state.Ended.IsZero():
		i.State, i.Finished = "running", time.Time{}
	case state.Finished:
		i.State = "done"
	default:
		i.State = "ended"
	}
	return &body[Import]{i}, nil
}
