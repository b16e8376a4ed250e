package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"sealpost/move"
	"sealpost/pgp"
)

type exportCommand struct {
	settingsFile
	Address    string `arg:"" help:"The account."`
	To         string `required:"" type:"path" placeholder:"DIR" help:"Folder to write to; it must be empty or missing."`
	Format     string `default:"maildir" enum:"maildir,mbox" help:"maildir (the default) keeps every octet; mbox is one file a mailbox."`
	Key        string `type:"existingfile" placeholder:"FILE" help:"The owner's secret key: opens each message. Only on the owner's own machine."`
	Passphrase string `name:"passphrase-file" placeholder:"FILE" type:"existingfile" help:"Passphrase of the secret key; without it the terminal is asked."`
	Imap       string `placeholder:"HOST[:PORT]" help:"Fetch over IMAP instead of from this machine's server."`
	Password   string `name:"password-file" type:"existingfile" placeholder:"FILE" help:"App password for --imap; without it the terminal is asked."`
}

func (cmd exportCommand) Help() string {
	return "Without --key, what is written is sealed, as the server holds it: an administrator can hand it over without being " +
		"able to read it. With --key and --imap the owner has all their mail in the clear, on their own machine, with " +
		"dates, flags and folders."
}

func (cmd exportCommand) Run(ctx context.Context, c console) error {
	if err := closeMouth(); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	if there, err := os.ReadDir(cmd.To); err == nil && len(there) > 0 {
		return fmt.Errorf("%s is not empty", cmd.To)
	}
	var opener *pgp.Opener
	if cmd.Key != "" {
		opener = &pgp.Opener{Max: openMax}
		if err := (openCommand{Key: cmd.Key, Passphrase: cmd.Passphrase}).readKeys(ctx, opener, c); err != nil {
			return err
		}
	}
	alone := false
	if cmd.Imap == "" {
		var err error
		if alone, err = standIn(ctx, cmd.Config); err != nil {
			return err
		}
	}
	maildir := &move.MaildirWriter{Dir: cmd.To}
	out := exporting{to: maildir, opener: opener, bar: newBar(c)}
	if cmd.Format == "mbox" {
		out.to = &move.MboxWriter{Dir: cmd.To}
	}
	err := errors.Join(cmd.read(ctx, c, &out), out.to.Close())
	out.bar.clear()
	if err != nil {
		return aloneMay(alone, err)
	}
	kind := "sealed"
	if opener != nil {
		kind = "opened"
	}
	fmt.Fprintf(c.Out, "%s written to %s, %s.\n", counting(int64(out.done), "message"), cmd.To, kind)
	if maildir.Nameless > 0 {
		fmt.Fprintf(c.Out, "%s left out: a folder of a Maildir has names for 26.\n", counting(int64(maildir.Nameless), "keyword"))
	}
	return out.shortOf()
}

// shortOf says what an export has not done that it was to do.
func (e *exporting) shortOf() error {
	var errs []error
	if e.closed > 0 {
		errs = append(errs, fmt.Errorf("%s did not open with this key and were written sealed", counting(int64(e.closed), "message")))
	}
	if e.lost > 0 {
		errs = append(errs, fmt.Errorf("%s could not be had, and are not among them", counting(int64(e.lost), "message")))
	}
	return errors.Join(errs...)
}

// read hands every message to out.
func (cmd exportCommand) read(ctx context.Context, c console, out *exporting) error {
	if cmd.Imap == "" {
		return cmd.readHere(ctx, out)
	}
	r, err := remote(ctx, c, cmd.Imap, false, cmd.Address, cmd.Password)
	if err != nil {
		return err
	}
	none, err := move.OpenJournal("", "")
	if err != nil {
		return err
	}
	r.Max = move.MaxSealed
	out.total, _ = r.Total(ctx)
	for m, err := range r.Messages(ctx, none) {
		if bad := new(move.Bad); errors.As(err, &bad) {
			out.lost++
			continue
		}
		if err != nil {
			return err
		}
		text, err := m.Open(ctx)
		if err != nil {
			return err
		}
		if err := errors.Join(out.write(ctx, m, text), text.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (cmd exportCommand) readHere(ctx context.Context, out *exporting) error {
	from, to := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := perform(ctx, cmd.Config, "mail.export", wantedExport{cmd.Address}, to)
		to.CloseWithError(err)
		ended <- err
	}()
	err := out.all(ctx, move.NewFrameReader(from))
	from.CloseWithError(err)
	if failed := <-ended; failed != nil {
		return failed
	}
	return err
}

// exporting writes messages, opened if there is a key.
type exporting struct {
	to           move.Writer
	opener       *pgp.Opener
	bar          *bar
	total        int64
	done, closed int
	lost         int // could not be had
}

func (e *exporting) all(ctx context.Context, r *move.FrameReader) error {
	for {
		m, text, err := r.Next()
		if err == io.EOF {
			e.lost = r.Lost
			return nil
		}
		if err != nil {
			return err
		}
		if err := e.write(ctx, m, text); err != nil {
			return err
		}
	}
}

func (e *exporting) write(ctx context.Context, m move.Message, text io.Reader) error {
	e.done++
	e.bar.show(step{What: "writing messages", Done: int64(e.done), Of: e.total})
	if e.opener == nil {
		return e.to.Write(m, text)
	}
	s, opened, err := move.Opened(ctx, *e.opener, text, os.TempDir())
	if err != nil {
		return err
	}
	defer s.Close()
	if !opened {
		e.closed++
	}
	return e.to.Write(m, s)
}
