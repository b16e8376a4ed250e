// Package roomtest is a server's API with one account, for tests of its clients.
package roomtest

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore/drive"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/webmail/api"
	"sealpost/webmail/api/client"
	"sealpost/webmail/api/parcels"
)

// Address is the account's.
const Address = "ann@demo.test"

// ann is her key pair, which takes a while to make.
var ann = sync.OnceValue(func() [2][]byte {
	secret, public, err := pgp.GenerateKey("Ann", Address, pgp.Compat, time.Now().AddDate(-1, 0, 0))
	if err != nil {
		panic(err)
	}
	return [2][]byte{secret, public}
})

// Room is the API, not served yet: its fields may be changed until then.
type Room struct {
	API      *api.API
	Account  account.ID
	Password string // of scope api
	Keys     *pgp.SecretKeys
	List     pgp.ListKey
	Dir      string // where everything is stored
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// New makes a room in a folder of the test.
func New(t testing.TB) *Room {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	db := must(bolt.Open(filepath.Join(dir, "index.db"), bolt.Options{}))
	t.Cleanup(func() { db.Close() })
	blobs := must(disk.Open(filepath.Join(dir, "blobs"), disk.Options{}))
	t.Cleanup(func() { blobs.Close() })
	store := &mailstore.Store{Index: db.Index(), Blobs: blobs, Bus: new(notify.Bus), Log: log, Now: time.Now}
	book := account.NewBook(db.Accounts(), []string{"demo.test"}, make([]byte, 32), time.Now)
	r := &Room{Dir: dir, List: must(pgp.GenerateListKey()), Keys: must(pgp.ParseSecretKeys(ann()[0], nil))}
	a := must(book.Add(t.Context(), account.New{
		Address: must(mail.ParseAddress(Address)), Cert: must(pgp.ParseCert(ann()[1])), Profile: pgp.Compat, Level: pgp.Baseline, ListKey: r.List.Public(),
	}))
	if err := store.Welcome(t.Context(), mailstore.Owner(a.ID), 0); err != nil {
		t.Fatal(err)
	}
	r.Account, r.Password = a.ID, must(book.MakePassword(t.Context(), a.ID, account.NewPassword{Name: "test", Scopes: []string{"api"}})).Reveal()
	boxes := &cabinet.Cabinet{Store: db.Cabinet(), Blobs: blobs, Bus: store.Bus, Log: log}
	r.API = &api.API{
		Hostname: "mail.demo.test", Version: "test", Book: book, Store: store, Log: log, Now: time.Now, Cabinet: boxes,
		Sending: api.Sending{Spool: dir}, Parcels: &parcels.Room{Cabinet: boxes, Now: time.Now},
		Files: &drive.Drive{
			Store: db.Drive(), Blobs: blobs, Bus: store.Bus, Log: log, Now: time.Now, Secret: make([]byte, 32),
			Longest: 90 * 24 * time.Hour, Usual: 7 * 24 * time.Hour, Patience: 24 * time.Hour,
		},
	}
	return r
}

// Owner is the account as stores know it.
func (r *Room) Owner() mailstore.Owner { return mailstore.Owner(r.Account) }

// Serve serves the API until the test ends, behind what around makes of it; nil: alone.
func (r *Room) Serve(t testing.TB, around func(http.Handler) http.Handler) *httptest.Server {
	t.Helper()
	h := r.API.Handler()
	if around != nil {
		h = around(h)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	t.Cleanup(r.API.EndStreams)
	return s
}

// Client is the account's client of a server that Serve started.
func (r *Room) Client(s *httptest.Server) *client.Client {
	return &client.Client{URL: s.URL, Address: Address, Password: r.Password, HTTP: s.Client()}
}
