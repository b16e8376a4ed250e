package api

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sealpost/mailstore"
	"sealpost/pgp"
)

func TestMailboxesAndUsage(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	w.deliver("INBOX", plain)
	got := read[Mailboxes](t, w.ask("GET", "/mailboxes", nil, w.as), 200)
	var names []string
	for _, b := range got.Mailboxes {
		names = append(names, b.Name)
		if b.Modseq > got.Modseq || b.ID == 0 || b.UIDValidity == 0 {
			t.Errorf("%+v of an account at %d", b, got.Modseq)
		}
	}
	if !slices.Equal(names, []string{"Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"}) {
		t.Errorf("mailboxes %v", names)
	}
	inbox := w.mailbox("INBOX")
	if inbox.Messages != 1 || inbox.Unseen != 1 || inbox.UIDNext != 2 || inbox.Bytes == 0 || !inbox.Subscribed || w.mailbox("Sent").Use != `\Sent` {
		t.Errorf("%+v", inbox)
	}
	// What no mailbox shows counts too: else a client would not look.
	read[ChangeEvents](t, w.ask("POST", "/changes", `{"changes":[{"op":"remove","name":"Junk"}]}`, w.as), 200)
	if after := read[Mailboxes](t, w.ask("GET", "/mailboxes", nil, w.as), 200); after.Modseq <= got.Modseq {
		t.Errorf("modseq %d after %d", after.Modseq, got.Modseq)
	}
	u := read[Usage](t, w.ask("GET", "/usage", nil, w.as), 200)
	if u.Messages != 1 || u.Bytes == 0 || u.Cabinet != 0 || u.Quota != 0 {
		t.Errorf("%+v", u)
	}
}

func (w *mailWorld) entries(box uint64, query string) Entries {
	w.t.Helper()
	e := read[Entries](w.t, w.ask("GET", fmt.Sprintf("/mailboxes/%d/entries?%s", box, query), nil, w.as), 200)
	n := len(e.UIDs)
	for _, other := range []int{len(e.Modseqs), len(e.IDs), len(e.Received), len(e.Sizes), len(e.Flags), len(e.Letters), len(e.Classes)} {
		if other != n {
			w.t.Fatalf("columns of %d and %d", n, other)
		}
	}
	for _, f := range e.Flags {
		if f < 0 || f >= len(e.FlagSets) {
			w.t.Fatalf("flag set %d of %d", f, len(e.FlagSets))
		}
	}
	return e
}

func TestEntries(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	for i := range 5 {
		w.deliver("INBOX", strings.Replace(plain, "<1@", fmt.Sprintf("<%d@", i), 1))
	}
	w.deliver("INBOX", w.encrypted(plain))
	inbox := w.mailbox("INBOX")
	all := w.entries(inbox.ID, "")
	if !slices.Equal(all.UIDs, []uint32{1, 2, 3, 4, 5, 6}) || all.More || !all.Complete || all.Modseq != inbox.Modseq || len(all.Gone) != 0 {
		t.Errorf("%+v", all)
	}
	if all.Letters[0] != 1|4|16 || all.Letters[5]&2 == 0 || all.Classes[0] != 1 || all.Classes[5] != 2 || len(all.IDs[0]) != 32 || all.IDs[0] == all.IDs[1] {
		t.Errorf("letters %v, classes %v, ids %v", all.Letters, all.Classes, all.IDs)
	}
	if !reflect.DeepEqual(all.FlagSets, [][]string{{}}) || all.Received[0] != testTime.Unix() {
		t.Errorf("flag sets %v, received %v", all.FlagSets, all.Received)
	}

	var uids []uint32
	after, parts := uint32(0), 0
	for more := true; more; parts++ {
		e := w.entries(inbox.ID, fmt.Sprintf("limit=4&after=%d", after))
		uids, more = append(uids, e.UIDs...), e.More
		after = uids[len(uids)-1]
	}
	if parts != 2 || !slices.Equal(uids, all.UIDs) {
		t.Errorf("%d parts: %v", parts, uids)
	}

	// One change of many messages has one modseq: a part ends behind all of them.
	owner, ctx := w.owner(), t.Context()
	must(w.Store.Apply(ctx, owner, mailstore.SetFlags{Box: mailstore.MailboxID(inbox.ID), UIDs: []mailstore.UID{1, 2, 3}, Op: mailstore.Add, Flags: []string{mailstore.Seen, "todo"}}))
	must(w.Store.Apply(ctx, owner, mailstore.Expunge{Box: mailstore.MailboxID(inbox.ID), UIDs: []mailstore.UID{5, 6}}))
	must(w.Store.Apply(ctx, owner, mailstore.SetFlags{Box: mailstore.MailboxID(inbox.ID), UIDs: []mailstore.UID{4}, Op: mailstore.Add, Flags: []string{mailstore.Seen}}))
	part := w.entries(inbox.ID, fmt.Sprintf("since=%d&limit=2", all.Modseq))
	if !slices.Equal(part.UIDs, []uint32{1, 2, 3}) || !part.More || part.Modseq != part.Modseqs[0] || !slices.Equal(part.FlagSets[part.Flags[0]], []string{mailstore.Seen, "todo"}) {
		t.Errorf("%+v", part)
	}
	part = w.entries(inbox.ID, fmt.Sprintf("since=%d&limit=2", part.Modseq))
	if len(part.UIDs) != 0 || !slices.Equal(part.Gone, []uint32{5, 6}) || !part.More {
		t.Errorf("%+v", part)
	}
	part = w.entries(inbox.ID, fmt.Sprintf("since=%d&limit=2", part.Modseq))
	if !slices.Equal(part.UIDs, []uint32{4}) || part.More || part.Modseq != w.mailbox("INBOX").Modseq {
		t.Errorf("%+v", part)
	}
	if part = w.entries(inbox.ID, fmt.Sprintf("since=%d", part.Modseq)); len(part.UIDs)+len(part.Gone) != 0 || part.More {
		t.Errorf("nothing changed: %+v", part)
	}
	for _, bad := range []string{"limit=0", "limit=20001", "since=-1", "since=x", "what=1", "after=4294967296"} {
		if rec := w.ask("GET", fmt.Sprintf("/mailboxes/%d/entries?%s", inbox.ID, bad), nil, w.as); rec.Code != 422 {
			t.Errorf("%s: %d", bad, rec.Code)
		}
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	for range 3 {
		w.deliver("INBOX", plain)
	}
	w.deliver("INBOX", w.encrypted(plain))
	inbox := w.mailbox("INBOX")
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.Shed{Box: mailstore.MailboxID(inbox.ID), UIDs: []mailstore.UID{2}, Kinds: []pgp.Kind{pgp.KindCard, pgp.KindTerms}}))
	path := func(what, uids string) string { return fmt.Sprintf("/mailboxes/%d/%s?uids=%s", inbox.ID, what, uids) }

	rec := w.ask("GET", path("cards", "4,1:3,77"), nil, w.as)
	all := framesOf(t, rec.Body.Bytes())
	var uids []uint32
	for _, f := range all {
		uids = append(uids, f.uid)
		if f.uid == 2 {
			if len(f.content) != 0 {
				t.Error("a card that was shed")
			}
			continue
		}
		card, err := pgp.OpenCard(f.content, w.list)
		if err != nil || card.From != "eve@example.org" && f.uid != 4 {
			t.Errorf("card of %d: %+v, %v", f.uid, card, err)
		}
	}
	if !slices.Equal(uids, []uint32{4, 1, 2, 3}) || rec.Header().Get("Content-Type") != "application/octet-stream" {
		t.Errorf("frames of %v", uids)
	}
	// Terms are ordinary messages, of both classes.
	for _, f := range framesOf(t, w.ask("GET", path("terms", "1,2,4"), nil, w.as).Body.Bytes()) {
		if f.uid == 2 {
			continue
		}
		var out bytes.Buffer
		if _, err := (pgp.Opener{Keys: w.keys}).Open(t.Context(), bytes.NewReader(f.content), &out); err != nil {
			t.Errorf("terms of %d: %v", f.uid, err)
		}
		if f.uid == 1 && !strings.Contains(out.String(), "quokka\n") {
			t.Errorf("terms of 1: %q", out.String())
		}
	}
	for _, bad := range []string{"", "0", "1:0", "5:4", "1:5001", "1:2500,3000:5600", "x", "1,", "1:2:3", "1:4294967296", "*", "1%3A*"} {
		expect(t, w.ask("GET", path("cards", bad), nil, w.as), 422, "bad-input")
	}
	if rec := w.ask("GET", path("cards", "1:5000"), nil, w.as); rec.Code != 200 || len(framesOf(t, rec.Body.Bytes())) != 4 {
		t.Errorf("5,000 uids: %d", rec.Code)
	}
}

func TestLetters(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	large := strings.Replace(plain, "quokka", strings.Repeat("a longer text with words\r\n", 20_000), 1)
	w.deliver("INBOX", large)
	w.deliver("INBOX", w.encrypted(plain))
	inbox := w.mailbox("INBOX").ID
	letter := func(uid int, name string, edit ...func(*http.Request)) (int, []byte, string) {
		rec := w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/%d/%s", inbox, uid, name), nil, append(edit, w.as)...)
		return rec.Code, rec.Body.Bytes(), rec.Header().Get("ETag")
	}
	code, message, tag := letter(1, "message")
	if code != 200 || w.open(message) != large || len(tag) < 10 {
		t.Fatalf("message: %d, %d bytes, %s", code, len(message), tag)
	}
	code, part, _ := letter(1, "message", header("Range", "bytes=100-199"))
	if code != 206 || !bytes.Equal(part, message[100:200]) {
		t.Errorf("range: %d, %d bytes", code, len(part))
	}
	if code, part, _ = letter(1, "message", header("Range", "bytes=0-0,5-6")); code != 200 || len(part) != len(message) {
		t.Errorf("many ranges: %d", code)
	}
	if code, part, _ = letter(1, "message", header("If-None-Match", tag)); code != 304 || len(part) != 0 {
		t.Errorf("with its ETag: %d", code)
	}
	for _, name := range []string{"body", "terms"} { // across the end of what stands in front
		_, whole, _ := letter(1, name)
		code, part, _ = letter(1, name, header("Range", "bytes=50-149"))
		if code != 206 || !bytes.Equal(part, whole[50:150]) {
			t.Errorf("range of %s: %d", name, code)
		}
		var out bytes.Buffer
		if _, err := (pgp.Opener{Keys: w.keys}).Open(t.Context(), bytes.NewReader(whole), &out); err != nil || !strings.Contains(out.String(), "words") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, card, _ := letter(1, "card"); len(card)%128 != 0 {
		t.Errorf("card of %d bytes", len(card))
	}
	if code, head, _ := letter(2, "header"); code != 200 || len(head) == 0 {
		t.Errorf("header: %d", code)
	}
	for _, none := range []string{"1/header", "2/body", "1/what", "3/message", "0/message", "4294967297/message"} {
		expect(t, w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/%s", inbox, none), nil, w.as), 404, "not-found")
	}
	rec := w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/1.eml", inbox), nil, w.as)
	entries := w.entries(inbox, "")
	if rec.Header().Get("Content-Type") != "message/rfc822" || int64(rec.Body.Len()) != entries.Sizes[0] || w.open(rec.Body.Bytes()) != large {
		t.Errorf("eml: %d, %d bytes", rec.Code, rec.Body.Len())
	}
	m := read[Message](t, w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/1", inbox), nil, w.as), 200)
	if m.UID != 1 || m.ID != entries.IDs[0] || m.Modseq != entries.Modseqs[0] || m.Size != entries.Sizes[0] || m.Class != "sealed on arrival" ||
		m.Letters["message"] != int64(len(message)) || len(m.Letters) != 4 || !strings.HasSuffix(m.Header, "\r\n\r\n") || m.Flags == nil || !m.Received.Equal(testTime) {
		t.Errorf("%+v", m)
	}
	for _, none := range []string{"3", "3.eml", "01", "1.eml.eml", "x", "-1", "4294967296"} {
		expect(t, w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/%s", inbox, none), nil, w.as), 404, "not-found")
	}
}

func TestPutLetter(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	w.deliver("INBOX", w.encrypted(plain))
	inbox := w.mailbox("INBOX").ID
	var card, terms []byte // as a client would make them
	for _, l := range w.seal(plain).Letters() {
		var b bytes.Buffer
		must(l.WriteTo(&b))
		switch l.Kind {
		case pgp.KindCard:
			card = b.Bytes()
		case pgp.KindTerms:
			terms = b.Bytes()
		}
	}
	at := func(letter string) string { return fmt.Sprintf("/mailboxes/%d/messages/1/%s", inbox, letter) }
	before := w.mailbox("INBOX").Modseq
	e := read[ChangeEvent](t, w.ask("PUT", at("card"), card, w.as), 200)
	if e.Modseq <= before || !slices.Equal(e.UIDs, []uint32{1}) {
		t.Errorf("%+v", e)
	}
	if got := w.ask("GET", at("card"), nil, w.as).Body.Bytes(); !bytes.Equal(got, card) {
		t.Error("the card came back changed")
	}
	read[ChangeEvent](t, w.ask("PUT", at("terms"), terms, w.as), 200)
	if got := w.ask("GET", at("terms"), nil, w.as).Body.Bytes(); !bytes.HasSuffix(got, terms) || len(got) == len(terms) {
		t.Error("terms without the session key in front")
	}
	// Terms that bring their own session key are whole.
	var whole bytes.Buffer
	for _, l := range w.seal(plain).Letters() {
		if l.Kind == pgp.KindMessage {
			must(l.WriteTo(&whole))
		}
	}
	read[ChangeEvent](t, w.ask("PUT", at("terms"), whole.Bytes(), w.as), 200)
	if got := w.ask("GET", at("terms"), nil, w.as).Body.Bytes(); !bytes.Equal(got, whole.Bytes()) {
		t.Error("terms with their own session key came back changed")
	}
	readable := bytes.Repeat([]byte("the secret wombat, in the clear. "), 16)
	for what, bad := range map[string][]byte{"card": readable, "terms": readable} {
		expect(t, w.ask("PUT", at(what), bad, w.as), 422, "not-sealed")
	}
	expect(t, w.ask("PUT", at("card"), terms, w.as), 422, "not-sealed")
	expect(t, w.ask("PUT", at("card"), make([]byte, mostCard+1), w.as), 413, "too-large")
	expect(t, w.ask("PUT", at("terms"), make([]byte, mostTerms+1), w.as), 413, "too-large")
	for _, fixed := range []string{"message", "header", "body", "what"} {
		expect(t, w.ask("PUT", at(fixed), whole.Bytes(), w.as), 404, "not-found")
	}
	expect(t, w.ask("PUT", fmt.Sprintf("/mailboxes/%d/messages/9/card", inbox), card, w.as), 404, "not-found")
}

func TestAppend(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	drafts := w.mailbox("Drafts")
	path := fmt.Sprintf("/mailboxes/%d/messages", drafts.ID)
	mail := header("Content-Type", "message/rfc822")
	lf := strings.ReplaceAll(plain, "\r\n", "\n")
	a := read[Appended](t, w.ask("POST", path+`?flags=%5CSeen&flags=%24Label&received=1700000000`, []byte(lf), w.as, mail), 201)
	if a.Mailbox != drafts.ID || a.UID != 1 || a.UIDValidity != drafts.UIDValidity || a.Modseq == 0 || len(a.ID) != 32 {
		t.Errorf("%+v", a)
	}
	e := w.entries(drafts.ID, "")
	if e.Received[0] != 1_700_000_000 || !slices.Equal(e.FlagSets[e.Flags[0]], []string{`\Seen`, "$Label"}) || e.Classes[0] != 1 || e.IDs[0] != a.ID {
		t.Errorf("%+v", e)
	}
	if got := w.open(w.ask("GET", path+"/1.eml", nil, w.as).Body.Bytes()); got != plain {
		t.Errorf("opened %q", got)
	}
	theirs := w.encrypted(plain)
	a = read[Appended](t, w.ask("POST", path, []byte(theirs), w.as, mail), 201)
	if e := w.entries(drafts.ID, ""); e.Classes[1] != 2 {
		t.Errorf("an encrypted mail has class %d", e.Classes[1])
	}
	expect(t, w.ask("POST", path, []byte("a\x00b"), w.as, mail), 422, "bad-input")
	expect(t, w.ask("POST", path, []byte{}, w.as, mail), 422, "bad-input")
	expect(t, w.ask("POST", path+"?flags=%5CRecent", []byte(plain), w.as, mail), 422, "bad-input")
	expect(t, w.ask("POST", "/mailboxes/999/messages", []byte(plain), w.as, mail), 404, "not-found")
	w.cutShort(path)
	if n := w.mailbox("Drafts").Messages; n != 2 {
		t.Errorf("%d messages", n)
	}
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{Bytes: 1}))
	expect(t, w.ask("POST", path, []byte(plain), w.as, mail), 507, "over-quota")
}

// cutShort sends half of a mail.
func (w *mailWorld) cutShort(path string) {
	w.t.Helper()
	r := w.request("POST", path, []byte(plain), w.as, header("Content-Type", "message/rfc822"))
	r.Body = brokenBody{strings.NewReader(plain[:60])}
	rec := recorded(w.handler, r)
	expect(w.t, rec, 400, "bad-input")
}

func TestChanges(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	for range 4 {
		w.deliver("INBOX", plain)
	}
	inbox, archive := w.mailbox("INBOX").ID, w.mailbox("Archive").ID
	do := func(text string) []ChangeEvent {
		t.Helper()
		text = strings.NewReplacer("IN", fmt.Sprint(inbox), "ARCH", fmt.Sprint(archive)).Replace(text)
		return read[ChangeEvents](t, w.ask("POST", "/changes", `{"changes":[`+text+`]}`, w.as), 200).Events
	}
	flags := func(box uint64) (all [][]string) {
		e := w.entries(box, "")
		for _, f := range e.Flags {
			all = append(all, e.FlagSets[f])
		}
		return all
	}
	e := do(`{"op":"flags","mailbox":IN,"uids":[1,2,9],"add":["\\Seen","x"]},{"op":"flags","mailbox":IN,"uids":[2,3],"add":["\\Flagged"],"remove":["x"]},{"op":"flags","mailbox":IN,"uids":[4],"set":["\\Draft"]}`)
	if len(e) != 3 || !slices.Equal(e[0].UIDs, []uint32{1, 2}) || !slices.Equal(e[1].UIDs, []uint32{2, 3}) || e[1].Modseq <= e[0].Modseq {
		t.Errorf("%+v", e)
	}
	if got := flags(inbox); !reflect.DeepEqual(got, [][]string{{`\Seen`, "x"}, {`\Seen`, `\Flagged`}, {`\Flagged`}, {`\Draft`}}) {
		t.Errorf("flags %v", got)
	}
	do(`{"op":"flags","mailbox":IN,"uids":[4],"set":[]}`)
	if got := flags(inbox)[3]; len(got) != 0 {
		t.Errorf("flags %v", got)
	}
	e = do(fmt.Sprintf(`{"op":"flags","mailbox":IN,"uids":[3,4],"add":["late"],"unless":%d}`, w.entries(inbox, "").Modseqs[2]))
	if !slices.Equal(e[0].Failed, []uint32{4}) || !slices.Equal(e[0].UIDs, []uint32{3}) {
		t.Errorf("%+v", e)
	}
	e = do(`{"op":"copy","mailbox":IN,"to":ARCH,"uids":[2,1]},{"op":"move","mailbox":IN,"to":ARCH,"uids":[3]},{"op":"expunge","mailbox":IN,"uids":[4]},{"op":"expunge","mailbox":IN,"uids":[]},{"op":"shed","mailbox":ARCH,"uids":[1,2,3],"letters":["card"]}`)
	if !slices.Equal(e[0].Sources, []uint32{2, 1}) || !slices.Equal(e[1].UIDs, []uint32{3}) || e[1].Mailbox != archive || !slices.Equal(e[2].UIDs, []uint32{4}) || len(e[3].UIDs) != 0 || len(e[4].UIDs) != 3 {
		t.Errorf("%+v", e)
	}
	if in, there := w.entries(inbox, ""), w.entries(archive, ""); !slices.Equal(in.UIDs, []uint32{1, 2}) || !slices.Equal(there.Letters, []int{1 | 4, 1 | 4, 1 | 4}) {
		t.Errorf("%v, %v", in.UIDs, there.Letters)
	}
	e = do(`{"op":"create","name":"Lists/Go"},{"op":"rename","from":"Lists/Go","name":"Lists/Golang"},{"op":"subscribe","name":"Lists/Golang","on":true},{"op":"remove","name":"Lists"}`)
	if b := w.mailbox("Lists/Golang"); b.ID != e[0].Mailbox || !b.Subscribed {
		t.Errorf("%+v", b)
	}

	// All or none, and each kind of refusal.
	before := read[Mailboxes](t, w.ask("GET", "/mailboxes", nil, w.as), 200)
	for text, want := range map[string]string{
		`{"op":"create","name":"INBOX"}`:                                                   "409 taken",
		`{"op":"create","name":"a//b"}`:                                                    "422 name",
		`{"op":"create","name":"S2","use":"\\Sent"}`:                                       "409 taken",
		`{"op":"remove","name":"INBOX"}`:                                                   "422 name",
		`{"op":"remove","name":"nowhere"}`:                                                 "404 not-found",
		`{"op":"expunge","mailbox":999,"uids":[1]}`:                                        "404 not-found",
		`{"op":"move","mailbox":IN,"to":999,"uids":[1]}`:                                   "404 not-found",
		`{"op":"flags","mailbox":IN,"uids":[1],"add":["\\Recent"]}`:                        "422 bad-input",
		`{"op":"flags","mailbox":IN,"uids":[1]}`:                                           "422 bad-input",
		`{"op":"flags","mailbox":IN,"uids":[1],"set":[],"add":["a"]}`:                      "422 bad-input",
		`{"op":"flags","mailbox":IN,"uids":[1],"add":["a"],"remove":["b"],"unless":5}`:     "422 bad-input",
		`{"op":"shed","mailbox":IN,"uids":[1],"letters":["message"]}`:                      "422 bad-input",
		`{"op":"shed","mailbox":IN,"uids":[1]}`:                                            "422 bad-input",
		`{"op":"destroy"}`:                                                                 "422 bad-input",
		`{"op":"expunge","mailbox":IN,"uids":[1],"more":1}`:                                "422 bad-input",
		`{"op":"expunge","mailbox":IN,"uids":[1` + strings.Repeat(",2", 20_000) + `]}`:     "422 bad-input",
		`{"op":"expunge","mailbox":IN,"uids":[-1]}`:                                        "422 bad-input",
		`{"op":"create","name":"x"}` + strings.Repeat(`,{"op":"create","name":"x"}`, 1000): "422 bad-input",
	} {
		text = strings.NewReplacer("IN,", fmt.Sprint(inbox)+",").Replace(text)
		status, word, _ := strings.Cut(want, " ")
		rec := w.ask("POST", "/changes", `{"changes":[{"op":"create","name":"half"},`+text+`]}`, w.as)
		if fmt.Sprint(rec.Code) != status {
			t.Errorf("%.80s: %d %s", text, rec.Code, rec.Body)
			continue
		}
		expect(t, rec, rec.Code, word)
	}
	expect(t, w.ask("POST", "/changes", `{"changes":[`+strings.Repeat(" ", changesBody)+`]}`, w.as), 413, "too-large")
	if after := read[Mailboxes](t, w.ask("GET", "/mailboxes", nil, w.as), 200); !reflect.DeepEqual(before, after) {
		t.Errorf("half of a refused request was done:\n%+v\n%+v", before, after)
	}
	// Asked twice under one key, it is done once.
	key := header("Idempotency-Key", "k1")
	text := fmt.Sprintf(`{"changes":[{"op":"copy","mailbox":%d,"to":%d,"uids":[1]}]}`, inbox, archive)
	first, second := w.ask("POST", "/changes", text, w.as, key), w.ask("POST", "/changes", text, w.as, key)
	if first.Body.String() != second.Body.String() || w.mailbox("Archive").Messages != 4 {
		t.Errorf("%s, %s", first.Body, second.Body)
	}
}

// A mail that goes while its mailbox is listed is left out, and told as gone next time.
func TestEntriesWhileMailGoes(t *testing.T) {
	t.Parallel()
	c := collector{numbers: map[string]int{}}
	for _, u := range []mailstore.UID{1, 2, 3} {
		c.rows, c.uids = append(c.rows, mailstore.Entry{UID: u}), append(c.uids, u)
	}
	err := c.fill(func(yield func(mailstore.Mail, error) bool) {
		_ = yield(mailstore.Mail{UID: 1}, nil) && yield(mailstore.Mail{UID: 3}, nil)
	})
	if err != nil || !slices.Equal(c.out.UIDs, []uint32{1, 3}) || len(c.out.IDs) != 2 || c.out.IDs[0] != hex.EncodeToString(make([]byte, 16)) {
		t.Errorf("%+v, %v", c.out, err)
	}
	if err := c.fill(func(yield func(mailstore.Mail, error) bool) { yield(mailstore.Mail{UID: 9}, nil) }); err == nil {
		t.Error("a mail out of order was taken")
	}
}
