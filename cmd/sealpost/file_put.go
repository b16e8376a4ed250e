package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client/files"
	"sealpost/webmail/api/client/files/mirror"
)

type filePutCommand struct {
	fileProfile
	Path  []string `arg:"" help:"Files and folders of this device."`
	To    string   `placeholder:"FOLDER" default:"/" help:"The drive's folder that they come into (default: ${default})."`
	Name  string   `placeholder:"NAME" help:"What to call the file or folder there."`
	Cache string   `placeholder:"DIR" type:"path" help:"Where sealed files wait until they are stored (default: sealpost in your cache folder)."`
}

func (cmd filePutCommand) Help() string {
	return "Names, types and contents are sealed here; the server sees a padded size. The sealed file waits in the cache until all " +
		"of it is stored: broken off, the same command goes on. A file of the same name gets a new version. Of a folder, what is there " +
		"already is not sent again, and nothing is deleted; links and devices are left out."
}

func (cmd filePutCommand) Run(ctx context.Context, c console) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if cmd.Name != "" && len(cmd.Path) > 1 {
		return errors.New("expected one file with --name")
	}
	cache, err := cacheOr(cmd.Cache)
	if err != nil {
		return err
	}
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	return each(ctx, cmd.Path, func(path string) error {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return cmd.folder(ctx, c, path)
		}
		bar := newBar(c)
		defer bar.clear()
		e, err := d.Put(ctx, files.Put{File: path, Folder: cmd.To, Name: cmd.Name, Cache: cache, Tell: func(done, of int64) {
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

// folder brings one whole.
func (cmd filePutCommand) folder(ctx context.Context, c console, path string) error {
	whole, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	name := orElse(cmd.Name, sealed.CleanName(filepath.Base(whole)))
	m, out, err := cmd.mirror(c, whole, strings.TrimRight(cmd.To, "/")+"/"+name, cmd.Cache)
	if err != nil {
		return err
	}
	m.Direction, m.State = mirror.Up, m.State+".put"
	return out.once(ctx, m)
}

// cacheOr is the folder where what is sealed waits.
func cacheOr(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache (--cache DIR names one): %w", err)
	}
	return filepath.Join(dir, "sealpost"), nil
}
