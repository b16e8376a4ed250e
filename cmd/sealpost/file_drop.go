package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"sealpost/webmail/api/client/files"
)

type fileDropCommand struct {
	Link  string   `arg:"" help:"The link whole: https://host/r/ID#SECRET, in quotes; - reads it from the standard input."`
	File  []string `arg:"" optional:"" help:"Files of this device; without any, it says what is asked for."`
	Cache string   `placeholder:"DIR" type:"path" help:"Where sealed files wait until they are stored (default: sealpost in your cache folder)."`
	CA    string   `name:"ca" type:"existingfile" placeholder:"FILE" help:"Trust this authority alone to name the server (PEM)."`
}

func (cmd fileDropCommand) Help() string {
	return "Names, types and contents are sealed here, to the key that stands under the link's secret; the server sees padded sizes. Broken off, the same command " +
		"goes on. You get no copy, and cannot take back what is complete. Who gets the files is whoever made the link: its words prove nothing. " + linkAside
}

func (cmd fileDropCommand) Run(ctx context.Context, c console) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ca, err := authorityIn(cmd.CA)
	if err != nil {
		return err
	}
	cache, err := cacheOr(cmd.Cache)
	if err != nil {
		return err
	}
	link, err := linkIn(c, cmd.Link)
	if err != nil {
		return err
	}
	asked, err := files.Visit(link, ca)
	if err != nil {
		return err
	}
	wanted, err := asked.Look(ctx)
	if err != nil {
		return err
	}
	if len(cmd.File) == 0 {
		return tellWanted(c, wanted)
	}
	var failed []error
	for _, file := range cmd.File {
		if err := cmd.bring(ctx, c, asked, files.Put{File: file, Cache: cache}); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", file, err))
			if ctx.Err() != nil || errors.Is(err, files.ErrRequest) {
				break // the others would not come either
			}
		}
	}
	return errors.Join(failed...)
}

// tellWanted says what somebody asks for, in their words.
func tellWanted(c console, w files.Wanted) error {
	for _, words := range []string{w.Title, w.Note} {
		if words != "" {
			fmt.Fprintln(c.Out, printable(words))
		}
	}
	_, err := fmt.Fprintf(c.Out, "It still takes %s, %s in all, until %s.\n", counting(w.Files, "file"), readable(w.Bytes), w.Expires.Local().Format("2006-01-02 15:04"))
	return err
}

func (cmd fileDropCommand) bring(ctx context.Context, c console, asked *files.Asked, p files.Put) error {
	bar := newBar(c)
	defer bar.clear()
	p.Tell = func(done, of int64) { bar.show(step{What: filepath.Base(p.File), Done: done, Of: of}) }
	e, err := asked.Bring(ctx, time.Now, p)
	if err != nil {
		return err
	}
	bar.clear()
	_, err = fmt.Fprintf(c.Out, "%s: %s\n", e.Name, readable(e.Length))
	return err
}
