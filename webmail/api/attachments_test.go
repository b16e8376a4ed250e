package api

import (
	"bytes"
	"net/http"
	"testing"

	"sealpost/account"
)

func TestAttachmentChoices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.attach(w.alice), w.attach(w.bob)
	usual := Attachments{Over: account.UsualOver, Outgoing: "plain", Incoming: "off"}
	same := func(got, want Attachments) {
		t.Helper()
		if got.Over != want.Over || got.Outgoing != want.Outgoing || got.Incoming != want.Incoming || !bytes.Equal(got.Key, want.Key) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	get := func(p *person) Attachments {
		t.Helper()
		return read[Attachments](t, p.ask("GET", "/attachments", nil), http.StatusOK)
	}
	same(get(alice), usual)
	key := bytes.Repeat([]byte{9}, 32)
	chosen := Attachments{Over: 5_000_000, Outgoing: "link", Incoming: "whole", Key: key}
	same(read[Attachments](t, alice.ask("PUT", "/attachments", chosen), http.StatusOK), chosen)
	again := chosen // without the key: it stays
	again.Incoming, again.Key = "stub", nil
	read[Attachments](t, alice.ask("PUT", "/attachments", again), http.StatusOK)
	again.Key = key
	same(get(alice), again)
	same(get(bob), usual)
	for name, bad := range map[string]Attachments{
		"small":   {Over: account.LeastOver - 1, Outgoing: "link", Incoming: "off"},
		"large":   {Over: account.MostOver + 1, Outgoing: "link", Incoming: "off"},
		"way out": {Over: 5_000_000, Outgoing: "maybe", Incoming: "off"},
		"way in":  {Over: 5_000_000, Outgoing: "link", Incoming: "cut"},
		"key":     {Over: 5_000_000, Outgoing: "link", Incoming: "off", Key: key[:31]},
	} {
		if rec := alice.ask("PUT", "/attachments", bad); rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	same(get(alice), again)
}
