package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"sealpost/webmail/api/client/files"
)

type fileCollectCommand struct {
	fileProfile
	To string `placeholder:"FOLDER" help:"One folder of the drive for all of it (default: each request's)."`
}

func (cmd fileCollectCommand) Help() string {
	return "What came by your requests, and attachments that the server made links of when a program of yours sent them, come into the drive under names " +
		"that are free. Nothing proves who brought a file: look at it as at an attachment of a stranger."
}

func (cmd fileCollectCommand) Run(ctx context.Context, c console) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	left := 0
	err = d.Collect(ctx, cmd.To, func(f files.Collected) {
		if f.Closed {
			left++
			return
		}
		fmt.Fprintf(c.Out, "%s: %s\n", f.Name, readable(f.Length))
	})
	if left > 0 {
		do := "do"
		if left == 1 {
			do = "does"
		}
		err = errors.Join(err, fmt.Errorf("%s %s not open, whoever made that: the webmail's drive lists and deletes what came", counting(int64(left), "file"), do))
	}
	return err
}
