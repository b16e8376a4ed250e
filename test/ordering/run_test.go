package ordering_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"crypto/tls"
	"strings"

	"sealpost/account"
	"sealpost/filestore/nodekey"
	"sealpost/imap"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/test/ordering"
	"sealpost/test/plain"
)

// The embedded engine is the control: one node, nothing breaks.
func TestOrderEmbedded(t *testing.T) {
	dir := t.TempDir()
	db, err := bolt.Open(filepath.Join(dir, "index"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	blobs, err := disk.Open(filepath.Join(dir, "blobs"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	log := slog.New(slog.DiscardHandler)
	store := &mailstore.Store{Index: db.Index(), Blobs: blobs, Bus: &notify.Bus{}, Log: log, Now: time.Now}
	book := account.NewBook(db.Accounts(), []string{"demo.test"}, []byte(strings.Repeat("s", 32)), time.Now)
	certificate, pool, err := plain.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	o := &owner{address: "alice@demo.test", tls: &tls.Config{RootCAs: pool, ServerName: "localhost"}}
	if err := o.join(book, store); err != nil {
		t.Fatal(err)
	}
	address := serve(t, &imap.Server{
		Book: book, Store: store, Throttle: account.NewThrottle(account.DefaultPaces(), time.Now),
		TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}, Key: nodekey.Random(),
		Log: log, Now: time.Now, Spool: dir, Limits: imap.DefaultLimits,
	})
	w := newWorld(o, keepLog(t), 1)
	w.Nodes = []ordering.Node{{Name: "n1", Address: func() string { return address },
		Deliver: func(ctx context.Context, text string) error { return bring(ctx, book, store, o, text) }}}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	w.Run(ctx, 5, 2)
	finish(t, w, o)
}

// Three nodes over one database and two providers, and nothing breaks.
func TestOrder(t *testing.T) {
	s := build(t, 3)
	w := s.world(keepLog(t), 2)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	w.Run(ctx, 6, 2)
	finish(t, w, s.owner)
}
