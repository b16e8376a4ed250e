package api

import (
	"context"
	"net/http"

	"sealpost/account"
	"sealpost/account/signin"
)

// sessions are the browsers that are signed in, and those that would like to be.
func sessions(s service) {
	type sessionList struct {
		Sessions []SessionLine `json:"sessions"`
	}
	route(s, op{
		name: "sessions", method: http.MethodGet, path: "/sessions", tag: tagSignIn, access: forSession,
		about: "The browsers that are signed in, the one used last first.",
	}, func(ctx context.Context, _ *struct{}) (*body[sessionList], error) {
		all, err := s.SignIns.Sessions(ctx, who(ctx).ID)
		w := sessionList{[]SessionLine{}}
		for _, one := range all {
			w.Sessions = append(w.Sessions, SessionLine{one.ID, one.Device, onWire(one.Created), onWire(one.Used), onWire(one.Expires), one.ID == who(ctx).Session})
		}
		return &body[sessionList]{w}, err
	})
	route(s, op{
		name: "end-session", method: http.MethodDelete, path: "/sessions/{id}", tag: tagSignIn, access: forSession,
		about: "Signs a browser out. What it has cannot be opened without this server any more.",
	}, func(ctx context.Context, in *struct {
		ID string `path:"id"`
	}) (*struct {
		Cookie string `header:"Set-Cookie"`
	}, error) {
		if err := s.SignIns.End(ctx, who(ctx).ID, in.ID); err != nil {
			return nil, err
		}
		out := &struct {
			Cookie string `header:"Set-Cookie"`
		}{}
		if in.ID == who(ctx).Session {
			out.Cookie = s.cookie("", s.Now())
		}
		return out, nil
	})
	type signInList struct {
		SignIns []SignInLine `json:"sign_ins"`
	}
	route(s, op{
		name: "sign-ins", method: http.MethodGet, path: "/sign-ins", tag: tagSignIn, access: forSession,
		about: "The last hundred sign-ins and tries, the newest first.",
	}, func(ctx context.Context, _ *struct{}) (*body[signInList], error) {
		all, err := s.SignIns.History(ctx, who(ctx).ID)
		w := signInList{[]SignInLine{}}
		for _, l := range all {
			w.SignIns = append(w.SignIns, SignInLine{onWire(l.At), l.How, l.OK, l.Device})
		}
		return &body[signInList]{w}, err
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
	type requestList struct {
		Requests []WaitingRequest `json:"requests"`
	}
	route(s, op{
		name: "access-requests", method: http.MethodGet, path: "/access-requests", tag: tagSignIn, access: forSession,
		about: "Devices that ask to be let in.",
	}, func(ctx context.Context, _ *struct{}) (*body[requestList], error) {
		w := requestList{[]WaitingRequest{}}
		for _, r := range s.SignIns.Requests(who(ctx).ID) {
			w.Requests = append(w.Requests, WaitingRequest{r.ID, r.Device, r.PublicKey, onWire(r.At)})
		}
		return &body[requestList]{w}, nil
	})
	route(s, op{
		name: "grant-access", method: http.MethodPost, path: "/access-requests/{id}/grant", tag: tagSignIn, access: forSession,
		about: "Lets a device in, with what was sealed to its key.",
	}, func(ctx context.Context, in *struct {
		ID   string `path:"id"`
		Body struct {
			Sealed []byte `json:"sealed"`
		}
	}) (*struct{}, error) {
		return nil, s.SignIns.Grant(who(ctx).ID, in.ID, in.Body.Sealed)
	})
	route(s, op{
		name: "refuse-access", method: http.MethodDelete, path: "/access-requests/{id}", tag: tagSignIn, access: forSession,
		about: "Sends a device away.",
	}, func(ctx context.Context, in *struct {
		ID string `path:"id"`
	}) (*struct{}, error) {
		return nil, s.SignIns.Deny(who(ctx).ID, in.ID)
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
	type appPasswordList struct {
		AppPasswords []AppPassword `json:"app_passwords"`
	}
	route(s, op{
		name: "app-passwords", method: http.MethodGet, path: "/app-passwords", tag: tagSignIn, access: forSession,
		about: "The app passwords that mail programs, and programs of this API, sign in with.",
	}, func(ctx context.Context, _ *struct{}) (*body[appPasswordList], error) {
		w := appPasswordList{[]AppPassword{}}
		for _, p := range who(ctx).Passwords {
			w.AppPasswords = append(w.AppPasswords, appPasswordOnWire(p))
		}
		return &body[appPasswordList]{w}, nil
	})
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
}

func appPasswordOnWire(p account.Password) AppPassword {
	return AppPassword{Name: p.Name, Created: onWire(p.Created), Used: maybeOnWire(p.Used), FileSent: p.FileSent, Limit: p.Limit, Scopes: p.AllScopes()}
}

func (s service) newAppPassword(ctx context.Context, in *struct {
	Body struct {
		Name     string   `json:"name" minLength:"1" maxLength:"64"`
		Scopes   []string `json:"scopes,omitempty" maxItems:"3" doc:"imap, smtp, api; absent: imap and smtp"`
		FileSent bool     `json:"file_sent,omitempty" doc:"the server files what is sent with it in Sent"`
		Limit    int      `json:"limit,omitempty" minimum:"0" doc:"recipients an hour; 0: the server's"`
	}
}) (*body[AppPassword], error) {
	b := in.Body
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
			w := appPasswordOnWire(p)
			w.Password = word.Reveal()
			return &body[AppPassword]{w}, nil
		}
	}
	return nil, signin.ErrNotFound // revoked meanwhile
}
