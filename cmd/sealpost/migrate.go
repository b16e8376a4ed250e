package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"sealpost/config"
)

type migrateCommand struct {
	settingsFile
	To        string   `required:"" placeholder:"SETTINGS" type:"existingfile" help:"Settings of the installation to move to: a cluster from one machine's data folder, or a data folder from a cluster."`
	Addresses []string `arg:"" optional:"" name:"address" help:"Move the accounts of these addresses only (default: all, and with them what is the server's own)."`
	Undo      bool     `help:"Take back a move that was not finished: remove there what was moved, and serve here again."`
}

func (cmd migrateCommand) Help() string {
	return "Moves accounts between the data folder of one machine and PostgreSQL with buckets, either way, one after the other: " +
		"mailboxes with their UIDs and MODSEQs, keys, passwords, sessions, files, links, rules. What arrived is read back and compared " +
		"before an account counts as moved. No server runs at either end meanwhile, but where single addresses move into a cluster, its nodes may. " +
		"sealpost serve --moving-to does most of it while it serves, and leaves seconds of it to this.\n\n" +
		"Broken off anywhere, run it again: it goes on where it was. Until it has ended, neither end can be served. " +
		"When all was moved nothing is removed here; of single addresses it is, when they are there."
}

// relocation is a move at work.
type relocation struct {
	from, to         *engines
	fromData, toData string
	settings, other  config.Config // of what is moved, and of where to
	journal          *moveJournal
	bar              *bar
	c                console
}

func (cmd migrateCommand) Run(ctx context.Context, c console) (err error) {
	from, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	to, err := config.Load(cmd.To)
	if err != nil {
		return err
	}
	if err := apart(from, to); err != nil {
		return err
	}
	if err := becomeOwner(from.Data); err != nil {
		return err
	}
	r := &relocation{settings: from, other: to, fromData: from.Data, toData: to.Data, bar: newBar(c), c: c}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.open(ctx, from, to, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	begun := time.Now()
	whole := len(cmd.Addresses) == 0
	if cmd.Undo {
		return r.undo(ctx, whole)
	}
	sum, err := r.run(ctx, cmd.Addresses)
	r.bar.clear()
	if err != nil {
		return err
	}
	return sum.tell(c, cmd, time.Since(begun))
}

// apart refuses two settings that cannot be two ends.
func apart(from, to config.Config) error {
	if truly(from.Data) == truly(to.Data) {
		return fmt.Errorf("both settings have the data folder %s: the other installation needs one of its own", from.Data)
	}
	if from.Cluster.On() && to.Cluster.On() && from.Cluster.Database == to.Cluster.Database {
		return errors.New("both settings have the same cluster.database")
	}
	return sameNodeKey(from, to)
}

// open opens both ends, without the doors.
func (r *relocation) open(ctx context.Context, from, to config.Config, log *slog.Logger) (err error) {
	if r.from, err = openEnd(ctx, from, log); err != nil {
		return fmt.Errorf("open what is moved: %w", err)
	}
	if r.to, err = openEnd(ctx, to, log); err != nil {
		return fmt.Errorf("open where it moves to: %w", err)
	}
	if err := errors.Join(r.from.alone(ctx), r.to.placeBy(r.from.accounts, to.S3.Rules)); err != nil {
		return err
	}
	r.journal, err = openMoveJournal(ctx, filepath.Join(from.Data, "move.db"), to)
	return err
}

func (r *relocation) Close() error {
	r.bar.clear()
	var errs []error
	if r.journal != nil {
		errs = append(errs, r.journal.Close())
	}
	for _, e := range []*engines{r.to, r.from} {
		if e != nil {
			errs = append(errs, e.Close())
		}
	}
	return errors.Join(errs...)
}
