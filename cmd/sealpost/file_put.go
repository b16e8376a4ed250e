package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"sealpost/webmail/api/client/files"
)

type filePutCommand struct {
	fileProfile
	Path  []string `arg:"" help:"Files of this device."`
	To    string   `placeholder:"FOLDER" default:"/" help:"The drive's folder that they come into (default: ${default})."`
	Name  string   `placeholder:"NAME" help:"What to call the file there."`
	Cache string   `placeholder:"DIR" type:"path" help:"Where sealed files wait until they are stored (default: sealpost in your cache folder)."`
}

func (cmd filePutCommand) Help() string {
	return "Names, types and contents are sealed here; the server sees a padded size. The sealed file waits in the cache until all " +
		"of it is stored: broken off, the same command goes on. A file of the same name gets a new version."
}

func (cmd filePutCommand) Run(ctx context.Context, c console) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if cmd.Name != "" && len(cmd.Path) > 1 {
		return errors.New("expected one file with --name")
	}
	if cmd.Cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find the cache (--cache DIR names one): %w", err)
		}
		cmd.Cache = filepath.Join(dir, "sealpost")
	}
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	return each(ctx, cmd.Path, func(path string) error {
		bar := newBar(c)
		defer bar.clear()
		e, err := d.Put(ctx, files.Put{File: path, Folder: cmd.To, Name: cmd.Name, Cache: cmd.Cache, Tell: func(done, of int64) {
			bar.show(step{What: filepath.Base(path), Done: done, Of: of})
		}})
		if err != nil {
			return err
		}
		bar.clear()
		_, err = fmt.Fprintf(c.Out, "%s: %s\n", e.Name, readable(e.Length))
		return err
	})
}
