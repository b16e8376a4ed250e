package main

import (
	"context"
	"errors"
	"fmt"

	"sealpost/filestore/drive"
)

type linkGroup struct {
	Kill linkKillCommand `cmd:"" help:"End a link to a file, or an upload request, for good."`
}

type linkKillCommand struct {
	settingsFile
	ID string `arg:"" help:"Id of the link: what stands before # in its address."`
}

func (linkKillCommand) Help() string {
	return "For reports of abuse. Nobody here can see what a link leads to: its key is in the part of its address after #, which no server gets. " +
		"Downloads that are under way end with their next piece. The file stays with its owner, who sees that the link was killed and cannot bring it back."
}

func (cmd linkKillCommand) Run(ctx context.Context, c console) error {
	v, err := ask[killedView](ctx, cmd.Config, "link.kill", killWish{cmd.ID})
	if err != nil {
		return err
	}
	if v.Request {
		_, err = fmt.Fprintf(c.Out, "Upload request %s of account %s is ended; %s came by it.\n", v.ID, v.Account, counting(v.Files, "file"))
		return err
	}
	_, err = fmt.Fprintf(c.Out, "Link %s of account %s is ended, after %s.\n", v.ID, v.Account, counting(v.Downloads, "download"))
	return err
}

type killWish struct{ ID string }

type killedView struct {
	ID        string `json:"id"`
	Account   string `json:"account"`
	Request   bool   `json:"request"`
	Downloads int64  `json:"downloads"`
	Files     int64  `json:"files"`
}

func killLink(ctx context.Context, o *office, w killWish) (v killedView, err error) {
	v.ID = w.ID
	id, err := drive.ParseID(w.ID)
	if err != nil {
		return v, errors.New("expected the id of a link: the 22 characters before # in its address")
	}
	l, r, err := o.files.Kill(ctx, id)
	switch {
	case errors.Is(err, drive.ErrNone):
		return v, fmt.Errorf("there is no link %s", w.ID)
	case err != nil:
		return v, err
	}
	v.Account, v.Downloads, v.Files, v.Request = string(l.Owner)+string(r.Owner), l.Count, r.Files, r.Owner != ""
	return v, nil
}
