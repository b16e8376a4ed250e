package files

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client"
)

// ErrRequest is all that is said of an upload request that takes nothing.
var ErrRequest = errors.New("this link takes no files: its request has expired or was closed, never was, or its secret is another")

// Asked is an upload request that somebody was given.
type Asked struct {
	Server string
	ID     string
	secret sealed.LinkSecret
	from   *client.Client // signs in as nobody
	ask    sealed.Ask     // once Look has opened it
}

// ParseAsked reads https://host/r/ID#SECRET.
func ParseAsked(link string) (a Asked, err error) {
	a.Server, a.ID, a.secret, err = parseLink("r", link)
	return a, err
}

// Visit begins to bring files by a request. ca is as in Dial.
func Visit(link, ca string) (*Asked, error) {
	a, err := ParseAsked(link)
	if err != nil {
		return nil, err
	}
	a.from, err = Dial(a.Server, ca)
	return &a, err
}

// Wanted is what a request asks for: its words are its owner's, whoever that is.
type Wanted struct {
	Title, Note string
	Files       int64 // that may still come,
	Bytes       int64 // and what they may have in all, sealed
	Expires     time.Time
}

// Look opens a request.
func (a *Asked) Look(ctx context.Context) (w Wanted, err error) {
	about, err := a.from.Drop(ctx, a.ID)
	if err != nil {
		return w, requestError(err)
	}
	if a.ask, err = sealed.OpenAsk(a.secret, about.Box); err != nil {
		return w, ErrRequest
	}
	return Wanted{Title: a.ask.Title, Note: a.ask.Note, Files: about.Files, Bytes: about.Bytes, Expires: about.Expires}, nil
}

func requestError(err error) error {
	var p *client.Problem
	if !errors.As(err, &p) {
		return err
	}
	switch { // in words for who has the link
	case p.Status == http.StatusNotFound:
		return ErrRequest
	case p.Word() == "too-many":
		return errors.New("the request takes no more files, or others are on their way: try again later, or ask its owner")
	case p.Word() == "over-quota":
		return errors.New("its owner has no room left")
	case p.Word() == "bad-input":
		return errors.New("it is larger than what the request still takes")
	}
	return err
}

// Bring seals a file to the owner's key and brings it. Broken off, the same call goes on
// where it was, as long as the file is the same and the server has not given it up.
// Look comes first.
func (a *Asked) Bring(ctx context.Context, now func() time.Time, p Put) (sealed.Entry, error) {
	key, err := a.cacheKey()
	if err != nil {
		return sealed.Entry{}, err
	}
	p.Folder = "request " + a.ID // for the note of what waits here
	u := &upload{d: &Drive{Server: a.from, Boxes: key, Now: now}, put: p, name: nameOf(p), asked: a}
	e, err := u.stage(ctx)
	if err = requestError(err); err == nil || errors.Is(err, ErrRequest) || u.begun() == "" {
		u.forget() // there is nothing to go on with
	}
	return e, err
}

// cacheKey is for this device's notes of what it brings: who has the link goes on.
func (a *Asked) cacheKey() (d keyring.Drawer, err error) {
	key, err := hkdf.Key(sha256.New, []byte(a.secret.Fragment()), nil, "sealpost drop cache v1", 32)
	if err != nil {
		return d, fmt.Errorf("derive key: %w", err)
	}
	return keyring.NewDrawer("", sealed.Drawer, key)
}

// by is how an upload goes to who asked for it; nil: it is the account's own.
func (u *upload) by() *client.Bringing {
	if u.asked == nil {
		return nil
	}
	return &client.Bringing{Request: u.asked.ID, Head: func(f client.File) ([]byte, error) {
		if u.sealed != nil {
			<-u.sealed // then its hash is known
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		if !u.note.Whole {
			return nil, fmt.Errorf("%s was not sealed to its end", u.put.File)
		}
		return sealed.SealDrop(u.asked.ask, u.asked.ID, sealed.Object{ID: f.ID, Size: f.Size}, u.entry().Head())
	}}
}
