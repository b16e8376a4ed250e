package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
)

type fileRmCommand struct {
	fileProfile
	Path []string `arg:"" help:"Files and folders of the drive."`
	Now  bool     `help:"Delete for good, with all versions and links, and free the room; also what is in the trash."`
}

func (cmd fileRmCommand) Help() string {
	return "With --now nobody is led to it from the first moment on; then its room is freed, hundreds of files at a time. Broken off, the same command goes on."
}

func (cmd fileRmCommand) Run(ctx context.Context, c console) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	bar := newBar(c)
	defer bar.clear()
	return each(ctx, cmd.Path, func(path string) error {
		if !cmd.Now {
			return d.Trash(ctx, path)
		}
		return d.Remove(ctx, path, func(done, known int) {
			bar.show(step{What: fmt.Sprintf("deleting %d of %s", done, counting(int64(known), "file")), Done: int64(done), Of: int64(known)})
		})
	})
}

type fileRestoreCommand struct {
	fileProfile
	Path []string `arg:"" help:"Where the files and folders were."`
}

func (cmd fileRestoreCommand) Run(ctx context.Context, _ console) error {
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	return each(ctx, cmd.Path, func(path string) error { return d.Restore(ctx, path) })
}
