package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
		"run on it. Afterwards start the server: accounts, app passwords and mail are as they were then. Broken off, run it " +
		"again: it goes on. Letters that are damaged in the backup are named; the others are restored, and it ends with exit code 1."
}

func (cmd restoreCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	bar := newBar(c)
	var r backup.Restored
	err = asOwnerOf(settings.Data, func() (err error) {
		r, err = backup.Restore(ctx, cmd.Dir, cmd.At, settings.Data, func(what string, done, of int64) { bar.show(step{What: what, Done: done, Of: of}) })
		return err
	})
	bar.clear()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Restored the snapshot of %s into %s: %s.\n", r.Made.Format(time.DateTime+" UTC"), settings.Data, counting(int64(r.Letters-len(r.Lost)), "letter"))
	if err := cmd.keys(c, settings); err != nil {
		return err
	}
	if len(r.Lost) == 0 {
		return nil
	}
	for _, id := range r.Lost {
		fmt.Fprintf(c.Out, "  lost: letter %s\n", id)
	}
	return fmt.Errorf("%d of %d letters are missing or damaged in the backup; all else is restored, and `sealpost verify` says whose they are", len(r.Lost), r.Letters)
}

// keys are in no backup: the node key is made anew where there is none, as it needs
// no other to know it, and of the others it is said how they come back.
func (cmd restoreCommand) keys(c console, settings config.Config) error {
	if _, err := os.Stat(settings.Queue.Key); errors.Is(err, fs.ErrNotExist) {
		if _, err := nodeKey(settings); err != nil {
			return err
		}
		if err := ownAs(settings.Queue.Key, settings.Data); err != nil {
			return fmt.Errorf("give the node key to the server: %w", err)
		}
		fmt.Fprintf(c.Out, "The node key %s was missing and is made anew; what the old one sealed is in no backup.\n", settings.Queue.Key)
	}
	if !settings.ACME.On {
		return nil
	}
	if there, err := os.ReadDir(settings.ACME.Folder); err == nil && len(there) > 0 {
		return nil
	}
	fmt.Fprintf(c.Out, `The key of the TLS certificate is in no backup. If you have the folder %s of
the old data folder, put it back, with its owner, before you start the server. Else a certificate with
another key is ordered, and a TLSA record that was published keeps mail away until
"sealpost dns records" has told the new one and it is in the DNS: take the old one out first.
`, settings.ACME.Folder)
	return nil
}
