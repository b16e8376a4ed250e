package main

import "context"

type fileMkdirCommand struct {
	fileProfile
	Path []string `arg:"" help:"Folders of the drive."`
}

func (cmd fileMkdirCommand) Run(ctx context.Context, _ console) error {
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	return each(ctx, cmd.Path, func(path string) error { return d.MakeFolder(ctx, path) })
}
