package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"sealpost/config"
	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
)

// A vault is the part of an office that is sealed under the node key: mail that
// waits to leave.
type vault struct {
	*engines
	queue  *queue.Queue
	outbox *queue.Queue // mail that its sender may still take back
}

// Of one account there wait so many mails at most, and so many octets.
const (
	outboxEach  = 100
	outboxBytes = 512 << 20
)

func newVault(e *engines, settings config.Config, log *slog.Logger) *vault {
	return &vault{
		engines: e,
		queue: &queue.Queue{
			Store: e.leaving.rows, Blobs: e.leaving.texts, Key: e.key, Strict: settings.Queue.Mode == "strict",
			Limits: queue.Limits{
				Mails: settings.Queue.Mails, Each: settings.Queue.Each, Age: settings.Queue.Age,
				Share: max(1, settings.Outbound.Workers*3/4), // some are left for others
			},
			Now: e.leaving.now, Log: log,
		},
		outbox: &queue.Queue{
			Store: e.held.rows, Blobs: e.held.texts, Key: e.key, Name: "outbox",
			Limits: queue.Limits{Mails: settings.Queue.Mails, Each: outboxEach, EachBytes: outboxBytes}, Now: e.held.now, Log: log,
		},
	}
}

// nodeKey loads the key, or makes it the first time.
func nodeKey(settings config.Config) (*nodekey.Key, error) {
	file := settings.Queue.Key
	if err := outside(file, settings.Data); err != nil {
		return nil, err
	}
	k, err := nodekey.Load(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	rows, _, known := vaultFiles(settings.Data)
	waiting, _, papers := outboxFiles(settings.Data)
	for _, sealed := range []string{rows, known, waiting, papers} {
		if info, err := os.Stat(sealed); err == nil && info.Size() > 0 {
			return nil, fmt.Errorf("the node key %s is missing, and %s is sealed under it: put the key back (or, to go on without what is in there, move the file away)", file, sealed)
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the node key: %w", err)
	}
	if k, err = nodekey.Make(file); err != nil {
		return nil, fmt.Errorf("%w (queue.key says where it is to be)", err)
	}
	return k, nil
}

// outside refuses a key that lies where what it seals lies: who takes the folder,
// or a backup of it, would have both.
func outside(file, data string) error {
	if below(truly(file), truly(data)) {
		return fmt.Errorf("queue.key: %s lies in the data folder %s, and who takes that would have the key too; choose a place outside it", file, data)
	}
	return nil
}

// truly is where a path leads, as far as it is there.
func truly(path string) string {
	if whole, err := filepath.EvalSymlinks(path); err == nil {
		return whole
	}
	if dir := filepath.Dir(path); dir != path {
		return filepath.Join(truly(dir), filepath.Base(path))
	}
	return path
}

// tidy removes what crashes left.
func (v *vault) tidy(ctx context.Context) (swept int, err error) {
	if swept, err = v.queue.Sweep(ctx, v.grace()); err != nil {
		return swept, fmt.Errorf("sweep queue: %w", err)
	}
	more, err := v.outbox.Sweep(ctx, v.grace())
	if swept += more; err != nil {
		return swept, fmt.Errorf("sweep outbox: %w", err)
	}
	return swept, nil
}

// dropHere removes a mail where nothing is sent. What waits in an Outbox for it goes
// when the server starts.
func (v *vault) dropHere(ctx context.Context, id queue.ID, tell bool) (told bool, err error) {
	if tell {
		return false, errors.New("nobody can be told: the server is not running, or sends no mail")
	}
	l, err := v.queue.Drop(ctx, id)
	if err != nil {
		return false, err
	}
	return false, l.Done(ctx)
}
