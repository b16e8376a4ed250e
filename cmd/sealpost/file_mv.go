package main

import "context"

type fileMvCommand struct {
	fileProfile
	From string `arg:"" help:"A file or folder of the drive."`
	To   string `arg:"" help:"Its new place, or a folder that it comes into."`
}

func (cmd fileMvCommand) Run(ctx context.Context, _ console) error {
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	return d.Move(ctx, cmd.From, cmd.To)
}
