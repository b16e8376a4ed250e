package plain

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"time"
	_ "time/tzdata" // a machine that runs tests may know no zones

	"github.com/xdg-go/scram"

	"sealpost/account"
	"sealpost/filestore/nodekey"
	"sealpost/imap"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// iterations are those of the house's SCRAM keys.
const iterations = 4096

// House is an IMAP door with one user over real engines in a folder.
type House struct {
	Server *imap.Server
	Store  *mailstore.Store
	Owner  mailstore.Owner
	tls    *tls.Config // of a client
	closes []func() error
}

// Options say what a house is like.
type Options struct {
	Dir            string // an empty folder
	User, Password string // user@domain
	Sealed         bool   // as in the shipped binary, not as it came
	Zone           string // where days begin; empty: UTC
	Log            *slog.Logger
}

// Build makes a house.
func Build(ctx context.Context, o Options) (*House, error) {
	h := &House{}
	name, err := mail.ParseAddress(o.User)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(o.Zone)
	if err != nil {
		return nil, err
	}
	db, err := bolt.Open(filepath.Join(o.Dir, "index"), bolt.Options{})
	if err != nil {
		return nil, err
	}
	h.closes = append(h.closes, db.Close)
	blobs, err := disk.Open(filepath.Join(o.Dir, "blobs"), disk.Options{})
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.closes = append(h.closes, blobs.Close)
	h.Store = &mailstore.Store{Index: db.Index(), Blobs: blobs, Bus: &notify.Bus{}, Log: o.Log, Now: time.Now}
	book := account.NewBook(db.Accounts(), []string{name.Domain}, []byte("a secret of a test server's alone"), time.Now)
	if err := h.person(ctx, book, db.Accounts(), name, o.Password); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	certificate, pool, err := SelfSigned()
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.tls = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	h.Server = &imap.Server{
		Book: book, Store: h.Store, TLS: &tls.Config{Certificates: []tls.Certificate{certificate}},
		Key: nodekey.Random(), Log: o.Log, Now: time.Now, Spool: o.Dir, Limits: imap.DefaultLimits, Zone: zone,
	}
	h.Server.Limits.PerAddress, h.Server.Limits.PerAccount = 10_000, 10_000
	if !o.Sealed {
		h.Server.Keeping = Keeper{h.Store}
	}
	return h, nil
}

// person makes the user, whose password is chosen here and not by the house.
func (h *House) person(ctx context.Context, book *account.Book, accounts account.Store, name mail.Address, password string) error {
	_, public, err := pgp.GenerateKey("", name.String(), pgp.Compat, time.Now())
	if err != nil {
		return err
	}
	cert, err := pgp.ParseCert(public)
	if err != nil {
		return err
	}
	a, err := book.Add(ctx, account.New{Address: name, Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline})
	if err != nil {
		return err
	}
	if _, err := book.AddPassword(ctx, a.ID, "test"); err != nil {
		return err
	}
	if a, err = accounts.Account(ctx, a.ID); err != nil {
		return err
	}
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		return err
	}
	keys, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(a.Salt), Iters: iterations})
	if err != nil {
		return err
	}
	a.Passwords[0].StoredKey, a.Passwords[0].ServerKey = keys.StoredKey, keys.ServerKey
	h.Owner = mailstore.Owner(a.ID)
	return errors.Join(accounts.Put(ctx, a), h.Store.Welcome(ctx, h.Owner, 0))
}

// Close ends what holds the folder.
func (h *House) Close() error {
	var errs []error
	for _, end := range h.closes {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// ServePlain takes connections without TLS, which the door itself lets nobody sign
// in over, and hands them to it over TLS of its own.
func (h *House) ServePlain(ctx context.Context, ln net.Listener) error {
	inside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go h.Server.Serve(ctx, inside, true)
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return fmt.Errorf("accept a connection: %w", err)
		}
		go func() {
			defer conn.Close()
			door, err := (&tls.Dialer{Config: h.tls}).DialContext(ctx, "tcp", inside.Addr().String())
			if err != nil {
				return
			}
			defer door.Close()
			go func() {
				io.Copy(door, conn)
				door.Close()
			}()
			io.Copy(conn, door)
		}()
	}
}

// SelfSigned makes a certificate for localhost that nobody trusts but who is given it.
func SelfSigned() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool, nil
}
