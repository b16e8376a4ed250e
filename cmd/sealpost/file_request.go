package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"sealpost/webmail/api/client/files"
)

type fileRequestGroup struct {
	Make  fileRequestMakeCommand  `cmd:"" help:"Ask for files: make a link, and print it."`
	List  fileRequestListCommand  `cmd:"" help:"List requests whole, and how much came by each."`
	Close fileRequestCloseCommand `cmd:"" help:"End requests for good. What came by them stays."`
}

type fileRequestMakeCommand struct {
	fileProfile
	Title   string    `arg:"" help:"What for, in your words: who has the link reads them."`
	Note    string    `placeholder:"TEXT" help:"More words for who has the link."`
	To      string    `placeholder:"FOLDER" default:"/" help:"The drive's folder that collect puts the files into (default: ${default})."`
	Expires string    `placeholder:"TIME" help:"How long it lives, such as 7d or 12h (default: the server's)."`
	Files   int64     `placeholder:"N" default:"20" help:"How many files may come (default: ${default})."`
	Size    byteCount `placeholder:"SIZE" default:"1GB" help:"How large they may be in all (default: ${default})."`
}

func (cmd fileRequestMakeCommand) Help() string {
	return "Whoever has the whole link may bring files, which are sealed to your key where they are; nothing proves who that was. " +
		"What comes counts against your quota. What stands behind the # never reaches the server."
}

func (cmd fileRequestMakeCommand) Run(ctx context.Context, c console) error {
	w := files.Wish{Title: cmd.Title, Note: cmd.Note, Folder: cmd.To, Files: cmd.Files, Bytes: int64(cmd.Size)}
	var err error
	if cmd.Expires != "" {
		if w.Lives, err = lifetime(cmd.Expires); err != nil {
			return err
		}
	}
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	link, made, err := d.MakeRequest(ctx, w)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Err, "It ends on %s.\n", made.Expires.Local().Format("2006-01-02 15:04"))
	_, err = fmt.Fprintln(c.Out, link)
	return err
}

type fileRequestListCommand struct{ fileProfile }

func (cmd fileRequestListCommand) Run(ctx context.Context, c console) error {
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	all, err := d.Requests(ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	for _, r := range all {
		fmt.Fprintf(t, "%s\t%s\t%d of %s\t%s of %s\tuntil %s\t%s\n", orElse(r.Link, r.ID), r.State, r.Files, counting(r.MostFiles, "file"),
			readable(r.Bytes), readable(r.MostBytes), r.Expires.Local().Format("2006-01-02 15:04"), printable(r.Title))
	}
	return t.Flush()
}

type fileRequestCloseCommand struct {
	fileProfile
	Request []string `arg:"" help:"Ids as list prints them, or whole links."`
}

func (cmd fileRequestCloseCommand) Run(ctx context.Context, _ console) error {
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	var failed []error
	for _, link := range cmd.Request {
		if err := d.CloseRequest(ctx, link); err != nil {
			id, _, _ := strings.Cut(link, "#") // no secret in an error
			failed = append(failed, fmt.Errorf("%s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}
