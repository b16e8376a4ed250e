package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"sealpost/config"
	"sealpost/storage/bolt"
)

// openEnd opens the engines of an installation whatever it says of a move.
func openEnd(ctx context.Context, settings config.Config, log *slog.Logger) (*engines, error) {
	if err := prepareFolder(settings.Data); err != nil {
		return nil, fmt.Errorf("prepare data folder: %w", err)
	}
	if err := os.MkdirAll(settings.Spool.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	e, err := openAnyEngines(ctx, settings, log)
	if inUse(err) {
		return nil, fmt.Errorf("%w: stop the server on %s first", err, settings.Data)
	}
	return e, err
}

// sameNodeKey wants one key at both ends: what lies under it goes as it is.
func sameNodeKey(from, to config.Config) error {
	here, err := os.ReadFile(from.Queue.Key)
	if err != nil {
		return fmt.Errorf("node key: %w", err)
	}
	there, err := os.ReadFile(to.Queue.Key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("node key: %w", err)
	}
	if !bytes.Equal(here, there) {
		return fmt.Errorf("both installations need the same node key: copy %s to %s", from.Queue.Key, to.Queue.Key)
	}
	return nil
}

// moveJournal is the journal of one move.
type moveJournal struct {
	*bolt.Journal
	file string
}

const (
	noteTo    = "to"
	noteWhole = "whole"
)

// openMoveJournal refuses one of a move that leads elsewhere.
func openMoveJournal(ctx context.Context, file string, to config.Config) (*moveJournal, error) {
	j, err := bolt.OpenJournal(file, bolt.Options{})
	if err != nil {
		return nil, err
	}
	m := &moveJournal{Journal: j, file: file}
	where := "folder " + truly(to.Data)
	if to.Cluster.On() {
		where = "cluster " + to.Cluster.Database
	}
	mark := sha256.Sum256([]byte(where)) // there may be a password in it
	stands, err := j.Note(ctx, noteTo)
	switch {
	case err != nil:
	case stands == nil:
		err = j.SetNote(ctx, noteTo, mark[:])
	case !bytes.Equal(stands, mark[:]):
		err = errors.New("a move to another installation was not finished: go on with its settings, or take it back with --undo")
	}
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return m, nil
}

// settle says whether all is moved, or finds out that it is not what was begun.
func (j *moveJournal) settle(ctx context.Context, whole bool) error {
	kind := map[bool]string{true: "all", false: "some"}
	stands, err := j.Note(ctx, noteWhole)
	switch {
	case err != nil:
		return err
	case stands == nil:
		return j.SetNote(ctx, noteWhole, []byte(kind[whole]))
	case string(stands) == kind[whole]:
		return nil
	case whole:
		return errors.New("a move of single addresses was not finished: name them again, or take it back with --undo")
	}
	return errors.New("a move of all accounts was not finished: run it without addresses, or take it back with --undo")
}

// remove removes the journal of a move that is over.
func (j *moveJournal) remove() error { return errors.Join(j.Journal.Close(), os.Remove(j.file)) }
