package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"sealpost/config"
	"sealpost/storage/postgres"
)

// A strongroom is where the server's own keys are, whoever's mail it is: files of one
// machine, or rows that all nodes share, sealed under the node key.
type strongroom struct {
	dkim  keyRack
	certs autocert.Cache // what the ACME authority gave, the account with it, and challenges
}

// Kinds of keys that the nodes of a cluster share.
const (
	sharedDKIM = "dkim"
	sharedACME = "acme"
)

func folderRoom(settings config.Config) strongroom {
	return strongroom{folderRack(settings.DKIM.Folder), autocert.DirCache(settings.ACME.Folder)}
}

func (c *cluster) room() strongroom {
	return strongroom{sharedRack{c.known.Keys(sharedDKIM)}, sharedCerts{c.known.Keys(sharedACME)}}
}

// roomOf is that of an office, which may have other settings by now.
func (o *office) roomOf(settings config.Config) strongroom {
	if o.cluster != nil {
		return o.cluster.room()
	}
	return folderRoom(settings)
}

// inStrongroom does something with the server's keys beside it, whether it runs or not: they
// are its operator's to look after.
func inStrongroom(ctx context.Context, settings config.Config, do func(strongroom) error) error {
	if !settings.Cluster.On() {
		return do(folderRoom(settings))
	}
	if _, err := os.Stat(settings.Queue.Key); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing, under which what nodes share is sealed: copy it from another node, or start this one first", settings.Queue.Key)
	}
	e := &engines{cluster: new(cluster)}
	err := e.openDatabase(ctx, settings, slog.New(slog.DiscardHandler))
	if err == nil {
		err = e.openKnown(ctx, settings)
	}
	if err == nil {
		err = do(e.cluster.room())
	}
	return errors.Join(err, e.Close())
}

// keyPlace says where the DKIM keys of a domain are.
func keyPlace(settings config.Config, domain string) string {
	if settings.Cluster.On() {
		return sharedRack{}.place(domain)
	}
	return folderRack(settings.DKIM.Folder).place(domain)
}

// sharedCerts is what autocert keeps, for all nodes. So any of them answers the authority's
// question about an order that another one placed, and shows the certificate that came of it.
type sharedCerts struct{ rows postgres.Keys }

// cacheTime bounds a look: whoever connects waits for it, and others behind them.
const cacheTime = 5 * time.Second

// errCertsAway says that the fault is ours and not the authority's.
var errCertsAway = errors.New("the database did not say which certificates there are")

func (s sharedCerts) Get(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, cacheTime)
	defer cancel()
	value, err := s.rows.Get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCertsAway, err)
	}
	if value == nil {
		return nil, autocert.ErrCacheMiss
	}
	return value, nil
}

func (s sharedCerts) Put(ctx context.Context, name string, value []byte) error {
	return s.rows.Put(ctx, name, value)
}

func (s sharedCerts) Delete(ctx context.Context, name string) error {
	return s.rows.Put(ctx, name, nil)
}
