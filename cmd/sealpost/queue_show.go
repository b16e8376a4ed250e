package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

type queueShowCommand struct {
	settingsFile
	ID   string `arg:"" help:"Id of the mail, as the list and the log say it."`
	JSON bool   `name:"json" help:"Print it as JSON."`
}

func (cmd queueShowCommand) Run(ctx context.Context, c console) error {
	v, err := ask[queuedView](ctx, cmd.Config, "queue.show", queued{cmd.ID})
	if err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(c.Out, v)
	}
	return v.print(c.Out, time.Now())
}

func (v queuedView) print(w io.Writer, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("id", "%s", v.ID)
	row("from", "%s", printable(v.From))
	row("size", "%s", readable(v.Size))
	row("came", "%s, %s ago", stamp(v.Created), brief(now.Sub(v.Created)))
	row("given up", "%s, in %s", stamp(v.Expires), brief(v.Expires.Sub(now)))
	row("next try", "%s", v.when(now))
	for _, r := range v.Recipients {
		row("to", "%s", printable(r.Address))
		row("", "%s, next %s", counting(int64(r.Attempts), "attempt"), stamp(r.Next))
		if r.Reply != "" {
			row("", "%s", printable(r.said()))
		}
	}
	if len(v.Recipients) == 0 {
		row("to", "cannot be read: damaged, or sealed under another node key; `sealpost queue drop %s` removes it", v.ID)
	}
	return t.Flush()
}

func (r recipientView) said() string {
	if r.Server == "" {
		return r.Reply
	}
	return r.Server + " said: " + r.Reply
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func showQueued(ctx context.Context, o *office, w queued) (queuedView, error) {
	m, err := o.queue.Get(ctx, w.id())
	if err != nil {
		return queuedView{}, plainly(w.id(), err)
	}
	return viewQueued(m), nil
}
