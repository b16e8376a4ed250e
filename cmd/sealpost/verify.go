package main

import (
	"context"
	"errors"
	"fmt"

	"sealpost/cmd/sealpost/backup"
)

type verifyCommand struct {
	settingsFile
	Backup string `type:"existingdir" placeholder:"DIR" help:"Check a backup instead of the live store."`
}

func (cmd verifyCommand) Help() string {
	return "Reads every row and every sealed letter, also while the server runs: each must be there, whole, and as long as " +
		"its row says. Of a cluster one copy of each letter is read, at whichever provider has a whole one. " +
		"Ends with exit code 1 when anything is wrong."
}

func (cmd verifyCommand) Run(ctx context.Context, c console) (err error) {
	var f backup.Findings
	if cmd.Backup == "" {
		f, err = watch[backup.Findings](ctx, c, cmd.Config, "store.verify", struct{}{})
	} else {
		bar := newBar(c)
		f, err = backup.Copy(ctx, cmd.Backup, func(what string, done, of int64) { bar.show(step{What: what, Done: done, Of: of}) })
		bar.clear()
	}
	if err != nil {
		return err
	}
	if f.Snapshots > 0 {
		fmt.Fprintf(c.Out, "%s: ", counting(int64(f.Snapshots), "snapshot"))
	}
	fmt.Fprintf(c.Out, "%s, %s, %s (%s) read\n", counting(int64(f.Accounts), "account"), counting(int64(f.Messages), "message"), counting(int64(f.Letters), "letter")+boxesRead(f.Boxes)+partsRead(f.Parts), readable(f.Bytes))
	if len(f.Wrong) == 0 {
		fmt.Fprintln(c.Out, "All is well.")
		return nil
	}
	for _, w := range f.Wrong {
		fmt.Fprintln(c.Out, "  "+w)
	}
	if f.More > 0 {
		fmt.Fprintf(c.Out, "  and %d more\n", f.More)
	}
	return errors.New(counting(int64(len(f.Wrong)+f.More), "thing") + " wrong")
}

func verifyStore(ctx context.Context, o *office, _ struct{}, tell func(step)) (backup.Findings, error) {
	return backup.Live(ctx, backup.Rooms{Accounts: o.accounts, Index: o.index, Cabinets: o.cabinet, Drives: o.drive, Blobs: o.blobs}, steps(tell))
}

// boxesRead is what a report says of cabinets, where there are any.
func boxesRead(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d that browsers sealed", n)
}

// partsRead is what it says of files.
func partsRead(n int) string {
	if n == 0 {
		return ""
	}
	return ", and " + counting(int64(n), "part") + " of files"
}
