package main

import (
	"context"
	"fmt"
)

type queueDropCommand struct {
	settingsFile
	ID     string `arg:"" help:"Id of the mail."`
	Notify bool   `help:"Tell its sender that it was not delivered. Needs the server running."`
}

func (cmd queueDropCommand) Run(ctx context.Context, c console) error {
	v, err := ask[droppedView](ctx, cmd.Config, "queue.drop", dropWish{cmd.ID, cmd.Notify})
	if err != nil {
		return err
	}
	told := "nobody was told"
	switch {
	case v.Told:
		told = "its sender was told"
	case cmd.Notify:
		told = "there is nobody to tell"
	}
	_, err = fmt.Fprintf(c.Out, "Mail %s to %s is removed; %s.\n", v.ID, counting(int64(len(v.Recipients)), "recipient"), told)
	return err
}

type dropWish struct {
	ID     string
	Notify bool
}

type droppedView struct {
	queuedView
	Told bool
}

func dropQueued(ctx context.Context, o *office, w dropWish) (droppedView, error) {
	id := queued{w.ID}.id()
	m, err := o.queue.Get(ctx, id)
	if err != nil {
		return droppedView{}, plainly(id, err)
	}
	drop := o.drop
	if drop == nil {
		drop = o.dropHere
	}
	told, err := drop(ctx, id, w.Notify)
	return droppedView{viewQueued(m), told}, plainly(id, err)
}
