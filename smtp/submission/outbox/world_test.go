package outbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/inbound"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
	"sealpost/smtp/submission"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// world is an outbox before the real way out, on a folder of its own.
type world struct {
	t      testing.TB
	dir    string
	book   *account.Book
	store  *mailstore.Store
	out    *queue.Queue
	box    *Box
	alice  account.Account
	secret *pgp.SecretKeys
	logs   *lockedBuffer
	mu     sync.Mutex
	clock  time.Time
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), logs: &lockedBuffer{}, clock: time.Now()}
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	db, err := bolt.Open(filepath.Join(w.dir, "index.db"), bolt.Options{Log: log})
	w.must(err)
	t.Cleanup(func() { w.must(db.Close()) })
	secret := make([]byte, 32)
	rand.Read(secret)
	w.book = account.NewBook(db.Accounts(), []string{"demo.test"}, secret, w.now)
	w.store = &mailstore.Store{Index: db.Index(), Blobs: w.blobs("blobs", log), Bus: &notify.Bus{}, Log: log, Now: w.now}
	w.must(os.Mkdir(filepath.Join(w.dir, "spool"), 0o700))
	key := nodekey.Random()
	w.out = &queue.Queue{Store: memqueue.New(), Blobs: w.blobs("queue", log), Key: key, Now: w.now}
	way := &inbound.Handler{
		Book: w.book, Store: w.store, Hostname: "mx.demo.test", Domain: "demo.test", Spool: filepath.Join(w.dir, "spool"),
		Message: 1 << 20, Look: mail.DefaultLimits, Time: time.Minute, Log: log, Now: w.now,
	}
	handler := &submission.Handler{
		Book: w.book, Account: db.Accounts().Account, Store: w.store, Queue: w.out, Local: way, Hostname: "mx.demo.test",
		Spool: filepath.Join(w.dir, "spool"), Log: log, Now: w.now,
	}
	rows, err := bolt.OpenQueue(filepath.Join(w.dir, "outbox.db"), key, bolt.Options{Log: log})
	w.must(err)
	t.Cleanup(func() { w.must(rows.Close()) })
	w.box = &Box{
		Queue:  &queue.Queue{Store: rows, Blobs: w.blobs("outbox", log), Key: key, Name: "outbox", Now: w.now, Limits: queue.Limits{Each: 5}},
		Submit: handler, Local: way, Hostname: "mx.demo.test", Log: log, Now: w.now,
	}
	w.alice, w.secret = w.person("alice@demo.test")
	return w
}

func (w *world) blobs(name string, log *slog.Logger) filestore.Blobs {
	b, err := disk.Open(filepath.Join(w.dir, name), disk.Options{Log: log})
	w.must(err)
	w.t.Cleanup(func() { w.must(b.Close()) })
	return b
}

func (w *world) person(address string) (account.Account, *pgp.SecretKeys) {
	w.t.Helper()
	private, public, err := pgp.GenerateKey("", address, pgp.Compat, time.Now().Add(-time.Hour))
	w.must(err)
	cert, err := pgp.ParseCert(public)
	w.must(err)
	keys, err := pgp.ParseSecretKeys(private, nil)
	w.must(err)
	a, err := w.book.Add(w.t.Context(), account.New{Address: w.address(address), Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline})
	w.must(err)
	w.must(w.store.Welcome(w.t.Context(), mailstore.Owner(a.ID), 0))
	return a, keys
}

func (w *world) address(s string) mail.Address {
	w.t.Helper()
	a, err := mail.ParseAddress(s)
	w.must(err)
	return a
}

// order is a mail of alice's to somebody, to leave after a while.
func (w *world) order(after time.Duration, to ...string) Order {
	from := w.address("alice@demo.test")
	o := Order{By: smtp.Identity{Account: string(w.alice.ID), OwnSent: true}, Envelope: smtp.Envelope{From: &from}}
	if after > 0 {
		o.Envelope.Hold = w.now().Add(after)
	}
	for _, a := range to {
		o.Envelope.To = append(o.Envelope.To, smtp.Recipient{Address: w.address(a)})
	}
	return o
}

func letter(from, subject string) mail.Bytes {
	return bytes.NewReader([]byte("From: " + from + "\r\nTo: bob@example.org\r\nMessage-ID: <one@demo.test>\r\nSubject: " + subject + "\r\n\r\n" + subject + "\r\n"))
}

// step leaves whatever is due now, one after the other.
func (w *world) step() {
	w.t.Helper()
	for {
		ctx, cancel := context.WithTimeout(w.t.Context(), 100*time.Millisecond)
		l, err := w.box.Queue.Take(ctx)
		cancel()
		if err != nil {
			return
		}
		w.box.leave(w.t.Context(), l)
	}
}

// inbox opens every mail of alice's INBOX.
func (w *world) inbox() (all []string) {
	w.t.Helper()
	o := mailstore.Owner(w.alice.ID)
	boxes, err := w.store.Index.Mailboxes(w.t.Context(), o)
	w.must(err)
	for _, b := range boxes {
		if b.Name != mailstore.Inbox {
			continue
		}
		var uids []mailstore.UID
		for e, err := range w.store.Index.Entries(w.t.Context(), o, b.ID, 0) {
			w.must(err)
			uids = append(uids, e.UID)
		}
		for m, err := range w.store.Index.Mails(w.t.Context(), o, b.ID, uids) {
			w.must(err)
			blob, err := w.store.Letter(w.t.Context(), m, pgp.KindMessage)
			w.must(err)
			var plain bytes.Buffer
			opener := pgp.Opener{Keys: w.secret, Max: 1 << 20}
			_, err = opener.Open(w.t.Context(), io.NewSectionReader(blob, 0, blob.Size()), &plain)
			w.must(err)
			all = append(all, string(m.Outer)+"\n"+plain.String())
			w.must(blob.Close())
		}
	}
	return all
}

// files looks for a word in everything that lies in the folder.
func (w *world) files(word string) (found []string) {
	w.t.Helper()
	w.must(filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), word) {
			found = append(found, path)
		}
		return err
	}))
	return found
}
