package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/pgp"
	"sealpost/smtp/inbound/rules"
	"sealpost/webmail/api/parcels"
)

func (n *notes) All(_ context.Context, account string) (all [][]byte, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, v := range n.all {
		if strings.HasPrefix(name, account+"/") {
			all = append(all, v)
		}
	}
	return all, nil
}

// An answer passes its owner's rules, which see what stands outside of what is encrypted.
func TestAnswersPassRules(t *testing.T) {
	t.Parallel()
	w, _ := newParcelWorld(t)
	w.Sending.Rules = &rules.Room{Rules: &notes{all: map[string][]byte{}}, Heard: &notes{all: map[string][]byte{}}, Book: w.Book, Log: w.Log, Now: w.now}
	name := w.parcelName(time.Hour, 5, 1)
	read[CabinetItem](t, w.hand(name), 200)
	when := func(field, op, value string) []rules.Condition {
		return []rules.Condition{{Field: field, Op: op, Value: value}}
	}
	move := func(box string) []rules.Action { return []rules.Action{{Do: "move", Mailbox: box}} }
	version := uint64(0)
	for i, c := range []struct {
		what string
		rule rules.Rule
		box  string
		flag string
	}{
		{"of that address", rules.Rule{Conditions: when("from", "is", "outsider@elsewhere.example"), Actions: move("Outside")}, "Outside", ""},
		{"end-to-end, flagged", rules.Rule{Conditions: when("class", "is", "end-to-end"), Actions: []rules.Action{{Do: "flag", Flag: `\Flagged`}}}, "INBOX", `\Flagged`},
		{"of its subject, which nobody here can read", rules.Rule{Conditions: when("subject", "contains", "wombat"), Actions: move("Wombats")}, "INBOX", ""},
		{"to this address, thrown away", rules.Rule{Conditions: when("to", "is", "carol@demo.test"), Actions: []rules.Action{{Do: "discard"}}}, "Trash", `\Seen`},
	} {
		c.rule.Name, c.rule.On, c.rule.All = c.what, true, true
		set := must(w.Sending.Rules.Put(t.Context(), w.carol.ID, rules.Set{
			Version: version, Rules: []rules.Rule{c.rule}, Vacation: rules.Vacation{On: true, Subject: "away", Text: "away"},
		}))
		version = set.Version
		before := w.counts()
		if rec := w.answer(name, w.encrypted(fmt.Sprintf(answerText, i)), fromNetwork(i)); rec.Code != 204 {
			t.Fatalf("%s: %d %s", c.what, rec.Code, rec.Body)
		}
		after := w.counts()
		if after[c.box] != before[c.box]+1 {
			t.Errorf("%s: not in %s: %v, before %v", c.what, c.box, after, before)
		}
		if flags := w.newest(c.box); c.flag != "" && !slices.Contains(flags, c.flag) {
			t.Errorf("%s: flags %v, want %s", c.what, flags, c.flag)
		}
	}
	w.mustNotLog("wombat", "outsider", "elsewhere")
}

// counts are the messages of each of carol's mailboxes.
func (w *mailWorld) counts() map[string]int {
	n := map[string]int{}
	for _, b := range must(w.Store.Index.Mailboxes(w.t.Context(), w.owner())) {
		for range w.Store.Index.Entries(w.t.Context(), w.owner(), b.ID, 0) {
			n[b.Name]++
		}
	}
	return n
}

// newest are the flags of the last mail of a mailbox.
func (w *mailWorld) newest(box string) (flags []string) {
	for _, b := range must(w.Store.Index.Mailboxes(w.t.Context(), w.owner())) {
		if b.Name != box {
			continue
		}
		for e := range w.Store.Index.Entries(w.t.Context(), w.owner(), b.ID, 0) {
			flags = e.Flags
		}
	}
	return flags
}

// Who opened a parcel learns of the key that holds now, and answers to it. Nobody else
// learns whether there is a parcel.
func TestAnswersAfterANewKey(t *testing.T) {
	t.Parallel()
	w := newTurned(t)
	w.Parcels = &parcels.Room{Cabinet: w.Cabinet, Answers: &notes{all: map[string][]byte{}}, Now: w.now}
	name, mute := w.parcelName(time.Hour, 2, 1), w.parcelName(time.Hour, 0, 2)
	read[CabinetItem](t, w.hand(name), 200)
	read[CabinetItem](t, w.hand(mute), 200)
	ask := func(name, proof string, network int) *httptest.ResponseRecorder {
		return w.ask("GET", w.parcel(name)+"/key", nil, fromNetwork(network), func(r *http.Request) { r.Header.Set("Parcel-Proof", proof) })
	}
	right := base64.StdEncoding.EncodeToString(proof)
	never := ask(w.parcelName(time.Hour, 2, 9), right, 1)
	expect(t, never, 404, "not-found")
	for what, rec := range map[string]*httptest.ResponseRecorder{
		"no proof": ask(name, "", 2), "a wrong proof": ask(name, base64.StdEncoding.EncodeToString(make([]byte, 32)), 2),
		"no base64": ask(name, "?", 2), "takes no answers": ask(mute, right, 2), "zeros for none": ask(mute, "", 2),
	} {
		if !equalAnswers(rec, never) {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
	}
	w.publish()
	rec := ask(name, right, 3)
	if rec.Code != 200 || !bytes.Equal(rec.Body.Bytes(), w.carol.Cert) || !bytes.Equal(rec.Body.Bytes(), w.cert) || rec.Header().Get("Content-Type") != "application/pgp-keys" {
		t.Fatalf("%d, %d octets as %s, want the certificate that holds now", rec.Code, rec.Body.Len(), rec.Header().Get("Content-Type"))
	}
	var out bytes.Buffer
	if err := pgp.Encrypt(t.Context(), &out, strings.NewReader(fmt.Sprintf(answerText, 2)), []*pgp.Cert{must(pgp.ParseCert(rec.Body.Bytes()))}, false); err != nil {
		t.Fatal(err)
	}
	if rec := w.answer(name, out.String(), fromNetwork(3)); rec.Code != 204 {
		t.Errorf("an answer to the key that holds now: %d %s", rec.Code, rec.Body)
	}
	// It opens without the key that was given up.
	w.entity.Subkeys = w.entity.Subkeys[1:]
	var secret bytes.Buffer
	if err := w.entity.SerializePrivateWithoutSigning(&secret, nil); err != nil {
		t.Fatal(err)
	}
	eml := w.ask("GET", fmt.Sprintf("/mailboxes/%d/messages/1.eml", w.mailbox("INBOX").ID), nil, w.as)
	out.Reset()
	must((pgp.Opener{Keys: must(pgp.ParseSecretKeys(secret.Bytes(), nil))}).Open(t.Context(), eml.Body, &out))
	if !strings.Contains(out.String(), "quokka and numbat") {
		t.Errorf("its owner reads %q", out.String())
	}
}
