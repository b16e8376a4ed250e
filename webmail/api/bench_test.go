package api

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// fill gives carol's INBOX so many messages with a card each; the letters are octets of
// the usual sizes, which nothing here opens.
func (w *mailWorld) fill(n int) uint64 {
	w.t.Helper()
	inbox := w.mailbox("INBOX").ID
	real := w.seal(plain)
	for at := 0; at < n; {
		var sources []io.WriterTo
		part := min(1000, n-at)
		for range part {
			card := make([]byte, 512)
			rand.Read(card)
			sources = append(sources, octetsOf(card))
		}
		refs := must(w.Store.Blobs.Put(w.t.Context(), sources...))
		var changes []mailstore.Change
		for i := range part {
			m := mailstore.Mail{Outer: real.Outer(), Envelope: real.Envelope(), Form: real.Form(), Class: real.Class()}
			rand.Read(m.ID[:])
			m.Letters = []mailstore.Stored{{Kind: pgp.KindMessage, Ref: filestore.Ref{ID: refs[i].ID, Size: 4000}}, {Kind: pgp.KindCard, Ref: refs[i]}}
			changes = append(changes, mailstore.Append{Box: mailstore.MailboxID(inbox), Mail: m, Size: 5000, Received: testTime.Add(time.Duration(at+i) * time.Second), Flags: []string{mailstore.Seen}[:i%2]})
		}
		must(w.Store.Apply(w.t.Context(), w.owner(), changes...))
		at += part
	}
	return inbox
}

type octetsOf []byte

func (b octetsOf) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b)
	return int64(n), err
}

// sink counts what is answered and keeps nothing.
type sink struct {
	header http.Header
	status int
	n      int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { s.n += len(p); return len(p), nil }

// BenchmarkList is what a device asks of a mailbox of 100,000 messages: all entries in
// parts of 20,000, what changed since, and 5,000 cards.
func BenchmarkList(b *testing.B) {
	const messages = 100_000
	w := newMailWorld(b)
	inbox := w.fill(messages)
	since := w.mailbox("INBOX").Modseq
	must(w.Store.Apply(b.Context(), w.owner(), mailstore.SetFlags{Box: mailstore.MailboxID(inbox), UIDs: []mailstore.UID{7, 50_000}, Op: mailstore.Add, Flags: []string{mailstore.Flagged}}))
	ask := func(path string) int {
		s := &sink{header: http.Header{}}
		w.handler.ServeHTTP(s, w.request("GET", fmt.Sprintf("/mailboxes/%d/%s", inbox, path), nil, w.as))
		if s.status != 0 && s.status != 200 {
			b.Fatalf("%s: %d", path, s.status)
		}
		w.pass(time.Second)
		return s.n
	}
	b.Run("entries", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			for after := 0; after < messages; after += 20_000 {
				n += ask(fmt.Sprintf("entries?limit=20000&after=%d", after))
			}
		}
		b.ReportMetric(float64(n)/messages, "bytes/message")
	})
	b.Run("changes", func(b *testing.B) {
		for b.Loop() {
			ask(fmt.Sprintf("entries?since=%d", since))
		}
	})
	b.Run("cards", func(b *testing.B) {
		for b.Loop() {
			if n := ask("cards?uids=40001:45000"); n != 5000*520 {
				b.Fatalf("%d bytes", n)
			}
		}
	})
}
