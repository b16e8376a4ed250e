package main

import "context"

type fileRmCommand struct {
	fileProfile
	Path []string `arg:"" help:"Files and folders of the drive."`
	Now  bool     `help:"Delete for good, with all versions and links, and free the room; also what is in the trash."`
}

func (cmd fileRmCommand) Run(ctx context.Context, _ console) error {
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	return each(ctx, cmd.Path, func(path string) error {
		if cmd.Now {
			return d.Remove(ctx, path)
		}
		return d.Trash(ctx, path)
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
