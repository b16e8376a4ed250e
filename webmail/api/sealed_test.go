package api

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sealpost/pgp"
)

// upload is what a client sends of mails that it sealed.
func (w *mailWorld) upload(change func(map[string]any), mails ...pgp.Sealed) []byte {
	w.t.Helper()
	var all bytes.Buffer
	names := map[pgp.Kind]string{}
	for name, kind := range kinds {
		names[kind] = name
	}
	for _, m := range mails {
		var letters []map[string]any
		var octets bytes.Buffer
		for _, l := range m.Letters() {
			letters = append(letters, map[string]any{"letter": names[l.Kind], "size": l.Size()})
			must(l.WriteTo(&octets))
		}
		head := map[string]any{
			"flags": []string{`\Seen`, "todo"}, "received": 1_700_000_000, "class": m.Class(), "letters": letters,
			"header": "From: Eve <eve@example.org>\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n",
		}
		if change != nil {
			change(head)
		}
		text := must(json.Marshal(head))
		all.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text))))
		all.Write(text)
		all.Write(octets.Bytes())
	}
	return all.Bytes()
}

func TestSealedByTheClient(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	at := fmt.Sprintf("/mailboxes/%d/sealed", w.mailbox("Archive").ID)
	octets := header("Content-Type", "application/octet-stream")
	got := read[AddedMails](t, w.ask("POST", at, w.upload(nil, w.seal(plain), w.seal(strings.Replace(plain, "quokka", "bilby", 1))), w.as, octets), 201)
	if !slices.Equal(got.UIDs, []uint32{1, 2}) || got.UIDValidity == 0 || got.Modseq == 0 {
		t.Fatalf("%+v", got)
	}
	m := read[Message](t, w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/2", got.Mailbox), nil, w.as), 200)
	if m.Received.Unix() != 1_700_000_000 || !slices.Equal(m.Flags, []string{`\Seen`, "todo"}) || m.Class != string(pgp.SealedOnArrival) || m.Letters["card"] == 0 || m.Letters["terms"] == 0 ||
		!strings.Contains(m.Header, "From: Eve <eve@example.org>\r\n") || !strings.Contains(m.Header, "Subject: [...]\r\n") {
		t.Errorf("%+v", m)
	}
	letter := w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/2/message", got.Mailbox), nil, w.as).Body.Bytes()
	if text := w.open(letter); !strings.Contains(text, "bilby") {
		t.Errorf("opened: %q", text)
	}
	if e := w.entries(got.Mailbox, ""); !slices.Equal(e.UIDs, got.UIDs) {
		t.Errorf("%+v", e)
	}
	// The same request once more, its answer lost, brings nothing twice.
	key := header("Idempotency-Key", "k1")
	once := w.upload(nil, w.seal(plain))
	first := read[AddedMails](t, w.ask("POST", at, once, w.as, octets, key), 201)
	if again := read[AddedMails](t, w.ask("POST", at, once, w.as, octets, key), 201); !slices.Equal(again.UIDs, first.UIDs) || len(w.entries(got.Mailbox, "").UIDs) != 3 {
		t.Errorf("%+v after %+v", again, first)
	}
}

// All or none, and nothing that is readable: not as a letter, not in the header.
func TestSealedByTheClientRefused(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	box := w.mailbox("Archive").ID
	at := fmt.Sprintf("/mailboxes/%d/sealed", box)
	octets := header("Content-Type", "application/octet-stream")
	good := w.upload(nil, w.seal(plain))
	with := func(change func(map[string]any)) []byte {
		return append(bytes.Clone(good), w.upload(change, w.seal(plain))...)
	}
	for name, c := range map[string]struct {
		body []byte
		word string
	}{
		"subject": {with(func(h map[string]any) { h["header"] = "Subject: wombat\r\n" + h["header"].(string) }), "not-sealed"},
		"class":   {with(func(h map[string]any) { h["class"] = "end-to-end" }), "not-sealed"},
		"flag":    {with(func(h map[string]any) { h["flags"] = []string{`\Recent`} }), "bad-input"},
		"unknown": {with(func(h map[string]any) { h["subject"] = "wombat" }), "bad-input"},
		"letter":  {with(func(h map[string]any) { h["letters"] = []map[string]any{{"letter": "plain", "size": 1}} }), "bad-input"},
		"size":    {with(func(h map[string]any) { h["letters"] = []map[string]any{{"letter": "message", "size": 1 << 40}} }), "bad-input"},
		"less":    {with(func(h map[string]any) { h["letters"] = []map[string]any{{"letter": "message", "size": -1}} }), "bad-input"},
		"none":    {with(func(h map[string]any) { h["letters"] = []map[string]any{} }), "not-sealed"},
		"cut":     {good[:len(good)-1], "bad-input"},
		"head":    {[]byte{0xff, 0xff, 0xff, 0xff, '{'}, "bad-input"},
		"plain":   {[]byte(plain), "bad-input"},
		"empty":   {nil, "bad-input"},
		"many":    {bytes.Repeat(good, mostTogether+1), "bad-input"},
	} {
		rec := w.ask("POST", at, c.body, w.as, octets)
		if rec.Code != 422 || !strings.Contains(rec.Body.String(), c.word) || strings.Contains(rec.Body.String(), "wombat") {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if n := len(w.entries(box, "").UIDs); n != 0 {
		t.Errorf("%d mails were stored", n)
	}
	if rec := w.ask("POST", at, good, w.bob, octets); rec.Code != 404 && rec.Code != 422 {
		t.Errorf("bob: %d %s", rec.Code, rec.Body)
	}
}
