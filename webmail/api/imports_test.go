package api

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/mailstore"
	"sealpost/move"
	"sealpost/pgp"
)

// importing gives a world imports that reach nobody.
func importing(t *testing.T, w *world) {
	t.Helper()
	ctx := t.Context()
	w.Imports = &move.Imports{
		Store: w.Store, Key: w.SignIns.Key, Alone: true, Spool: t.TempDir(), Log: w.Log, Now: w.now,
		Seal: func(ctx context.Context, o mailstore.Owner) (pgp.Recipient, error) {
			a, err := w.Book.Account(ctx, account.ID(o))
			if err != nil {
				return pgp.Recipient{}, err
			}
			return w.Book.Recipient(ctx, a)
		},
	}
	w.Import = func(o mailstore.Owner, r move.Remote) error {
		r.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
			if address == "imap.example.net:993" {
				<-ctx.Done()
			}
			return nil, errors.New("nobody there")
		}
		return w.Imports.Start(ctx, o, r)
	}
}

// Each account sees and stops its own import only, and no answer or log has the other
// server's name or password.
func TestImports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	importing(t, w)
	alice, bob := basic("alice@demo.test", w.password(w.alice, "a", account.ScopeAPI)), basic("bob@demo.test", w.password(w.bob, "b", account.ScopeAPI))
	wish := NewImport{Host: "imap.example.net", User: "canary-user", Password: "canary-password"}
	if i := read[Import](t, w.ask("GET", "/import", nil, alice), 200); i.State != "none" {
		t.Errorf("before: %+v", i)
	}
	if i := read[Import](t, w.ask("POST", "/import", wish, alice), 202); i.State != "running" {
		t.Errorf("started: %+v", i)
	}
	expect(t, w.ask("POST", "/import", wish, alice), 409, "importing")
	if i := read[Import](t, w.ask("GET", "/import", nil, bob), 200); i.State != "none" {
		t.Errorf("bob sees alice's: %+v", i)
	}
	if rec := w.ask("DELETE", "/import", nil, bob); rec.Code != 204 {
		t.Errorf("stop of none: %d", rec.Code)
	}
	if i := read[Import](t, w.ask("GET", "/import", nil, alice), 200); i.State != "running" {
		t.Errorf("bob stopped alice's: %+v", i)
	}
	wish.Host = "elsewhere.example.net"
	read[Import](t, w.ask("POST", "/import", wish, bob), 202)
	for read[Import](t, w.ask("GET", "/import", nil, bob), 200).State == "running" {
		time.Sleep(time.Millisecond)
	}
	if i := read[Import](t, w.ask("GET", "/import", nil, bob), 200); i.State != "ended" || i.Trouble != "unreachable" {
		t.Errorf("bob's: %+v", i)
	}
	expect(t, w.ask("POST", "/import", NewImport{Host: "", User: "a", Password: "b"}, alice), 422, "bad-input")
	expect(t, w.ask("GET", "/import", nil), 401, "signed-out")
	w.mustNotLog("canary", "example.net")
}
