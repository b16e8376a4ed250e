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
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client/files"
	"sealpost/webmail/api/client/files/mirror"
)

type fileGetCommand struct {
	fileProfile
	Remote       string `arg:"" help:"A file or folder of the drive, or a link whole: https://host/f/ID#SECRET, in quotes; - reads the link from the standard input."`
	Local        string `arg:"" optional:"" type:"path" help:"A folder that it comes into or, of a file, the name it gets (default: its own, made safe, in this folder)."`
	Force        bool   `help:"Overwrite what has that name."`
	PasswordFile string `type:"existingfile" placeholder:"FILE" help:"The password of a link; without it the terminal is asked."`
	CA           string `name:"ca" type:"existingfile" placeholder:"FILE" help:"Of a link: trust this authority alone to name the server (PEM)."`
}

func (cmd fileGetCommand) Help() string {
	return "Nothing has its name here before all of it was verified. Broken off, the same command goes on. Of a folder, " +
		"what is here already is not fetched again, and nothing is deleted. A link needs no account and no login. " + linkAside
}

func (cmd fileGetCommand) Run(ctx context.Context, c console) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	bar := newBar(c)
	defer bar.clear()
	g := files.Get{To: cmd.Local, Force: cmd.Force, Tell: func(done, of int64) {
		bar.show(step{What: "fetching", Done: done, Of: of})
	}}
	var err error
	if cmd.Remote, err = linkIn(c, cmd.Remote); err != nil {
		return err
	}
	fetch := cmd.fromDrive
	if strings.Contains(cmd.Remote, "://") {
		fetch = cmd.fromLink
	}
	to, err := fetch(ctx, c, g)
	if err != nil {
		return err
	}
	bar.clear()
	_, err = fmt.Fprintln(c.Out, to)
	return err
}

func (cmd fileGetCommand) fromDrive(ctx context.Context, c console, g files.Get) (string, error) {
	d, err := cmd.drive()
	if err != nil {
		return "", err
	}
	e, err := d.Entry(ctx, cmd.Remote)
	if err != nil {
		return "", err
	}
	if e.Kind == sealed.IsFolder {
		return cmd.folder(ctx, c, e)
	}
	return d.Get(ctx, cmd.Remote, g)
}

// folder fetches one whole, under its name: broken off, the same command finds it there.
func (cmd fileGetCommand) folder(ctx context.Context, c console, e sealed.Entry) (string, error) {
	to := filepath.Join(cmd.Local, sealed.LocalName(orElse(e.Name, "drive")))
	if err := os.MkdirAll(to, 0o700); err != nil {
		return "", err
	}
	if info, err := os.Lstat(to); err != nil || !info.IsDir() {
		return "", errors.Join(err, fmt.Errorf("expected a folder, or a name that is free: %s is neither", to))
	}
	m, out, err := cmd.mirror(c, to, cmd.Remote, "")
	if err != nil {
		return "", err
	}
	m.Direction, m.State, m.Force = mirror.Down, m.State+".get", cmd.Force
	return to, out.once(ctx, m)
}

func (cmd fileGetCommand) fromLink(ctx context.Context, c console, g files.Get) (string, error) {
	s, err := files.ParseShared(cmd.Remote)
	if err != nil {
		return "", err
	}
	ca, err := authorityIn(cmd.CA)
	if err != nil {
		return "", err
	}
	from, err := files.Dial(s.Server, ca)
	if err != nil {
		return "", err
	}
	return s.Get(ctx, from, func() (keyring.Passphrase, error) {
		word, err := secretFrom(ctx, c, cmd.PasswordFile, "The link's password: ", "expected --password-file: this link has a password, and there is no terminal to ask for it")
		if err == nil && len(word) == 0 {
			err = errors.New("expected the link's password")
		}
		return keyring.Passphrase(word), err
	}, g)
}
