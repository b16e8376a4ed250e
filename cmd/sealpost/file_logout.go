package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sealpost/webmail/api/client/files"
)

type fileLogoutCommand struct {
	fileProfile
	Force bool `help:"Remove the profile though the server cannot be asked: revoke the app password in the webmail then."`
}

func (cmd fileLogoutCommand) Run(ctx context.Context, c console) error {
	file, err := cmd.file()
	if err != nil {
		return err
	}
	profile, err := files.ReadProfile(file)
	if err != nil {
		return err
	}
	if err := profile.Logout(ctx); err != nil && !cmd.Force {
		return fmt.Errorf("give up the app password (--force removes the profile all the same): %w", err)
	}
	if err := os.Remove(file); err != nil {
		return err
	}
	if err := os.Remove(seenOf(file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(syncOf(file)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "This device opens the drive of %s no more.\n", profile.Address)
	return err
}
