package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/cmd/sealpost/prove"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/webmail/api/parcels"
)

// notes are papers in memory.
type notes struct {
	mu  sync.Mutex
	all map[string][]byte
}

func (n *notes) Get(_ context.Context, account, name string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return bytes.Clone(n.all[account+"/"+name]), nil
}

func (n *notes) Put(_ context.Context, account, name string, value []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all[account+"/"+name] = bytes.Clone(value); value == nil {
		delete(n.all, account+"/"+name)
	}
	return nil
}

func newParcelWorld(t testing.TB) (*mailWorld, *notes) {
	t.Helper()
	w, n := newMailWorld(t), &notes{all: map[string][]byte{}}
	w.Parcels = &parcels.Room{Cabinet: w.Cabinet, Answers: n, Now: w.now}
	return w, n
}

var proof = bytes.Repeat([]byte{9}, 32)

// parcelName is one that ends after a while and takes answers with the proof above.
func (w *world) parcelName(after time.Duration, answers int, tag byte) string {
	name := fmt.Sprintf("%08x%d%s", w.now().Add(after).Unix(), answers, base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{tag}, 16)))
	if answers > 0 {
		name += base64.RawURLEncoding.EncodeToString(parcels.Check(proof))
	}
	return name
}

func (w *mailWorld) hand(name string) *httptest.ResponseRecorder {
	return w.ask("PUT", "/cabinet/parcels/"+name, sealedBox(1024, 'p'), w.as, header("If-None-Match", "*"))
}

func (w *mailWorld) parcel(name string) string { return "/parcels/" + string(w.carol.ID) + "/" + name }

func fromNetwork(i int) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = fmt.Sprintf("10.%d.%d.7:4000", i/250, i%250) }
}

// Whoever has the name gets the octets, with no session; of what has ended, was taken
// back, is another's or never was they get one and the same answer.
func TestParcelsAreHandedOut(t *testing.T) {
	t.Parallel()
	w, counts := newParcelWorld(t)
	name, soon := w.parcelName(time.Hour, 0, 1), w.parcelName(time.Minute, 3, 2)
	revoked := w.parcelName(time.Hour, 3, 3)
	for _, n := range []string{name, soon, revoked} {
		read[CabinetItem](t, w.hand(n), 200)
		if rec := w.ask("GET", w.parcel(n), nil, fromNetwork(1)); rec.Code != 200 || !bytes.Equal(rec.Body.Bytes(), sealedBox(1024, 'p')) {
			t.Fatalf("%d, %d bytes", rec.Code, rec.Body.Len())
		}
	}
	counts.Put(t.Context(), string(w.carol.ID), revoked, []byte("[]"))
	read[CabinetItem](t, w.ask("DELETE", "/cabinet/parcels/"+revoked, nil, w.as, header("If-Match", `"1"`)), 200)
	if len(counts.all) != 0 {
		t.Errorf("the count of a parcel that was taken back is kept: %v", counts.all)
	}
	w.pass(2 * time.Minute)
	never := w.ask("GET", w.parcel(w.parcelName(time.Hour, 0, 77)), nil, fromNetwork(2))
	expect(t, never, 404, "not-found")
	read[CabinetItem](t, w.ask("PUT", "/cabinet/drafts/secret", sealedBox(16, 'x'), w.as, header("If-None-Match", "*")), 200)
	for what, path := range map[string]string{
		"ended": w.parcel(soon), "taken back": w.parcel(revoked), "another's": "/parcels/" + string(w.world.bob.ID) + "/" + name,
		"nobody's": "/parcels/0123456789abcdef/" + name, "no account": "/parcels/x/" + name, "no name": w.parcel("x"), "a draft": w.parcel("secret"),
		"a path": w.parcel("..%2Fdrafts%2Fsecret"), "long": w.parcel(strings.Repeat("a", 5000)),
	} {
		if rec := w.ask("GET", path, nil, fromNetwork(3)); !equalAnswers(rec, never) {
			t.Errorf("%s: %d %s %v", what, rec.Code, rec.Body, rec.Header())
		}
	}
	if n := must(w.Parcels.Tidy(t.Context(), w.owner())); n != 1 {
		t.Errorf("%d removed, want the one that has ended", n)
	}
	if all := must(w.Cabinet.Store.Drawer(t.Context(), w.owner(), "parcels")); len(all) != 1 || all[0].Name != name {
		t.Errorf("left are %+v", all)
	}
	if rec := w.ask("GET", w.parcel(name), nil, fromNetwork(4)); rec.Code != 200 {
		t.Errorf("the other parcel: %d", rec.Code)
	}
}

func TestParcelsAreBounded(t *testing.T) {
	t.Parallel()
	w, _ := newParcelWorld(t)
	good := w.parcelName(time.Hour, 2, 1)
	for what, name := range map[string]string{
		"ended": w.parcelName(0, 0, 1), "too late": w.parcelName(63*24*time.Hour, 0, 1), "no end": "zzzzzzzz" + good[8:], "capitals": strings.ToUpper(good[:8]) + "X" + good[9:],
		"no answers": good[:8] + "x" + good[9:], "no proof": good[:31], "a proof too much": good[:8] + "0" + good[9:], "short": good[:len(good)-1], "any": "a", "padding": good[:30] + "=" + good[31:],
	} {
		if rec := w.hand(name); rec.Code != 422 {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
	}
	if rec := w.ask("PUT", "/cabinet/parcels/"+good, []byte(strings.Repeat("readable", 16)), w.as, header("If-None-Match", "*")); rec.Code != 422 {
		t.Errorf("a readable parcel: %d", rec.Code)
	}
	read[CabinetItem](t, w.hand(good), 200)
	expect(t, w.hand(good), 412, "conflict")
	expect(t, w.ask("PUT", "/cabinet/parcels/"+good, sealedBox(16, 'q'), w.as, header("If-Match", `"1"`)), 412, "conflict")
	read[CabinetItem](t, w.ask("DELETE", "/cabinet/parcels/"+good, nil, w.as, header("If-Match", `"1"`)), 200)
	expect(t, w.hand(good), 412, "conflict")
	for i := range 100 {
		read[CabinetItem](t, w.hand(w.parcelName(time.Hour, 0, byte(i+100))), 200)
	}
	expect(t, w.hand(w.parcelName(time.Hour, 0, 50)), 409, "too-many")
	w.pass(2 * time.Hour)
	must(w.Parcels.Tidy(t.Context(), w.owner()))
	read[CabinetItem](t, w.hand(w.parcelName(time.Hour, 0, 50)), 200)
	w.Parcels = nil
	expect(t, w.hand(w.parcelName(time.Hour, 0, 51)), 422, "name")
	expect(t, w.ask("GET", w.parcel(good), nil), 404, "not-found")
}

const answerText = "From: outsider@elsewhere.example\r\nTo: carol@demo.test\r\nSubject: the secret wombat\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <a%d@elsewhere.example>\r\n\r\nquokka and numbat\r\n"

func (w *mailWorld) answer(name, mail string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	mime := []func(*http.Request){header("Content-Type", "message/rfc822"), header("Parcel-Proof", base64.StdEncoding.EncodeToString(proof))}
	return w.ask("POST", w.parcel(name)+"/answers", []byte(mail), append(mime, edit...)...)
}

func TestParcelsAreAnswered(t *testing.T) {
	t.Parallel()
	w, _ := newParcelWorld(t)
	name, mute := w.parcelName(time.Hour, 2, 1), w.parcelName(time.Hour, 0, 2)
	read[CabinetItem](t, w.hand(name), 200)
	read[CabinetItem](t, w.hand(mute), 200)
	mails := []string{}
	for i := range 3 {
		mails = append(mails, w.encrypted(fmt.Sprintf(answerText, i)))
	}
	never := w.answer(w.parcelName(time.Hour, 2, 9), mails[0], fromNetwork(1))
	expect(t, never, 404, "not-found")
	for what, rec := range map[string]*httptest.ResponseRecorder{
		"no proof":       w.answer(name, mails[0], fromNetwork(2), header("Parcel-Proof", "")),
		"a wrong proof":  w.answer(name, mails[0], fromNetwork(2), header("Parcel-Proof", base64.StdEncoding.EncodeToString(make([]byte, 32)))),
		"no base64":      w.answer(name, mails[0], fromNetwork(2), header("Parcel-Proof", "?")),
		"takes none":     w.answer(mute, mails[0], fromNetwork(2)),
		"zeros for none": w.answer(mute, mails[0], fromNetwork(2), header("Parcel-Proof", "")),
	} {
		if !equalAnswers(rec, never) {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
	}
	readable := fmt.Sprintf(answerText, 0)
	for what, mail := range map[string]string{
		"readable":         readable,
		"bare readable":    strings.Replace(readable, "the secret wombat", "[...]", 1),
		"a spoofed name":   strings.Replace(mails[0], "From: outsider@elsewhere.example", "From: Your bank <outsider@elsewhere.example>", 1),
		"two senders":      "From: eve@example.org\r\n" + mails[0],
		"a reply address":  "Reply-To: eve@example.org\r\n" + mails[0],
		"a verdict":        "Authentication-Results: mail.demo.test; dmarc=pass\r\n" + mails[0],
		"a list":           "List-Unsubscribe: <https://example.org>\r\n" + mails[0],
		"to somebody else": strings.Replace(mails[0], "To: carol@demo.test", "To: bob@demo.test", 1),
		"empty":            "",
	} {
		if rec := w.answer(name, mail, fromNetwork(3)); rec.Code != 422 {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
	}
	expect(t, w.answer(name, strings.Repeat("a", mostAnswer+1), fromNetwork(4)), 413, "too-large")
	for i, want := range []int{204, 204, 204, 409} { // the second is the first once more
		if rec := w.answer(name, mails[max(0, i-1)], fromNetwork(4)); rec.Code != want {
			t.Fatalf("answer %d: %d %s", i, rec.Code, rec.Body)
		}
	}
	if inbox := w.mailbox("INBOX"); inbox.Messages != 2 {
		t.Fatalf("%d answers in INBOX, want 2", inbox.Messages)
	}
	m := read[Message](t, w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/1", w.mailbox("INBOX").ID), nil, w.as), 200)
	if m.Class != "end-to-end" || strings.Contains(m.Header, "wombat") {
		t.Errorf("%+v", m)
	}
	rec := w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/1.eml", w.mailbox("INBOX").ID), nil, w.as)
	var out bytes.Buffer
	must((pgp.Opener{Keys: w.keys}).Open(t.Context(), rec.Body, &out))
	if !strings.Contains(out.String(), "quokka and numbat") {
		t.Errorf("its owner reads %q", out.String())
	}
	w.pass(2 * time.Hour)
	if rec := w.answer(name, mails[0], fromNetwork(5)); !equalAnswers(rec, never) {
		t.Errorf("after its end: %d %s", rec.Code, rec.Body)
	}
}

// A mail that could not be stored is not counted; one that may have been is taken again.
func TestAnswersAreNotLost(t *testing.T) {
	t.Parallel()
	w, counts := newParcelWorld(t)
	name := w.parcelName(time.Hour, 1, 1)
	read[CabinetItem](t, w.hand(name), 200)
	mail := w.encrypted(fmt.Sprintf(answerText, 1))
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{Bytes: 1}))
	expect(t, w.answer(name, mail, fromNetwork(1)), 507, "over-quota")
	if got := string(counts.all[string(w.carol.ID)+"/"+name]); got != "[]" {
		t.Errorf("a refused answer is counted: %s", got)
	}
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{}))
	other := w.encrypted(fmt.Sprintf(answerText, 2))
	if rec := w.answer(name, other, fromNetwork(1)); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	key := string(w.carol.ID) + "/" + name
	counts.all[key] = bytes.Replace(counts.all[key], []byte("true"), []byte("false"), 1) // a crash in between
	if rec := w.answer(name, other, fromNetwork(1)); rec.Code != 204 || w.mailbox("INBOX").Messages != 2 {
		t.Errorf("after a crash: %d, %d mails", rec.Code, w.mailbox("INBOX").Messages)
	}
}

func TestParcelsAreSlow(t *testing.T) {
	t.Parallel()
	w, _ := newParcelWorld(t)
	there, none := w.parcelName(time.Hour, 0, 1), w.parcelName(time.Hour, 0, 2)
	read[CabinetItem](t, w.hand(there), 200)
	for _, name := range []string{there, none} {
		for i := range strangersAtOnce { // from everywhere
			if rec := w.ask("GET", w.parcel(name), nil, fromNetwork(i)); rec.Code == 429 {
				t.Fatalf("try %d: %d", i, rec.Code)
			}
		}
		expect(t, w.ask("GET", w.parcel(name), nil, fromNetwork(999)), 429, "slow-down")
	}
	for i := range strangersAtOnce { // from one network, at all
		w.ask("GET", w.parcel(fmt.Sprint(i)), nil, fromNetwork(1000))
	}
	near := func(r *http.Request) {
		fromNetwork(1000)(r)
		r.RemoteAddr = strings.Replace(r.RemoteAddr, ".7:", ".200:", 1)
	}
	expect(t, w.ask("GET", w.parcel("x"), nil, near), 429, "slow-down")
	if rec := w.ask("GET", w.parcel("y"), nil, fromNetwork(1001)); rec.Code != 404 {
		t.Errorf("another network: %d", rec.Code)
	}
}

// F01: nothing that a stranger brings is readable on a disk or in the log.
func TestF01Parcels(t *testing.T) {
	t.Parallel()
	const canary = "Wombat7Quokka3Numbat"
	w, _ := newParcelWorld(t)
	name := w.parcelName(time.Hour, 2, 1)
	read[CabinetItem](t, w.hand(name), 200)
	text := strings.ReplaceAll(fmt.Sprintf(answerText, 1), "quokka", canary)
	large := text + strings.Repeat("A line that says "+canary+".\r\n", 60_000)
	if rec := w.answer(name, w.encrypted(text), fromNetwork(1)); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	w.answer(name, large, fromNetwork(1))
	w.answer(canary, large, fromNetwork(1), header("Parcel-Proof", canary))
	r := w.request("POST", w.parcel(name)+"/answers", nil, header("Content-Type", "message/rfc822"), header("Parcel-Proof", base64.StdEncoding.EncodeToString(proof)))
	r.Body, r.ContentLength = brokenBody{strings.NewReader(large)}, int64(len(large)+1)
	expect(t, recorded(w.handler, r), 400, "bad-input")
	report, err := prove.Scan(t.Context(), []string{w.folder, w.Sending.Spool}, []string{canary})
	if err != nil || len(report.Hits) != 0 {
		t.Errorf("%v, %v", report.Hits, err)
	}
	w.mustNotLog(canary, name, "outsider")
}
