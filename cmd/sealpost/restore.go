package main

import (
	"context"
	"fmt"
	"time"

	"sealpost/cmd/sealpost/backup"
	"sealpost/config"
)

type restoreCommand struct {
	settingsFile
	Dir string `arg:"" type:"existingdir" help:"Folder of the backup."`
	At  string `placeholder:"SNAPSHOT" help:"Name of the snapshot (default: the newest)."`
}

func (cmd restoreCommand) Help() string {
	return "Puts a snapshot into the data folder that the configuration names; it must be empty or missing, and no server may " +
		"run on it. Afterwards start the server: accounts, app passwords and mail are as they were then."
}

func (cmd restoreCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	if err := becomeOwner(settings.Data); err != nil {
		return err
	}
	bar := newBar(c)
	m, err := backup.Restore(ctx, cmd.Dir, cmd.At, settings.Data, func(what string, done, of int64) { bar.show(step{What: what, Done: done, Of: of}) })
	bar.clear()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Restored the snapshot of %s into %s: %s.\n", m.Made.Format(time.DateTime+" UTC"), settings.Data, counting(int64(m.Blobs), "letter"))
	return nil
}
