package imap_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/imap"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/storage/postgres"
	"sealpost/test/plain"
)

// house is a whole IMAP door over the real engines, in a folder of the test.
type house struct {
	behind atomic.Int64 // how long ago the index takes it to be, a time.Duration
	testing.TB
	book     *account.Book
	store    *mailstore.Store
	accounts account.Store
	server   *imap.Server
	imap     string // STARTTLS
	imaps    string
	tls      *tls.Config // of a client
	log      *lockedBuffer
	alice    person
	bob      person
}

type person struct {
	id       account.ID
	address  string
	password string
	secret   *pgp.SecretKeys
}

func (p person) owner() mailstore.Owner { return mailstore.Owner(p.id) }

// build starts a server; change may edit it before it serves.
func build(t testing.TB, change ...func(*imap.Server)) *house {
	t.Helper()
	h := &house{TB: t, log: &lockedBuffer{}}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	db, blobs := h.engines(dir)
	h.store = &mailstore.Store{Index: db.Index(), Blobs: blobs, Bus: &notify.Bus{}, Log: log, Now: time.Now}
	h.accounts = db.Accounts()
	h.book = account.NewBook(h.accounts, []string{"demo.test"}, []byte(strings.Repeat("s", 32)), time.Now)
	h.alice = h.person("alice@demo.test")
	h.bob = h.person("bob@demo.test")

	certificate, pool, err := plain.SelfSigned()
	h.must(err)
	h.tls = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	h.server = &imap.Server{
		Book:     h.book,
		Store:    h.store,
		Throttle: account.NewThrottle(account.DefaultPaces(), time.Now),
		TLS:      &tls.Config{Certificates: []tls.Certificate{certificate}},
		Key:      nodekey.Random(),
		Log:      log,
		Now:      time.Now,
		Spool:    dir,
		Limits:   imap.DefaultLimits,
	}
	for _, c := range change {
		c(h.server)
	}
	h.imap = h.serve(false)
	h.imaps = h.serve(true)
	return h
}

// engines are those of a folder, or, within TestOnCluster, those of many nodes.
func (h *house) engines(dir string) (db interface {
	Index() mailstore.Index
	Accounts() account.Store
}, blobs filestore.Blobs) {
	h.Helper()
	now := func() time.Time { return time.Now().Add(-time.Duration(h.behind.Load())) }
	if c := cluster.Load(); c.For(h) {
		return c.Take(h, postgres.Options{Remember: 50, Now: now})
	}
	index, err := bolt.Open(filepath.Join(dir, "index"), bolt.Options{Remember: 50, Now: now})
	h.must(err)
	h.Cleanup(func() { index.Close() })
	files, err := disk.Open(filepath.Join(dir, "blobs"), disk.Options{})
	h.must(err)
	h.Cleanup(func() { files.Close() })
	return index, files
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) serve(implicit bool) string {
	h.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.Serve(ctx, ln, implicit) }()
	h.Cleanup(func() {
		stop, free := context.WithTimeout(context.Background(), 5*time.Second)
		defer free()
		if err := h.server.Shutdown(stop); err != nil {
			h.Errorf("shutdown: %v", err)
		}
		cancel()
		if err := <-done; !errors.Is(err, imap.ErrClosed) && !errors.Is(err, context.Canceled) {
			h.Errorf("serve: %v", err)
		}
	})
	return ln.Addr().String()
}

func (h *house) person(address string) person {
	h.Helper()
	ctx := context.Background()
	secret, public, err := pgp.GenerateKey("", address, pgp.Compat, time.Now())
	h.must(err)
	cert, err := pgp.ParseCert(public)
	h.must(err)
	keys, err := pgp.ParseSecretKeys(secret, nil)
	h.must(err)
	name, err := mail.ParseAddress(address)
	h.must(err)
	a, err := h.book.Add(ctx, account.New{Address: name, Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline})
	h.must(err)
	password, err := h.book.AddPassword(ctx, a.ID, "test")
	h.must(err)
	p := person{id: a.ID, address: address, password: password.Reveal(), secret: keys}
	h.must(h.store.Welcome(ctx, p.owner(), 0))
	return p
}

// client signs in over implicit TLS.
func (h *house) client(p person, o *imapclient.Options) *imapclient.Client {
	h.Helper()
	if o == nil {
		o = &imapclient.Options{}
	}
	o.TLSConfig = h.tls
	c, err := imapclient.DialTLS(h.imaps, o)
	h.must(err)
	h.Cleanup(func() { c.Close() })
	h.must(c.Login(p.address, p.password).Wait())
	return c
}

// deliver puts a mail into a mailbox the way SMTP does.
func (h *house) deliver(p person, box, text string, flags ...string) mailstore.UID {
	h.Helper()
	e, err := h.bring(p, box, text, flags...)
	h.must(err)
	return e.UIDs[0]
}

func (h *house) bring(p person, box, text string, flags ...string) (mailstore.Event, error) {
	ctx := context.Background()
	a, err := h.book.Resolve(ctx, mustAddress(p.address))
	if err != nil {
		return mailstore.Event{}, err
	}
	to, err := h.book.Recipient(ctx, a)
	if err != nil {
		return mailstore.Event{}, err
	}
	raw := strings.NewReader(text)
	sealed, err := pgp.Seal(ctx, pgp.Mail{Bytes: raw, Gist: mail.Look(ctx, raw, mail.DefaultLimits), Time: time.Now()}, to)
	if err != nil {
		return mailstore.Event{}, err
	}
	return h.store.Deliver(ctx, p.owner(), mailstore.Delivery{Box: box, Sealed: sealed, Flags: flags, Received: time.Now()})
}

func mustAddress(s string) mail.Address {
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// restore opens a served mail with its owner's key and gives back what arrived.
func (h *house) restore(p person, served []byte) string {
	h.Helper()
	var out strings.Builder
	_, err := pgp.Opener{Keys: p.secret, Restore: true}.Open(context.Background(), strings.NewReader(string(served)), &out)
	h.must(err)
	return out.String()
}

func letter(subject, text string) string {
	return fmt.Sprintf("From: Carol <carol@example.org>\r\nTo: alice@demo.test\r\nSubject: %s\r\n"+
		"Date: Mon, 02 Jan 2006 15:04:05 +0100\r\nMessage-ID: <%s@example.org>\r\n\r\n%s\r\n", subject, strings.ReplaceAll(subject, " ", "."), text)
}

func appendMail(t testing.TB, c *imapclient.Client, box, text string, o *goimap.AppendOptions) (*goimap.AppendData, error) {
	t.Helper()
	cmd := c.Append(box, int64(len(text)), o)
	if _, err := io.WriteString(cmd, text); err != nil {
		return nil, err
	}
	if err := cmd.Close(); err != nil {
		return nil, err
	}
	return cmd.Wait()
}

// lockedBuffer is a log that many goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
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

// rows puts so many entries into alice's mailbox, of which nobody reads the mail.
func (h *house) rows(box string, n int) {
	h.Helper()
	id := h.box(h.alice, box).ID
	var changes []mailstore.Change
	for range n {
		changes = append(changes, entry(mailstore.Append{Box: id}))
	}
	_, err := h.store.Apply(context.Background(), h.alice.owner(), changes...)
	h.must(err)
}

// row puts one that is like a into her INBOX.
func (h *house) row(a mailstore.Append) {
	h.Helper()
	a.Box = h.box(h.alice, "INBOX").ID
	_, err := h.store.Apply(context.Background(), h.alice.owner(), entry(a))
	h.must(err)
}

// entry is a with a letter that is nowhere.
func entry(a mailstore.Append) mailstore.Append {
	l := mailstore.Stored{Kind: pgp.KindMessage, Ref: filestore.Ref{Size: 1}}
	rand.Read(l.ID[:])
	a.Size, a.Mail.Form, a.Mail.Letters = 1, pgp.FormMIME, []mailstore.Stored{l}
	return a
}
