package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/config"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/kept"
	"sealpost/filestore/lease"
	"sealpost/filestore/nodekey"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/pgp/discover"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/route"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// engines are where an office keeps everything: in the data folder of the one machine, or
// where all nodes of a cluster reach it.
type engines struct {
	index    mailstore.Index
	accounts account.Store
	signIns  signin.Store
	drive    drive.Store
	cabinet  cabinet.Store
	blobs    filestore.Blobs // letters, boxes and parts of files
	secret   []byte          // 32 octets that stay, the same at all nodes

	// What is sealed under the node key:
	key      *nodekey.Key
	peers    discover.Peers
	policies route.PolicyStore
	values   values
	papers   kept.Papers
	leaving  shelf // mail that waits to leave
	held     shelf // mail that its sender may still take back

	folder  *folder  // nil in a cluster
	cluster *cluster // nil on one machine
	moving  *moving  // nil unless accounts move to another installation while this one is served
	close   []func() error
}

// shelf is where a queue keeps its mail.
type shelf struct {
	rows  queue.Store
	texts filestore.Blobs
	now   func() time.Time
}

// values are small things to remember, by name.
type values interface {
	Get(ctx context.Context, name string) ([]byte, error) // nil: there is none
	Put(ctx context.Context, name string, value []byte) error
	// PutUnder is Put by who has a lease, and fails with lease.ErrFenced once another has it.
	PutUnder(ctx context.Context, by lease.Held, name string, value []byte) error
	// Change puts what change makes of a value in its place, and nobody else does meanwhile.
	// change may be called more than once.
	Change(ctx context.Context, name string, change func(old []byte) ([]byte, error)) error
}

// openEngines opens what the settings name, to be served.
func openEngines(ctx context.Context, settings config.Config, log *slog.Logger) (*engines, error) {
	e, err := openAnyEngines(ctx, settings, log)
	if err != nil {
		return nil, err
	}
	if err := e.unmoved(ctx, settings.Data); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// openAnyEngines opens them even if they are moved from or to.
func openAnyEngines(ctx context.Context, settings config.Config, log *slog.Logger) (*engines, error) {
	e := new(engines)
	open := e.openFolder
	if settings.Cluster.On() {
		open = e.openCluster
	}
	if err := open(ctx, settings, log); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// inUse says that another process has the data folder.
func inUse(err error) bool { return errors.Is(err, bolt.ErrInUse) || errors.Is(err, disk.ErrInUse) }

// Close closes what was opened, the last first.
func (e *engines) Close() error {
	var errs []error
	for i := len(e.close) - 1; i >= 0; i-- {
		errs = append(errs, e.close[i]())
	}
	e.close = nil
	return errors.Join(errs...)
}

// opened notes how something is closed.
func (e *engines) opened(close func() error) { e.close = append(e.close, close) }

// compact gives back the space of what was removed, where more than a share of a file is dead.
func (e *engines) compact(ctx context.Context, share float64) error {
	if e.folder == nil {
		return nil // the database and the worker of remote blobs do it by themselves
	}
	if err := e.folder.compact(ctx, share); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}
