package main

import (
	"context"
	"errors"
	"fmt"

	"sealpost/config"
	"sealpost/smtp/outbound/queue"
)

type clusterGroup struct {
	Restored clusterRestoredCommand `cmd:"" help:"Make ready what nodes share, after its database was put back to an earlier moment."`
}

type clusterRestoredCommand struct {
	settingsFile
	Send bool `help:"Send the mail that waits, rather than hold it: some of it has left once."`
}

func (cmd clusterRestoredCommand) Help() string {
	return "Run it once, at one node, after the database was put back and before any node is started (docs/cluster-backup.md). Numbers " +
		"that the state which was lost may have given are left out, so that no mail program takes new mail for some that it has. Mail " +
		"that waited to leave at that moment is held, for most of it has left since: sealpost queue list shows it, and queue unhold " +
		"or drop decide. Where PostgreSQL tells its timeline the first node to start leaves the numbers out by itself; done twice " +
		"it does no harm."
}

// restoredView is what was done.
type restoredView struct {
	Held int `json:"held"`
}

func (cmd clusterRestoredCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	if !settings.Cluster.On() {
		return errors.New("cluster.database is not set: sealpost restore puts back a server of one machine")
	}
	v, err := ask[restoredView](ctx, cmd.Config, "cluster.restored", cmd.Send)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.Out, "Numbers that may have been given since are left out.")
	if v.Held > 0 {
		_, err = fmt.Fprintf(c.Out, "%s held, which may have left: sealpost queue list shows them, queue unhold ID sends one, queue drop ID drops one.\n",
			choose(v.Held == 1, "1 mail is", fmt.Sprintf("%d mails are", v.Held)))
	}
	return err
}

// afterRestore is the operation.
func afterRestore(ctx context.Context, o *office, send bool) (v restoredView, err error) {
	if o.cluster == nil {
		return v, errors.New("this server is no node of a cluster")
	}
	if err := o.cluster.db.Skip(ctx); err != nil || send {
		return v, err
	}
	waiting, err := o.queue.List(ctx)
	if err != nil {
		return v, err
	}
	for _, m := range waiting {
		if m.Held {
			continue
		}
		switch err := o.queue.Hold(ctx, m.ID, true); {
		case errors.Is(err, queue.ErrNoSuch): // it left
		case err != nil:
			return v, fmt.Errorf("hold mail %s: %w", m.ID, err)
		default:
			v.Held++
		}
	}
	return v, nil
}
