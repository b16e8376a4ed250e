package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client/files"
)

type fileLoginCommand struct {
	fileProfile
	Address string `arg:"" help:"Your address."`
	Server  string `required:"" placeholder:"URL" help:"The server's webmail, such as https://mail.example.org."`
	KitFile string `type:"existingfile" placeholder:"FILE" help:"The recovery kit's 24 words; without it the terminal is asked."`
	CA      string `name:"ca" type:"existingfile" placeholder:"FILE" help:"Trust this authority alone to name the server (PEM)."`
	Device  string `placeholder:"NAME" help:"What to call this device in the list of app passwords (default: its hostname)."`
}

func (cmd fileLoginCommand) Help() string {
	return "The kit signs in once. This device then keeps the key of the drive's folders and an app password of its own, which " +
		"the webmail's settings can revoke; not the kit, not the master key, and nothing that opens mail."
}

func (cmd fileLoginCommand) Run(ctx context.Context, c console) error {
	file, err := cmd.file()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s is there already: sealpost file logout comes first, or --profile FILE names another", file)
	}
	in := files.Login{Server: cmd.Server, Address: cmd.Address, Device: deviceName(cmd.Device)}
	if in.CA, err = authorityIn(cmd.CA); err != nil {
		return err
	}
	words, err := secretFrom(ctx, c, cmd.KitFile, "The 24 words of your recovery kit: ", "expected --kit-file: there is no terminal to ask for the recovery kit")
	if err != nil {
		return err
	}
	if in.Kit, err = keyring.ParseKit(string(words)); err != nil {
		return errors.New("expected the 24 words of the recovery kit, in their order")
	}
	in.Code = func() (string, error) {
		code, err := secretFrom(ctx, c, "", "Code of your authenticator: ", "the server asks for a second factor, and there is no terminal")
		return strings.TrimSpace(string(code)), err
	}
	profile, err := in.Profile(ctx)
	if profile.Password == "" {
		return err
	}
	if bad := profile.Write(file); bad != nil { // what nobody can use is nobody's
		return errors.Join(err, bad, profile.Logout(ctx))
	}
	fmt.Fprintf(c.Err, "This device opens the drive of %s, as %q in the list of app passwords. It keeps that in %s.\n", cmd.Address, profile.Name, file)
	return err
}

// deviceName is at most 60 bytes, so that a number fits behind it.
func deviceName(name string) string {
	if name == "" {
		name, _ = os.Hostname()
	}
	name = strings.ToValidUTF8(strings.TrimSpace("files on "+name), "")
	for len(name) > 60 {
		name = strings.ToValidUTF8(name[:len(name)-1], "")
	}
	return name
}
