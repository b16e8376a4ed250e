package api

import (
	"context"
	"net/http"

	"sealpost/account"
	"sealpost/account/signin"
)

// listed adds an operation that answers with all of something: one line of a table for
// what is told (name), how it is found (find), and how one of it looks on the wire (say).
func listed[A, B, L any](s service, o op, find func(context.Context) ([]A, error), say func(context.Context, A) B, wrap func([]B) L) {
	o.method, o.tag, o.access = http.MethodGet, tagSignIn, forSession
	route(s, o, func(ctx context.Context, _ *struct{}) (*body[L], error) {
		all, err := find(ctx)
		lines := make([]B, 0, len(all))
		for _, one := range all {
			lines = append(lines, say(ctx, one))
		}
		return answer(wrap(lines), err)
	})
}

// The lists of this file, as they stand in JSON.
type (
	sessionList struct {
		Sessions []SessionLine `json:"sessions"`
	}
	signInList struct {
		SignIns []SignInLine `json:"sign_ins"`
	}
	requestList struct {
		Requests []WaitingRequest `json:"requests"`
	}
	appPasswordList struct {
		AppPasswords []AppPassword `json:"app_passwords"`
	}
)

// sessions are the browsers that are signed in.
func sessions(s service) {
	listed(s, op{name: "sessions", path: "/sessions", about: "The browsers that are signed in, the one used last first."},
		func(ctx context.Context) ([]signin.Session, error) { return s.SignIns.Sessions(ctx, who(ctx).ID) },
		func(ctx context.Context, one signin.Session) SessionLine {
			return SessionLine{one.ID, one.Device, onWire(one.Created), onWire(one.Used), onWire(one.Expires), one.ID == who(ctx).Session}
		},
		func(all []SessionLine) sessionList { return sessionList{all} })
	listed(s, op{name: "sign-ins", path: "/sign-ins", about: "The last hundred sign-ins and tries, the newest first."},
		func(ctx context.Context) ([]signin.Line, error) { return s.SignIns.History(ctx, who(ctx).ID) },
		func(_ context.Context, l signin.Line) SignInLine {
			return SignInLine{At: onWire(l.At), How: l.How, OK: l.OK, Device: l.Device, Door: l.Door, Network: l.Network}
		},
		func(all []SignInLine) signInList { return signInList{all} })
	type ended struct {
		Cookie string `header:"Set-Cookie"`
	}
	route(s, op{
		name: "end-session", method: http.MethodDelete, path: "/sessions/{id}", tag: tagSignIn, access: forSession,
		about: "Signs a browser out. What it has cannot be opened without this server any more.",
	}, func(ctx context.Context, in *struct {
		ID string `path:"id"`
	}) (*ended, error) {
		if err := s.told(who(ctx).ID, s.SignIns.End(ctx, who(ctx).ID, in.ID)); err != nil {
			return nil, err
		}
		if in.ID != who(ctx).Session {
			return &ended{}, nil
		}
		return &ended{s.cookie("", s.Now())}, nil
	})
}

// requests are devices that ask to be let in.
func requests(s service) {
	route(s, op{
		name: "ask-access", method: http.MethodPost, path: "/sign-in/requests", tag: tagSignIn, access: forAnybody, status: http.StatusCreated,
		about: "A new device asks to be let in by one that is signed in.",
	}, func(ctx context.Context, in *struct {
		from
		Body struct {
			Address   string `json:"address" maxLength:"1024"`
			PublicKey []byte `json:"public_key" doc:"32 bytes, X25519"`
			Device    string `json:"device" maxLength:"256"`
		}
	}) (*body[AccessRequest], error) {
		asked, err := s.SignIns.Ask(ctx, in.caller, in.Body.Address, in.Body.PublicKey, in.Body.Device)
		return &body[AccessRequest]{AccessRequest{asked.ID, asked.Secret}}, err
	})
	route(s, op{
		name: "come-back", method: http.MethodPost, path: "/sign-in/requests/{id}", tag: tagSignIn, access: forAnybody,
		about: "Asks whether this device was let in: 202 while it waits, and 404 once it was sent away.",
	}, s.comeBack)
	listed(s, op{name: "access-requests", path: "/access-requests", about: "Devices that ask to be let in."},
		func(ctx context.Context) ([]signin.Request, error) { return s.SignIns.Requests(ctx, who(ctx).ID) },
		func(_ context.Context, r signin.Request) WaitingRequest {
			return WaitingRequest{r.ID, r.Device, r.PublicKey, onWire(r.At)}
		},
		func(all []WaitingRequest) requestList { return requestList{all} })
	route(s, op{
		name: "grant-access", method: http.MethodPost, path: "/access-requests/{id}/grant", tag: tagSignIn, access: forSession,
		about: "Lets a device in, with what was sealed to its key.",
	}, func(ctx context.Context, in *struct {
		ID   string `path:"id"`
		Body struct {
			Sealed []byte `json:"sealed"`
		}
	}) (*struct{}, error) {
		return nil, s.SignIns.Grant(ctx, who(ctx).ID, in.ID, in.Body.Sealed)
	})
	route(s, op{
		name: "refuse-access", method: http.MethodDelete, path: "/access-requests/{id}", tag: tagSignIn, access: forSession,
		about: "Sends a device away.",
	}, func(ctx context.Context, in *struct {
		ID string `path:"id"`
	}) (*struct{}, error) {
		return nil, s.SignIns.Deny(ctx, who(ctx).ID, in.ID)
	})
}

// granted is an answer of 202 without a body's worth, or of 200.
type granted struct {
	Status int
	Cookie string `header:"Set-Cookie"`
	Body   *Granted
}

func (s service) comeBack(ctx context.Context, in *struct {
	ID   string `path:"id"`
	Body struct {
		Secret string `json:"secret" maxLength:"64"`
	}
}) (*granted, error) {
	g, err := s.SignIns.Come(ctx, in.ID, secretOf(in.Body.Secret))
	if err != nil {
		return nil, err
	}
	if g == nil {
		return &granted{Status: http.StatusAccepted}, nil
	}
	e, err := s.welcome(g.Entered)
	if err != nil {
		return nil, err
	}
	return &granted{http.StatusOK, e.Cookie, &Granted{e.Body, g.Sealed}}, nil
}

// appPasswords are what programs sign in with.
func appPasswords(s service) {
	listed(s, op{name: "app-passwords", path: "/app-passwords", about: "The app passwords that mail programs, and programs of this API, sign in with."},
		s.programs, func(_ context.Context, p program) AppPassword { return p.onWire() },
		func(all []AppPassword) appPasswordList { return appPasswordList{all} })
	route(s, op{
		name: "new-app-password", method: http.MethodPost, path: "/app-passwords", tag: tagSignIn, access: forSession, status: http.StatusCreated,
		about: "Makes an app password, which is shown in this answer only.",
	}, s.newAppPassword)
	route(s, op{
		name: "remove-app-password", method: http.MethodDelete, path: "/app-passwords/{name}", tag: tagSignIn, access: forSession,
		about: "Revokes an app password; programs that use it are cut off.",
	}, func(ctx context.Context, in *struct {
		Name string `path:"name" maxLength:"200"`
	}) (*struct{}, error) {
		return nil, s.Book.RemovePassword(ctx, who(ctx).ID, in.Name)
	})
	ownPassword(s)
}

// ownPassword is for a program that is done.
func ownPassword(s service) {
	route(s, op{
		name: "give-up-app-password", method: http.MethodDelete, path: "/app-password", tag: tagSignIn, access: forAccount,
		about: "Revokes the app password that asks. 404: a session asks, and has none.",
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		if who(ctx).Password == "" {
			return nil, notFound()
		}
		return nil, s.Book.RemovePassword(ctx, who(ctx).ID, who(ctx).Password)
	})
}

// program is an app password, and where it was used from.
type program struct {
	account.Password
	uses []signin.Use
}

func (s service) programs(ctx context.Context) (all []program, err error) {
	uses, err := s.SignIns.Uses(ctx, who(ctx).ID)
	for _, p := range who(ctx).Passwords {
		all = append(all, program{p, uses[p.Name]})
	}
	return all, err
}

func (p program) onWire() AppPassword {
	w := AppPassword{
		Name: p.Name, Created: onWire(p.Created), Used: maybeOnWire(p.Used), FileSent: p.FileSent, Limit: p.Limit, Scopes: p.AllScopes(),
		Uses: []AppPasswordUse{},
	}
	for _, u := range p.uses {
		if u.Last.AddDate(0, 0, 1).Before(p.Created) { // of another, that had this name
			continue
		}
		w.Uses = append(w.Uses, AppPasswordUse{u.Door, u.Network, onWire(u.Last)})
	}
	return w
}

func (s service) newAppPassword(ctx context.Context, in *struct {
	Proven
	Body struct {
		Name     string   `json:"name" minLength:"1" maxLength:"64"`
		Scopes   []string `json:"scopes,omitempty" maxItems:"3" doc:"imap, smtp, api; absent: imap and smtp"`
		FileSent bool     `json:"file_sent,omitempty" doc:"the server files what is sent with it in Sent"`
		Limit    int      `json:"limit,omitempty" minimum:"0" doc:"recipients an hour; 0: the server's"`
	}
}) (*body[AppPassword], error) {
	b := in.Body
	if _, err := s.right(ctx, in.Proven, nil); err != nil {
		return nil, err
	}
	word, err := s.Book.MakePassword(ctx, who(ctx).ID, account.NewPassword{Name: b.Name, FileSent: b.FileSent, Limit: b.Limit, Scopes: b.Scopes})
	if err != nil {
		return nil, err
	}
	a, err := s.Book.Account(ctx, who(ctx).ID)
	if err != nil {
		return nil, err
	}
	for _, p := range a.Passwords {
		if p.Name == b.Name {
			w := program{Password: p}.onWire()
			w.Password = word.Reveal()
			return &body[AppPassword]{w}, nil
		}
	}
	return nil, signin.ErrNotFound // revoked meanwhile
}
