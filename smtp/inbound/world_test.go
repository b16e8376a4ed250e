package inbound

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// world is a server with its accounts, on a folder and a port of its own.
type world struct {
	t       testing.TB
	dir     string
	addr    string
	book    *account.Book
	people  account.Store
	index   *faultyIndex
	handler *Handler
	logs    *lockedBuffer
	keys    map[account.ID]*pgp.SecretKeys
	db      *bolt.DB
}

// faultyIndex fails an owner's Apply as told.
type faultyIndex struct {
	mailstore.Index
	mu    sync.Mutex
	fault map[mailstore.Owner]func() error
}

func (x *faultyIndex) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	x.mu.Lock()
	fault := x.fault[o]
	x.mu.Unlock()
	if fault != nil {
		if err := fault(); err != nil {
			return nil, err
		}
	}
	return x.Index.Apply(ctx, o, changes)
}

func (x *faultyIndex) fail(id account.ID, fault func() error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fault[mailstore.Owner(id)] = fault
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

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newWorld starts a server. Its logs are searched at the end for anything that
// names a person or quotes a mail.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), logs: &lockedBuffer{}, keys: make(map[account.ID]*pgp.SecretKeys)}
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	db, err := bolt.Open(filepath.Join(w.dir, "index.db"), bolt.Options{Log: log})
	w.must(err)
	blobs, err := disk.Open(filepath.Join(w.dir, "blobs"), disk.Options{Log: log})
	w.must(err)
	w.must(os.Mkdir(filepath.Join(w.dir, "spool"), 0o700))
	secret := make([]byte, 32)
	rand.Read(secret)
	w.people, w.db = db.Accounts(), db
	w.book = account.NewBook(w.people, []string{"demo.test", "bücher.test"}, secret, time.Now)
	w.index = &faultyIndex{Index: db.Index(), fault: make(map[mailstore.Owner]func() error)}
	w.handler = &Handler{
		Book:     w.book,
		Store:    &mailstore.Store{Index: w.index, Blobs: blobs, Bus: &notify.Bus{}, Log: log, Now: time.Now},
		Hostname: "mx.demo.test",
		Domain:   "demo.test",
		Spool:    filepath.Join(w.dir, "spool"),
		Message:  60 << 20,
		Look:     mail.DefaultLimits,
		Time:     time.Minute,
		Log:      log,
		Now:      time.Now,
	}
	s := &smtp.Server{Handler: w.handler, Hostname: "mx.demo.test", Limits: smtp.Limits{Message: 60 << 20, Recipients: 200}, Log: log}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.addr = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		w.must(errors.Join(s.Shutdown(context.Background()), <-done, blobs.Close(), db.Close()))
		w.searchLogs()
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// searchLogs looks for what a log must never say: any address, any word of a mail.
func (w *world) searchLogs() {
	for _, word := range []string{"@", "alice", "bob", "carol", "canary", "INBOX"} {
		if i := strings.Index(w.logs.String(), word); i >= 0 {
			w.t.Errorf("the log says %q: %.200s", word, w.logs.String()[max(0, i-100):])
		}
	}
}

func (w *world) account(address string, p pgp.Profile, quota int64) account.Account {
	w.t.Helper()
	a, err := mail.ParseAddress(address)
	w.must(err)
	secret, public, err := pgp.GenerateKey("", address, p, time.Now().Add(-time.Hour))
	w.must(err)
	cert, err := pgp.ParseCert(public)
	w.must(err)
	acc, err := w.book.Add(context.Background(), account.New{Address: a, Cert: cert, Profile: p, Level: pgp.Baseline, Quota: quota})
	w.must(err)
	w.must(w.handler.Store.Welcome(context.Background(), mailstore.Owner(acc.ID), quota))
	w.keys[acc.ID], err = pgp.ParseSecretKeys(secret, nil)
	w.must(err)
	return acc
}

// send speaks SMTP and returns the replies to each RCPT and to the mail.
func (w *world) send(data string, from string, to ...string) (rcpts []string, final string) {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	w.must(err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	in := bufio.NewReader(conn)
	fmt.Fprintf(conn, "HELO sender.example\r\nMAIL FROM:<%s>\r\n", from)
	for range 3 {
		w.reply(in)
	}
	accepted := false
	for _, rcpt := range to {
		fmt.Fprintf(conn, "RCPT TO:<%s>\r\n", rcpt)
		rcpts = append(rcpts, w.reply(in))
		accepted = accepted || strings.HasPrefix(rcpts[len(rcpts)-1], "250")
	}
	if !accepted {
		return rcpts, ""
	}
	fmt.Fprintf(conn, "BDAT %d LAST\r\n%s", len(data), data)
	return rcpts, w.reply(in)
}

func (w *world) reply(in *bufio.Reader) string {
	w.t.Helper()
	line, err := in.ReadString('\n')
	w.must(err)
	return strings.TrimSuffix(line, "\r\n")
}

// inbox opens all mails of an account, as a client shows them or as they arrived.
func (w *world) inbox(a account.Account, restore bool) []string {
	w.t.Helper()
	ctx, owner := context.Background(), mailstore.Owner(a.ID)
	boxes, err := w.index.Mailboxes(ctx, owner)
	w.must(err)
	var mails []string
	for _, b := range boxes {
		if b.Name != mailstore.Inbox {
			continue
		}
		var uids []mailstore.UID
		for e, err := range w.index.Entries(ctx, owner, b.ID, 0) {
			w.must(err)
			uids = append(uids, e.UID)
		}
		for m, err := range w.index.Mails(ctx, owner, b.ID, uids) {
			w.must(err)
			mails = append(mails, w.open(a, m, restore))
		}
	}
	return mails
}

func (w *world) open(a account.Account, m mailstore.Mail, restore bool) string {
	w.t.Helper()
	var letters []io.Reader
	for _, kind := range []pgp.Kind{pgp.KindHeader, pgp.KindMessage} {
		blob, err := w.handler.Store.Letter(context.Background(), m, kind)
		if errors.Is(err, mailstore.ErrNoMail) || errors.Is(err, filestore.ErrNotFound) {
			continue
		}
		w.must(err)
		defer blob.Close()
		letters = append(letters, io.NewSectionReader(blob, 0, blob.Size()))
	}
	var out bytes.Buffer
	_, err := pgp.Opener{Keys: w.keys[a.ID], Restore: restore}.Open(context.Background(), io.MultiReader(letters...), &out)
	w.must(err)
	return out.String()
}

// forget empties an account's INBOX.
func (w *world) forget(a account.Account) {
	w.t.Helper()
	boxes, err := w.index.Mailboxes(context.Background(), mailstore.Owner(a.ID))
	w.must(err)
	for _, b := range boxes {
		if b.Name == mailstore.Inbox {
			_, err := w.handler.Store.Apply(context.Background(), mailstore.Owner(a.ID), mailstore.Expunge{Box: b.ID})
			w.must(err)
		}
	}
}
