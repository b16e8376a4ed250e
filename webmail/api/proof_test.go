package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sealpost/account"
)

// guarded is what a session alone may not do.
func (p *person) guarded() map[string]func(edit ...func(*http.Request)) int {
	at := func(method, path string, body any) func(edit ...func(*http.Request)) int {
		return func(edit ...func(*http.Request)) int {
			return p.w.ask(method, path, body, append([]func(*http.Request){p.browser}, edit...)...).Code
		}
	}
	return map[string]func(edit ...func(*http.Request)) int{
		"a secret for codes": at("POST", "/second-factors/totp", nil),
		"no codes any more":  at("DELETE", "/second-factors/totp", nil),
		"options of passkey": at("POST", "/passkeys/begin", nil),
		"a passkey":          at("POST", "/passkeys", map[string]any{"name": "x", "credential": map[string]any{"id": "x"}}),
		"no passkey":         at("DELETE", "/passkeys/abc", nil),
		"an app password":    at("POST", "/app-passwords", map[string]any{"name": "x"}),
	}
}

// TestSessionIsNotEnough: who has only the cookie changes nothing about how the account
// is entered; a token is of one session and ends.
func TestSessionIsNotEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, bob := w.attach(w.alice), w.attach(w.bob).prove()
	refused := func(name string, p *person, edit ...func(*http.Request)) {
		t.Helper()
		for what, try := range p.guarded() {
			if status := try(edit...); status != 403 {
				t.Errorf("%s, %s: %d", name, what, status)
			}
		}
	}
	refused("no proof", p)
	refused("another's", p, header("Sealpost-Proof", base64.StdEncoding.EncodeToString(bob.token)))
	refused("made up", p, header("Sealpost-Proof", base64.StdEncoding.EncodeToString(bytesOf(32, 1))))
	refused("empty", p, header("Sealpost-Proof", ""))
	expect(t, p.ask("POST", "/proof", map[string]any{"proof": bytesOf(32, 1)}), 401, "wrong-sign-in")
	expect(t, p.ask("POST", "/proof", map[string]any{}), 422, "bad-input")
	expect(t, p.ask("POST", "/proof", map[string]any{"proof": p.proof, "assertion": map[string]any{}}), 422, "bad-input")
	stolen := p.another() // another browser of the same account
	p.prove()
	refused("of another session", stolen, header("Sealpost-Proof", base64.StdEncoding.EncodeToString(p.token)))
	for what, try := range p.guarded() {
		if status := try(); status == 403 {
			t.Errorf("with a proof, %s: %d", what, status)
		}
	}
	w.pass(5 * time.Minute)
	refused("after five minutes", p)
	p.prove()
	key := w.password(w.alice, "script", "api")
	for _, path := range []string{"/proof", "/proof/begin"} {
		expect(t, w.ask("POST", path, map[string]any{"proof": p.proof}, basic("alice@demo.test", key)), 403, "forbidden")
	}
}

// TestProofIsGuessedSlowly: the door's throttle holds here too.
func TestProofIsGuessedSlowly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	for n := 0; ; n++ {
		if p.ask("POST", "/proof", map[string]any{"proof": bytesOf(32, byte(n))}).Code == 429 {
			break
		}
		if n > 200 {
			t.Fatal("a session may guess at the passphrase at ease")
		}
	}
}

func TestProofByPasskey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	expect(t, p.ask("POST", "/proof/begin", nil), 404, "not-found")
	k := p.prove().withPasskey("laptop", nil)
	p.token = nil
	begin := func() map[string]any {
		return read[map[string]any](t, p.ask("POST", "/proof/begin", nil), 200)
	}
	refused := func(name string, assertion any) {
		t.Helper()
		if expect(t, p.ask("POST", "/proof", map[string]any{"assertion": assertion}), 401, "wrong-sign-in"); t.Failed() {
			t.Fatal(name)
		}
	}
	if o := begin(); o["userVerification"] != "required" || len(o["allowCredentials"].([]any)) != 1 {
		t.Errorf("%v", o)
	}
	refused("made for signing in", k.sign(w.requestOptions()))
	stranger := newSoftKey(p.id)
	refused("another key", stranger.sign(begin()))
	k.flags = 0x01
	refused("its owner was not known", k.sign(begin()))
	k.flags = 0x05
	good := k.sign(begin())
	p.token = read[Proof](t, p.ask("POST", "/proof", map[string]any{"assertion": good}), 200).Token
	refused("a second time", good)
	if rec := p.ask("DELETE", "/passkeys/"+k.id(), nil); rec.Code != 204 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	expect(t, w.ask("POST", "/sign-in/passkey", map[string]any{"credential": k.sign(begin404(t, p, w)), "device": "x"}), 401, "wrong-sign-in")
}

// begin404 says that a passkey that was removed proves nothing, and gives other options.
func begin404(t *testing.T, p *person, w *world) map[string]any {
	t.Helper()
	expect(t, p.ask("POST", "/proof/begin", nil), 404, "not-found")
	return w.requestOptions()
}

// TestUsesOfPrograms: the owner sees from where programs sign in, as networks and days.
func TestUsesOfPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Book.Entered = func(ctx context.Context, e account.Entrant, door string, host netip.Addr) {
		w.SignIns.NoteUse(ctx, e.ID, e.Password, door, host)
	}
	p := w.attach(w.alice)
	script, phone := w.password(w.alice, "script", "api"), w.password(w.alice, "phone", "api")
	from := func(at string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = at }
	}
	for range 3 {
		read[Usage](t, w.ask("GET", "/usage", nil, basic("alice@demo.test", script), from("192.0.2.77:5000")), 200)
	}
	read[Usage](t, w.ask("GET", "/usage", nil, basic("alice@demo.test", phone), from("[2001:db8:1:2::9]:5000")), 200)
	expect(t, w.ask("GET", "/usage", nil, basic("alice@demo.test", "wrong"), from("203.0.113.1:5000")), 401, "wrong-sign-in")
	w.pass(24 * time.Hour)
	read[Usage](t, w.ask("GET", "/usage", nil, basic("alice@demo.test", script), from("192.0.2.78:5000")), 200)
	read[Usage](t, w.ask("GET", "/usage", nil, basic("alice@demo.test", script), from("198.51.100.1:5000")), 200)

	list := read[appPasswordList](t, p.ask("GET", "/app-passwords", nil), 200).AppPasswords
	got := map[string]string{}
	for _, one := range list {
		for _, u := range one.Uses {
			got[one.Name] += fmt.Sprintf("%s %s %s;", u.Door, u.Network, u.Last.Format(time.DateOnly))
		}
	}
	if got["script"] != "api 192.0.2.0/24 2026-11-23;api 198.51.100.0/24 2026-11-23;" || got["phone"] != "api 2001:db8:1::/48 2026-11-22;" {
		t.Errorf("%v", got)
	}
	lines := 0
	for _, l := range read[signInList](t, p.ask("GET", "/sign-ins", nil), 200).SignIns {
		if l.How == "app-password" && l.OK && l.Door == "api" && strings.Contains(l.Network, "/") {
			lines++
		}
	}
	if lines != 3 {
		t.Errorf("%d places in the history, want 3", lines)
	}
	if bob := w.attach(w.bob); len(read[signInList](t, bob.ask("GET", "/sign-ins", nil), 200).SignIns) != 1 {
		t.Error("bob sees what alice's programs did")
	}
	w.mustNotLog("192.0.2", "2001:db8", "script")
}
