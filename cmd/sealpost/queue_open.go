package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"sealpost/config"
	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// A vault is the part of an office that is sealed under the node key: mail that
// waits to leave, and what the server learned of others.
type vault struct {
	key   *nodekey.Key
	queue *queue.Queue
	rows  *bolt.Queue
	texts *disk.Blobs
	known *bolt.Known

	outbox      *queue.Queue // mail that its sender may still take back
	outboxRows  *bolt.Queue
	outboxTexts *disk.Blobs
	papers      *bolt.Papers
}

// vaultFiles are what a node key opens.
func vaultFiles(data string) (rows, texts, known string) {
	return filepath.Join(data, "queue.db"), filepath.Join(data, "queue"), filepath.Join(data, "known.db")
}

// outboxFiles are too.
func outboxFiles(data string) (rows, texts, papers string) {
	return filepath.Join(data, "outbox.db"), filepath.Join(data, "outbox"), filepath.Join(data, "papers.db")
}

// Of one account there wait so many mails at most, and so many octets.
const (
	outboxEach  = 100
	outboxBytes = 512 << 20
)

// openVault opens it. The caller holds the data folder.
func openVault(settings config.Config, log *slog.Logger) (*vault, error) {
	v := new(vault)
	if err := v.open(settings, log); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	v.queue = &queue.Queue{
		Store: v.rows, Blobs: v.texts, Key: v.key, Strict: settings.Queue.Mode == "strict",
		Limits: queue.Limits{
			Mails: settings.Queue.Mails, Each: settings.Queue.Each, Age: settings.Queue.Age,
			Share: max(1, settings.Outbound.Workers*3/4), // some are left for others
		},
		Now: time.Now, Log: log,
	}
	v.outbox = &queue.Queue{
		Store: v.outboxRows, Blobs: v.outboxTexts, Key: v.key, Name: "outbox",
		Limits: queue.Limits{Mails: settings.Queue.Mails, Each: outboxEach, EachBytes: outboxBytes}, Now: time.Now, Log: log,
	}
	return v, nil
}

func (v *vault) open(settings config.Config, log *slog.Logger) (err error) {
	if v.key, err = nodeKey(settings); err != nil {
		return err
	}
	rows, texts, known := vaultFiles(settings.Data)
	if v.rows, err = bolt.OpenQueue(rows, v.key, bolt.Options{Log: log}); err != nil {
		return fmt.Errorf("%w (node key: %s)", err, settings.Queue.Key)
	}
	if v.known, err = bolt.OpenKnown(known, v.key, bolt.Options{Log: log}); err != nil {
		return fmt.Errorf("%w (node key: %s)", err, settings.Queue.Key)
	}
	if v.texts, err = disk.Open(texts, disk.Options{Log: log}); err != nil {
		return fmt.Errorf("open texts of the queue: %w", err)
	}
	return v.openOutbox(settings, log)
}

func (v *vault) openOutbox(settings config.Config, log *slog.Logger) (err error) {
	rows, texts, papers := outboxFiles(settings.Data)
	if v.outboxRows, err = bolt.OpenQueue(rows, v.key, bolt.Options{Log: log}); err != nil {
		return fmt.Errorf("%w (node key: %s)", err, settings.Queue.Key)
	}
	if v.papers, err = bolt.OpenPapers(papers, v.key, bolt.Options{Log: log}); err != nil {
		return fmt.Errorf("%w (node key: %s)", err, settings.Queue.Key)
	}
	if v.outboxTexts, err = disk.Open(texts, disk.Options{Log: log}); err != nil {
		return fmt.Errorf("open texts of the outbox: %w", err)
	}
	return nil
}

func (v *vault) Close() error {
	var errs []error
	if v.rows != nil {
		errs = append(errs, v.rows.Close())
	}
	if v.known != nil {
		errs = append(errs, v.known.Close())
	}
	if v.texts != nil {
		errs = append(errs, v.texts.Close())
	}
	if v.outboxRows != nil {
		errs = append(errs, v.outboxRows.Close())
	}
	if v.outboxTexts != nil {
		errs = append(errs, v.outboxTexts.Close())
	}
	if v.papers != nil {
		errs = append(errs, v.papers.Close())
	}
	return errors.Join(errs...)
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

// compact gives back the space of what has left, where that is worth the writing.
func (v *vault) compact(ctx context.Context, share float64) error {
	if err := v.texts.Compact(ctx, share); err != nil {
		return fmt.Errorf("compact queue: %w", err)
	}
	if err := v.outboxTexts.Compact(ctx, share); err != nil {
		return fmt.Errorf("compact outbox: %w", err)
	}
	var errs []error
	for _, d := range []*bolt.DB{v.rows.DB, v.known.DB, v.outboxRows.DB, v.papers.File()} {
		if share == 0 || d.FreeShare() > share {
			errs = append(errs, d.Compact(ctx))
		}
	}
	return errors.Join(errs...)
}

// tidy removes what crashes left, and gives back space.
func (v *vault) tidy(ctx context.Context) (swept int, err error) {
	if swept, err = v.queue.Sweep(ctx, sweepGrace); err != nil {
		return swept, fmt.Errorf("sweep queue: %w", err)
	}
	more, err := v.outbox.Sweep(ctx, sweepGrace)
	if swept += more; err != nil {
		return swept, fmt.Errorf("sweep outbox: %w", err)
	}
	return swept, v.compact(ctx, worthwhile)
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
