package submission

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/smtp"
	"sealpost/smtp/inbound"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// world is a server's way out with its accounts, on a folder of its own. Beyond it
// there is only what stands in the queue.
type world struct {
	t       testing.TB
	dir     string
	book    *account.Book
	people  account.Store
	index   *faultyIndex
	rows    *faultyRows
	peers   *peers
	handler *Handler
	logs    *lockedBuffer
	keys    map[account.ID]*pgp.SecretKeys
	drive   *drive.Drive
	now     func() time.Time
}

// faultyIndex fails an owner's Apply as told.
type faultyIndex struct {
	mailstore.Index
	mu    sync.Mutex
	fault map[mailstore.Owner]error
}

func (x *faultyIndex) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	x.mu.Lock()
	err := x.fault[o]
	x.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return x.Index.Apply(ctx, o, changes)
}

func (x *faultyIndex) fail(a account.Account, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fault[mailstore.Owner(a.ID)] = err
}

// faultyRows fails Insert as told.
type faultyRows struct {
	queue.Store
	mu    sync.Mutex
	fault func(n int) error // by the count of rows put so far
	n     int
}

func (r *faultyRows) Insert(ctx context.Context, row queue.Row) error {
	r.mu.Lock()
	r.n++
	fault, n := r.fault, r.n
	r.mu.Unlock()
	if fault != nil {
		if err := fault(n); err != nil {
			return err
		}
	}
	return r.Store.Insert(ctx, row)
}

// peers are pins in memory.
type peers struct {
	mu    sync.Mutex
	all   map[string]discover.Peer
	fault error
}

func (p *peers) Peer(_ context.Context, account string, a mail.Address) (discover.Peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != nil {
		return discover.Peer{}, p.fault
	}
	found, ok := p.all[account+" "+a.Key()]
	if !ok {
		return found, discover.ErrNoKey
	}
	return found, nil
}

func (p *peers) PutPeer(_ context.Context, account string, one discover.Peer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[account+" "+one.Address.Key()] = one
	return p.fault
}

func (p *peers) DeletePeer(context.Context, string, mail.Address) error { return nil }
func (p *peers) Peers(context.Context, string) ([]discover.Peer, error) { return nil, nil }
func (p *peers) ForgetPeers(context.Context, string) error              { return nil }

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

// newWorld builds it. Its logs are searched at the end for anything that names a
// person or quotes a mail.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), logs: &lockedBuffer{}, keys: make(map[account.ID]*pgp.SecretKeys), now: time.Now}
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	db, err := bolt.Open(filepath.Join(w.dir, "index.db"), bolt.Options{Log: log})
	w.must(err)
	open := func(name string) filestore.Blobs {
		b, err := disk.Open(filepath.Join(w.dir, name), disk.Options{Log: log})
		w.must(err)
		t.Cleanup(func() { w.must(b.Close()) })
		return b
	}
	blobs, texts := open("blobs"), open("queue")
	w.must(os.Mkdir(filepath.Join(w.dir, "spool"), 0o700))
	secret := make([]byte, 32)
	rand.Read(secret)
	now := func() time.Time { return w.now() }
	w.people = db.Accounts()
	w.book = account.NewBook(w.people, []string{"demo.test", "bücher.test"}, secret, now)
	w.index = &faultyIndex{Index: db.Index(), fault: make(map[mailstore.Owner]error)}
	w.rows = &faultyRows{Store: memqueue.New()}
	w.peers = &peers{all: make(map[string]discover.Peer)}
	store := &mailstore.Store{Index: w.index, Blobs: blobs, Bus: &notify.Bus{}, Log: log, Now: now}
	w.drive = &drive.Drive{
		Store: db.Drive(), Blobs: blobs, Bus: store.Bus, Log: log, Now: now, Secret: secret,
		Usual: time.Hour, Longest: time.Hour, Patience: time.Hour,
	}
	spool := filepath.Join(w.dir, "spool")
	w.handler = &Handler{
		Book:     w.book,
		Account:  w.people.Account,
		Store:    store,
		Queue:    &queue.Queue{Store: w.rows, Blobs: texts, Key: nodekey.Random(), Now: now},
		Keys:     &discover.Finder{Peers: w.peers, Now: now},
		Local:    &inbound.Handler{Book: w.book, Store: store, Hostname: "mx.demo.test", Domain: "demo.test", Spool: spool, Message: 60 << 20, Look: mail.DefaultLimits, Time: time.Minute, Log: log, Now: now},
		Hostname: "mx.demo.test",
		Spool:    spool,
		Message:  60 << 20,
		Log:      log,
		Now:      now,
	}
	t.Cleanup(func() {
		w.must(db.Close())
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
	for _, word := range []string{"@", `\balice`, `\bbob\b`, `\bcarol`, "canary", "INBOX", "Outbox", `192\.0\.2`} { // an id may hold "bob"
		if i := regexp.MustCompile(word).FindStringIndex(w.logs.String()); i != nil {
			w.t.Errorf("the log says %q: %.200s", word, w.logs.String()[max(0, i[0]-100):])
		}
	}
}

func (w *world) address(s string) mail.Address {
	w.t.Helper()
	a, err := mail.ParseAddress(s)
	w.must(err)
	return a
}

func (w *world) account(address string) account.Account {
	w.t.Helper()
	secret, public, err := pgp.GenerateKey("", address, pgp.Compat, time.Now().Add(-time.Hour))
	w.must(err)
	cert, err := pgp.ParseCert(public)
	w.must(err)
	acc, err := w.book.Add(context.Background(), account.New{Address: w.address(address), Cert: cert, Profile: pgp.Compat, Level: pgp.Open})
	w.must(err)
	w.must(w.handler.Store.Welcome(context.Background(), mailstore.Owner(acc.ID), 0))
	w.keys[acc.ID], err = pgp.ParseSecretKeys(secret, nil)
	w.must(err)
	return acc
}

// password gives an account an app password.
func (w *world) password(a account.Account, n account.NewPassword) {
	w.t.Helper()
	_, err := w.book.MakePassword(context.Background(), a.ID, n)
	w.must(err)
}

// correspondent makes the key of somebody elsewhere and pins it for an account.
func (w *world) correspondent(of account.Account, address string) *pgp.SecretKeys {
	w.t.Helper()
	secret, public, err := pgp.GenerateKey("", address, pgp.Compat, time.Now().Add(-time.Hour))
	w.must(err)
	cert, err := pgp.ParseCert(public)
	w.must(err)
	w.must(w.handler.Keys.Pin(context.Background(), string(of.ID), w.address(address), cert))
	keys, err := pgp.ParseSecretKeys(secret, nil)
	w.must(err)
	return keys
}

// sending is one mail handed in, as the SMTP door does it.
type sending struct {
	as       account.Account
	password string // the app password's name
	from     string // MAIL FROM; empty: the account's name
	to       []string
	rcpt     []smtp.RcptOptions // of to; nil: nothing is wished
	opts     smtp.MailOptions
	data     string
}

// answers are the replies to it: an empty string is a yes.
type answers struct {
	begin string
	rcpt  []string
	data  string
}

func (w *world) send(s sending) (a answers) {
	w.t.Helper()
	ctx := context.Background()
	peer := smtp.Peer{
		Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4000}, Helo: "alices-laptop.lan", Extended: true,
		User: &smtp.Identity{Account: string(s.as.ID), Password: s.password},
	}
	from := s.as.Addresses[0]
	if s.from != "" {
		from = w.address(s.from)
	}
	t, err := w.handler.Begin(ctx, peer, &from, s.opts)
	if err != nil {
		return answers{begin: w.told(err)}
	}
	defer t.Close()
	taken := 0
	for i, to := range s.to {
		wish := smtp.RcptOptions{}
		if s.rcpt != nil {
			wish = s.rcpt[i]
		}
		err := t.Rcpt(ctx, w.address(to), wish)
		a.rcpt = append(a.rcpt, w.told(err))
		if err == nil {
			taken++
		}
	}
	if taken == 0 {
		return a
	}
	r, err := t.Data(ctx, strings.NewReader(s.data))
	a.data = w.told(err)
	if err == nil {
		a.data = told(r)
	}
	return a
}

// told is a reply as a client sees it.
func told(r *smtp.Reply) string {
	return strings.TrimSpace(strings.Join([]string{itoa(r.Code), r.Enhanced, r.Text}, " "))
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

func (w *world) told(err error) string {
	w.t.Helper()
	if err == nil {
		return ""
	}
	var r *smtp.Reply
	if !errors.As(err, &r) {
		w.t.Fatalf("an error without a reply: %v", err)
	}
	return told(r)
}

// queued is a mail in the queue and its text.
type queued struct {
	queue.Mail
	text string
}

func (q queued) to() (list []string) {
	for _, r := range q.Recipient {
		list = append(list, r.Address.String())
	}
	slices.Sort(list)
	return list
}

// queued takes what waits, in the order it came.
func (w *world) queued() (all []queued) {
	w.t.Helper()
	ctx := context.Background()
	list, err := w.handler.Queue.List(ctx)
	w.must(err)
	for _, m := range list {
		l, err := w.handler.Queue.Drop(ctx, m.ID)
		w.must(err)
		c, err := l.Content(ctx)
		w.must(err)
		text, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		w.must(err)
		w.must(c.Close())
		w.must(l.Release(ctx))
		all = append(all, queued{m, string(text)})
	}
	return all
}

// only is the one mail in the queue.
func (w *world) only() queued {
	w.t.Helper()
	all := w.queued()
	if len(all) != 1 {
		w.t.Fatalf("%d mails in the queue", len(all))
	}
	return all[0]
}

// stored is a mail in a mailbox.
type stored struct {
	mailstore.Entry
	outer string
	text  string
}

// box opens all mails of an account's mailbox, as a client shows them or as they arrived.
func (w *world) box(a account.Account, name string, restore bool) (mails []stored) {
	w.t.Helper()
	ctx, owner := context.Background(), mailstore.Owner(a.ID)
	boxes, err := w.index.Mailboxes(ctx, owner)
	w.must(err)
	for _, b := range boxes {
		if b.Name != name {
			continue
		}
		for e, err := range w.index.Entries(ctx, owner, b.ID, 0) {
			w.must(err)
			for m, err := range w.index.Mails(ctx, owner, b.ID, []mailstore.UID{e.UID}) {
				w.must(err)
				mails = append(mails, stored{e, string(m.Outer), w.open(a, m, restore)})
			}
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

// opened is what a correspondent reads of an encrypted mail.
func (w *world) opened(keys *pgp.SecretKeys, text string) (string, error) {
	var out bytes.Buffer
	_, err := pgp.Opener{Keys: keys}.Open(context.Background(), strings.NewReader(text), &out)
	return out.String(), err
}

// letterOf writes a mail: header lines, then a body.
func letterOf(header ...string) string {
	return strings.Join(header, "\r\n") + "\r\n\r\nHello canary.\r\n"
}
