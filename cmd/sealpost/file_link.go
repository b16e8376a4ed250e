package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client/files"
)

const linkAside = "What stands on a command line is seen by others who use this machine, and kept by the shell: with - in its place a link is read from the standard input."

// linkIn is a link that was named, or for - the first line that comes.
func linkIn(c console, named string) (string, error) {
	if named != "-" {
		return named, nil
	}
	if terminal(c.Err) {
		fmt.Fprint(c.Err, "The link: ")
	}
	line, err := bufio.NewReader(io.LimitReader(c.In, 4<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimSpace(line); !strings.Contains(line, "://") {
		return "", errors.New("expected a whole link on the standard input")
	}
	return line, nil
}

type fileLinkGroup struct {
	Make   fileLinkMakeCommand   `cmd:"" help:"Make a link to a file, and print it."`
	List   fileLinkListCommand   `cmd:"" help:"List links whole, and how often each was used."`
	Revoke fileLinkRevokeCommand `cmd:"" help:"End links for good."`
}

type fileLinkMakeCommand struct {
	fileProfile
	Path         string `arg:"" help:"A file of the drive."`
	Expires      string `placeholder:"TIME" help:"How long it lives, such as 7d or 12h (default: the server's)."`
	Downloads    int64  `placeholder:"N" help:"How often it may be used (default: no limit)."`
	Password     bool   `help:"Ask for a password, without which it opens nothing."`
	PasswordFile string `type:"existingfile" placeholder:"FILE" help:"The password, from a file."`
}

func (cmd fileLinkMakeCommand) Help() string {
	return "Whoever has the whole link may fetch the file. What stands behind the # never reaches the server; a password should take another way than the link."
}

func (cmd fileLinkMakeCommand) Run(ctx context.Context, c console) error {
	limits := files.Limits{Downloads: cmd.Downloads}
	var err error
	if cmd.Expires != "" {
		if limits.Lives, err = lifetime(cmd.Expires); err != nil {
			return err
		}
	}
	if cmd.Downloads < 0 {
		return errors.New("expected --downloads of at least 1")
	}
	if cmd.Password || cmd.PasswordFile != "" {
		word, err := secretFrom(ctx, c, cmd.PasswordFile, "A password for the link: ", "expected --password-file: there is no terminal to ask for the password")
		if err != nil {
			return err
		}
		if len(word) == 0 {
			return errors.New("expected a password that is not empty")
		}
		limits.Password = keyring.Passphrase(word)
	}
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	link, made, err := d.MakeLink(ctx, cmd.Path, limits)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Err, "It ends on %s.\n", made.Expires.Local().Format("2006-01-02 15:04"))
	_, err = fmt.Fprintln(c.Out, link)
	return err
}

// lifetime reads 7d, 12h, 30m.
func lifetime(text string) (time.Duration, error) {
	if days, is := strings.CutSuffix(text, "d"); is {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil && n > 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if t, err := time.ParseDuration(text); err == nil && t > 0 {
		return t, nil
	}
	return 0, fmt.Errorf("expected a time such as 7d or 12h, not %q", text)
}

type fileLinkListCommand struct{ fileProfile }

func (cmd fileLinkListCommand) Run(ctx context.Context, c console) error {
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	all, err := d.Links(ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	for _, l := range all {
		count := strconv.FormatInt(l.Count, 10)
		if l.Most > 0 {
			count += " of " + strconv.FormatInt(l.Most, 10)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\tuntil %s\t%s\n", orElse(l.Link, l.ID), l.State, count, l.Expires.Local().Format("2006-01-02 15:04"), orElse(l.Path, "(in no folder)"))
	}
	return t.Flush()
}

type fileLinkRevokeCommand struct {
	fileProfile
	Link []string `arg:"" help:"Ids as list prints them, or whole links."`
}

func (cmd fileLinkRevokeCommand) Run(ctx context.Context, _ console) error {
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	var failed []error
	for _, link := range cmd.Link {
		if err := d.Revoke(ctx, link); err != nil {
			id, _, _ := strings.Cut(link, "#") // no secret in an error
			failed = append(failed, fmt.Errorf("%s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}
