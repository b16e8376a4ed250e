package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"sealpost/filestore/spool"
	"sealpost/pgp"
)

type openCommand struct {
	Key        string `required:"" placeholder:"FILE" type:"existingfile" help:"The owner's OpenPGP secret key, as gpg --export-secret-keys writes it."`
	ListKey    string `placeholder:"FILE" type:"existingfile" help:"The owner's private list key, to open cards."`
	Passphrase string `name:"passphrase-file" placeholder:"FILE" type:"existingfile" help:"Passphrase of the secret key; without it the terminal is asked."`
	Restore    bool   `help:"Write the exact bytes that arrived, so that DKIM and other signatures can be checked."`
	Server     string `placeholder:"URL" help:"With --restore: the account's server, which is asked for attachments that it cut out of this mail. Nobody else is asked."`
	CA         string `name:"ca" type:"existingfile" placeholder:"FILE" help:"Trust this authority alone to name that server (PEM)."`
	DKIM       bool   `name:"dkim" help:"With --restore: verify the mail's DKIM signatures too, by another implementation than the server's, and say on standard error what they prove."`
}

// openMax is the largest mail that is opened; while its integrity is not yet
// known it waits in memory or, encrypted, in the folder for temporary files.
const (
	openMax    = 1 << 30
	openMemory = 16 << 20
)

func (cmd openCommand) Help() string {
	return "Reads a sealed mail or any letter from standard input and writes what is in it. This is the client's side: " +
		"it belongs on its owner's machine. Nothing is written before the end of the message was " +
		"checked.\n\n" +
		"A mail that its sender encrypted is restored from two letters, its header and then its message."
}

func (cmd openCommand) Run(ctx context.Context, c console) error {
	if err := closeMouth(); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	if cmd.DKIM && !cmd.Restore {
		return errors.New("--dkim needs --restore: signatures are over the exact bytes that arrived")
	}
	opener := pgp.Opener{Restore: cmd.Restore, Max: openMax}
	if err := cmd.readKeys(ctx, &opener, c); err != nil {
		return err
	}
	s := spool.New(os.TempDir(), openMemory, 2*openMax)
	defer s.Close()
	opened, err := opener.Open(ctx, c.In, s)
	if errors.Is(err, pgp.ErrCard) && cmd.ListKey == "" {
		return errors.New("this is a card: expected --list-key, the owner's private list key")
	}
	if err != nil {
		return err
	}
	if s, err = cmd.whole(ctx, s, opened.Front); err != nil {
		return err
	}
	defer s.Close()
	if _, err := io.Copy(c.Out, io.NewSectionReader(s, 0, s.Size())); err != nil || !cmd.DKIM {
		return err
	}
	return verifySignatures(ctx, s, c.Err)
}

func (cmd openCommand) readKeys(ctx context.Context, o *pgp.Opener, c console) error {
	text, err := os.ReadFile(cmd.Key)
	if err != nil {
		return err
	}
	if o.Keys, err = pgp.ParseSecretKeys(text, func() ([]byte, error) { return cmd.passphrase(ctx, c) }); err != nil {
		return fmt.Errorf("%s: %w", cmd.Key, err)
	}
	if cmd.ListKey == "" {
		return nil
	}
	if text, err = os.ReadFile(cmd.ListKey); err != nil {
		return err
	}
	if o.ListKey, err = pgp.ParseListKey(text); err != nil {
		return fmt.Errorf("%s: %w", cmd.ListKey, err)
	}
	return nil
}

// passphrase comes from its file or the terminal, for standard input holds the mail.
func (cmd openCommand) passphrase(ctx context.Context, c console) ([]byte, error) {
	return secretFrom(ctx, c, cmd.Passphrase, "Passphrase of the key: ",
		"the key has a passphrase and there is no terminal to ask: expected --passphrase-file")
}

// secretFrom reads a secret from a file or, without one, from who sits at the
// terminal; otherwise says what to do where there is none.
func secretFrom(ctx context.Context, c console, file, prompt, otherwise string) ([]byte, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		return bytes.TrimRight(text, "\r\n"), err
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New(otherwise)
	}
	defer tty.Close()
	// A terminal left silent by Ctrl-C would stay so for whoever types next.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	restore, err := hideTyping(int(tty.Fd()))
	if err != nil {
		return nil, fmt.Errorf("hide what is typed: %w", err)
	}
	defer restore()
	fmt.Fprint(c.Err, prompt)
	defer fmt.Fprintln(c.Err)
	type answer struct {
		line []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(tty).ReadBytes('\n')
		typed <- answer{bytes.TrimRight(line, "\r\n"), err}
	}()
	select {
	case a := <-typed:
		return a.line, a.err
	case <-ctx.Done():
		return nil, errors.New("nothing was typed")
	}
}
