package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

type queueListCommand struct {
	settingsFile
	JSON bool `name:"json" help:"Print everything that is known, as JSON."`
}

func (cmd queueListCommand) Run(ctx context.Context, c console) error {
	all, err := ask[[]queuedView](ctx, cmd.Config, "queue.list", struct{}{})
	if err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(c.Out, all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(c.Err, "no mail waits")
		return err
	}
	return printQueue(c.Out, all, time.Now())
}

func printQueue(w io.Writer, all []queuedView, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tAGE\tSIZE\tFROM\tTO\tNEXT TRY\tTRIES\tLAST REPLY")
	bytes := int64(0)
	for _, v := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", v.ID, brief(now.Sub(v.Created)), readable(v.Size),
			shortened(v.From, 40), v.to(), v.when(now), v.attempts(), shortened(v.reply(), 60))
		bytes += v.Size
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s, %s\n", counting(int64(len(all)), "mail"), readable(bytes))
	return err
}

// to is the first recipient, and how many more there are.
func (v queuedView) to() string {
	switch len(v.Recipients) {
	case 0:
		return "cannot be read"
	case 1:
		return shortened(v.Recipients[0].Address, 40)
	}
	return fmt.Sprintf("%s and %d more", shortened(v.Recipients[0].Address, 40), len(v.Recipients)-1)
}

func printJSON(w io.Writer, what any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(what)
}

// listQueue lists the oldest first.
func listQueue(ctx context.Context, o *office, _ struct{}) ([]queuedView, error) {
	all, err := o.queue.List(ctx)
	if err != nil {
		return nil, err
	}
	views := []queuedView{}
	for _, m := range all {
		views = append(views, viewQueued(m))
	}
	slices.SortStableFunc(views, func(a, b queuedView) int { return a.Created.Compare(b.Created) })
	return views, nil
}
