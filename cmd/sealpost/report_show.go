package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

type reportShowCommand struct {
	settingsFile
	ID   string `arg:"" help:"Id of the report, as the list says it."`
	JSON bool   `name:"json" help:"Print it as JSON."`
}

func (cmd reportShowCommand) Run(ctx context.Context, c console) error {
	f, err := ask[filedReport](ctx, cmd.Config, "report.show", wantedReport{ID: cmd.ID})
	if err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(c.Out, f)
	}
	return printed(c.Out, f.print)
}

func (f filedReport) print(w io.Writer) error {
	switch {
	case f.Aggregate != nil:
		if err := f.Aggregate.WriteTable(w); err != nil {
			return err
		}
		if f.Aggregate.More > 0 {
			_, err := fmt.Fprintf(w, "and %s more, with fewer mails\n", counting(int64(f.Aggregate.More), "row"))
			return err
		}
		return nil
	case f.TLS != nil:
		return f.TLS.WriteTable(w)
	case f.Failure != nil:
		return f.printFailure(w)
	}
	return nil
}

func (f filedReport) printFailure(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	ip := ""
	if f.Failure.IP.IsValid() {
		ip = f.Failure.IP.String()
	}
	for _, row := range [][2]string{
		{"told by", f.From},
		{"came", f.Came.Format(time.RFC3339)},
		{"about mail of", f.Failure.Domain},
		{"from address", ip},
		{"kind", f.Failure.Type},
		{"what failed", f.Failure.AuthFailure},
		{"signed by", f.Failure.DKIMDomain},
		{"aligned", f.Failure.Alignment},
		{"done with it", f.Failure.Result},
	} {
		if row[1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", row[0], row[1])
		}
	}
	return t.Flush()
}

func showReport(ctx context.Context, o *office, w wantedReport) (filedReport, error) {
	all, err := filedReports(ctx, o.values)
	if err != nil {
		return filedReport{}, err
	}
	for _, f := range all {
		if strings.EqualFold(f.ID, w.ID) {
			return f, nil
		}
	}
	return filedReport{}, fmt.Errorf("no report %q is kept; `sealpost report list` shows those that are", w.ID)
}
