package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sealpost/webmail/api/client/files"
)

type fileGroup struct {
	Login   fileLoginCommand   `cmd:"" help:"Let this device use your drive: asks for the recovery kit, once."`
	Logout  fileLogoutCommand  `cmd:"" help:"Give up what login made, at the server and here."`
	Put     filePutCommand     `cmd:"" help:"Seal files and folders and bring them into the drive."`
	Get     fileGetCommand     `cmd:"" help:"Fetch a file or folder of the drive, or what a link leads to."`
	Sync    fileSyncCommand    `cmd:"" help:"Keep a folder of this device and one of the drive alike, both ways."`
	Ls      fileLsCommand      `cmd:"" help:"List a folder."`
	Mkdir   fileMkdirCommand   `cmd:"" help:"Make a folder, and those on the way to it."`
	Rm      fileRmCommand      `cmd:"" help:"Put files and folders into the trash, or delete them for good."`
	Restore fileRestoreCommand `cmd:"" help:"Take a file or folder out of the trash."`
	Mv      fileMvCommand      `cmd:"" help:"Rename a file or folder, or move it into another folder."`
	Dav     fileDavCommand     `cmd:"" help:"Show the drive to programs of this machine as a network drive (WebDAV)."`
	Link    fileLinkGroup      `cmd:"" help:"Make, list and revoke links by which anybody may fetch a file."`
	Request fileRequestGroup   `cmd:"" help:"Make, list and close links by which anybody may bring you files."`
	Collect fileCollectCommand `cmd:"" help:"Take what others brought into the drive."`
	Drop    fileDropCommand    `cmd:"" help:"Bring files to who gave you a link for it: no account is needed."`
}

// fileProfile is the flag of every command that needs a sign-in.
type fileProfile struct {
	Profile string `placeholder:"FILE" type:"path" help:"Where login keeps what opens the drive (default: sealpost/file.json in your configuration folder)."`
}

// file is the profile's name.
func (p fileProfile) file() (string, error) {
	if p.Profile != "" {
		return p.Profile, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the profile (--profile FILE names one): %w", err)
	}
	return filepath.Join(dir, "sealpost", "file.json"), nil
}

// seenOf is where it stands which versions of folders this device has seen.
func seenOf(profile string) string { return profile + ".seen" }

func (p fileProfile) drive() (*files.Drive, error) {
	file, err := p.file()
	if err != nil {
		return nil, err
	}
	profile, err := files.ReadProfile(file)
	if err != nil {
		return nil, err
	}
	seen, err := files.OpenSeen(seenOf(file))
	if err != nil {
		return nil, err
	}
	return profile.Drive(seen, time.Now)
}

// authorityIn reads the certificate of the only authority to be trusted; without a file
// there is none, and the system's are.
func authorityIn(file string) (pem string, err error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	return string(b), err
}

// each does something with several paths, and goes on where one fails.
func each(ctx context.Context, paths []string, do func(string) error) error {
	var failed []error
	for _, p := range paths {
		if ctx.Err() != nil {
			return errors.Join(append(failed, context.Cause(ctx))...)
		}
		if err := do(p); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", p, err))
		}
	}
	return errors.Join(failed...)
}
