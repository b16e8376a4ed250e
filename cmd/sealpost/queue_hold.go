package main

import (
	"context"
	"fmt"
)

type queueHoldCommand struct {
	settingsFile
	ID string `arg:"" help:"Id of the mail."`
}

func (cmd queueHoldCommand) Help() string {
	return "A held mail is not sent, and its age goes on: when it is freed after its time, it is tried once more."
}

func (cmd queueHoldCommand) Run(ctx context.Context, c console) error {
	v, err := ask[queuedView](ctx, cmd.Config, "queue.hold", heldWish{cmd.ID, true})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "Mail %s is held: `sealpost queue unhold %s` frees it.\n", v.ID, v.ID)
	return err
}

type queueUnholdCommand struct {
	settingsFile
	ID string `arg:"" help:"Id of the mail."`
}

func (cmd queueUnholdCommand) Run(ctx context.Context, c console) error {
	v, err := ask[queuedView](ctx, cmd.Config, "queue.hold", heldWish{cmd.ID, false})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "Mail %s is free again.\n", v.ID)
	return err
}

type heldWish struct {
	ID   string
	Hold bool
}

func holdQueued(ctx context.Context, o *office, w heldWish) (queuedView, error) {
	id := queued{w.ID}.id()
	if err := o.queue.Hold(ctx, id, w.Hold); err != nil {
		return queuedView{}, plainly(id, err)
	}
	return showQueued(ctx, o, queued{w.ID})
}
