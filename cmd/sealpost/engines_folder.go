package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"sealpost/config"
	"sealpost/filestore"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// A folder is the embedded engines, in the data folder of one machine.
type folder struct {
	index  *bolt.DB
	queue  *bolt.Queue
	known  *bolt.Known
	outbox *bolt.Queue
	papers *bolt.Papers

	blobs, queueTexts, outboxTexts *disk.Blobs
}

// openFolder opens them, and makes what is not there yet.
func (e *engines) openFolder(ctx context.Context, settings config.Config, log *slog.Logger) (err error) {
	f := new(folder)
	e.folder = f
	file := filepath.Join(settings.Data, "index.db")
	if err := errors.Join(notClustered(settings.Data), notLost(file, filepath.Join(settings.Data, "blobs"))); err != nil {
		return err
	}
	if f.index, err = bolt.Open(file, bolt.Options{Log: log}); err != nil {
		if errors.Is(err, bolt.ErrDamaged) {
			err = fmt.Errorf("%s: %w", file, err)
		}
		return err
	}
	e.opened(f.index.Close)
	if err := migrate(ctx, settings.Data, f.index, log); err != nil {
		return err
	}
	if e.secret, err = lastingSecret(filepath.Join(settings.Data, "secret")); err != nil {
		return err
	}
	e.index, e.accounts, e.signIns, e.drive, e.cabinet = f.index.Index(), f.index.Accounts(), f.index.SignIns(), f.index.Drive(), f.index.Cabinet()
	if f.blobs, err = e.openBlobs(filepath.Join(settings.Data, "blobs"), log); err != nil {
		return err
	}
	e.blobs = f.blobs
	return e.openSealed(settings, log)
}

func (e *engines) openBlobs(dir string, log *slog.Logger) (*disk.Blobs, error) {
	b, err := disk.Open(dir, disk.Options{Log: log})
	if err != nil {
		return nil, err
	}
	e.opened(b.Close)
	return b, nil
}

// vaultFiles are what a node key opens.
func vaultFiles(data string) (rows, texts, known string) {
	return filepath.Join(data, "queue.db"), filepath.Join(data, "queue"), filepath.Join(data, "known.db")
}

// outboxFiles are too.
func outboxFiles(data string) (rows, texts, papers string) {
	return filepath.Join(data, "outbox.db"), filepath.Join(data, "outbox"), filepath.Join(data, "papers.db")
}

// openSealed opens what the node key opens.
func (e *engines) openSealed(settings config.Config, log *slog.Logger) (err error) {
	f := e.folder
	if e.key, err = nodeKey(settings); err != nil {
		return err
	}
	rows, texts, known := vaultFiles(settings.Data)
	outboxRows, outboxTexts, papers := outboxFiles(settings.Data)
	under := func(err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("%w (node key: %s)", err, settings.Queue.Key)
	}
	if f.queue, err = bolt.OpenQueue(rows, e.key, bolt.Options{Log: log}); err != nil {
		return under(err)
	}
	e.opened(f.queue.Close)
	if f.known, err = bolt.OpenKnown(known, e.key, bolt.Options{Log: log}); err != nil {
		return under(err)
	}
	e.opened(f.known.Close)
	if f.outbox, err = bolt.OpenQueue(outboxRows, e.key, bolt.Options{Log: log}); err != nil {
		return under(err)
	}
	e.opened(f.outbox.Close)
	if f.papers, err = bolt.OpenPapers(papers, e.key, bolt.Options{Log: log}); err != nil {
		return under(err)
	}
	e.opened(f.papers.Close)
	if f.queueTexts, err = e.openBlobs(texts, log); err != nil {
		return fmt.Errorf("open texts of the queue: %w", err)
	}
	if f.outboxTexts, err = e.openBlobs(outboxTexts, log); err != nil {
		return fmt.Errorf("open texts of the outbox: %w", err)
	}
	e.peers, e.policies, e.values, e.papers = f.known.Peers(), f.known.Policies(), newFolderValues(f.known.Values()), f.papers.Papers
	e.leaving, e.held = shelf{f.queue, f.queueTexts, time.Now}, shelf{f.outbox, f.outboxTexts, time.Now}
	return nil
}

// interrupted is how many mails were in a sender's hands when the last process ended.
func (e *engines) interrupted() int64 {
	if e.folder == nil {
		return 0
	}
	return int64(e.folder.queue.Interrupted())
}

// files are all that have rows, with their names in metrics.
func (f *folder) files() map[string]*bolt.DB {
	return map[string]*bolt.DB{"index": f.index, "queue": f.queue.DB, "known": f.known.DB, "outbox": f.outbox.DB, "papers": f.papers.File()}
}

func (f *folder) compact(ctx context.Context, share float64) error {
	var errs []error
	for _, b := range []interface {
		filestore.Blobs
		Compact(context.Context, float64) error
	}{f.blobs, f.queueTexts, f.outboxTexts} {
		errs = append(errs, b.Compact(ctx, share))
	}
	for _, d := range f.files() {
		if share == 0 || d.FreeShare() > share {
			errs = append(errs, d.Compact(ctx))
		}
	}
	return errors.Join(errs...)
}
