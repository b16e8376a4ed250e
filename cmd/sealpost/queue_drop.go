package main

import (
	"context"
	"errors"
	"fmt"
)

type queueDropCommand struct {
	settingsFile
	ID     string `arg:"" help:"Id of the mail."`
	Notify bool   `help:"Tell its sender that it was not delivered. Needs the server running."`
}

func (cmd queueDropCommand) Run(ctx context.Context, c console) error {
	v, err := ask[queuedView](ctx, cmd.Config, "queue.drop", dropWish{cmd.ID, cmd.Notify})
	if err != nil {
		return err
	}
	told := "nobody was told"
	if cmd.Notify {
		told = "its sender was told"
	}
	_, err = fmt.Fprintf(c.Out, "Mail %s to %s is removed; %s.\n", v.ID, counting(int64(len(v.Recipients)), "recipient"), told)
	return err
}

type dropWish struct {
	ID     string
	Notify bool
}

func dropQueued(ctx context.Context, o *office, w dropWish) (queuedView, error) {
	id := queued{w.ID}.id()
	m, err := o.queue.Get(ctx, id)
	if err != nil {
		return queuedView{}, plainly(id, err)
	}
	if w.Notify {
		if o.dropTelling == nil {
			return queuedView{}, errors.New("nobody can be told: the server is not running, or sends no mail")
		}
		err = o.dropTelling(ctx, id)
	} else {
		err = o.dropQuietly(ctx, m.ID)
	}
	return viewQueued(m), plainly(id, err)
}
