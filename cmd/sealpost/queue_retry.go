package main

import (
	"context"
	"fmt"
)

type queueRetryCommand struct {
	settingsFile
	ID string `arg:"" help:"Id of the mail, or \"all\"."`
}

func (cmd queueRetryCommand) Run(ctx context.Context, c console) error {
	n, err := ask[int](ctx, cmd.Config, "queue.retry", queued{cmd.ID})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "%s will be tried now.\n", counting(int64(n), "mail"))
	return err
}

// retryQueued makes mails due now, and answers how many. It frees none that is held,
// and none comes before the time that its sender asked for.
func retryQueued(ctx context.Context, o *office, w queued) (int, error) {
	if w.id() == "all" {
		return o.queue.RetryAll(ctx)
	}
	m, err := o.queue.Get(ctx, w.id())
	if err == nil && m.Held {
		return 0, fmt.Errorf("mail %s is held; `sealpost queue unhold %s` frees it", m.ID, m.ID)
	}
	if err == nil {
		err = o.queue.Retry(ctx, w.id())
	}
	if err != nil {
		return 0, plainly(w.id(), err)
	}
	return 1, nil
}
