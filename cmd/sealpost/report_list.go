package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

type reportListCommand struct {
	settingsFile
	Kind string `placeholder:"KIND" enum:"dmarc,tls,failure," default:"" help:"Only dmarc, tls or failure."`
	JSON bool   `name:"json" help:"Print everything that is kept, as JSON."`
}

func (cmd reportListCommand) Help() string {
	return "Other servers say once a day who sent mail in the name of your domains and whether it passed DMARC, and " +
		"whether they reached this server by TLS. The last 100 are kept, for 90 days: domains, addresses of servers and " +
		"numbers. Mail that failed and came from servers of yours is yours to mend; the rest is why DMARC is there."
}

func (cmd reportListCommand) Run(ctx context.Context, c console) error {
	all, err := ask[[]filedReport](ctx, cmd.Config, "report.list", wantedReport{Kind: cmd.Kind})
	if err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(c.Out, all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(c.Err, "no reports: they come to the address that rua= names in the records of `sealpost dns records`")
		return err
	}
	return printed(c.Out, func(w io.Writer) error { return printReports(w, all) })
}

func printReports(w io.Writer, all []filedReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tDAY\tKIND\tFROM\tABOUT\tCOUNTED\tWENT WELL")
	var mails, passed, sessions, secured int64
	for _, f := range all {
		n, well := f.numbers()
		what := "mail"
		if f.Kind == "tls" {
			what, sessions, secured = "session", sessions+n, secured+well
		} else {
			mails, passed = mails+n, passed+well
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.ID, f.day(), f.Kind, shortened(f.From, 40), shortened(f.about(), 40), counting(n, what), share(well, n))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s", counting(int64(len(all)), "report"))
	if mails > 0 {
		fmt.Fprintf(w, "; of %s, %s passed DMARC", counting(mails, "mail"), share(passed, mails))
	}
	if sessions > 0 {
		fmt.Fprintf(w, "; of %s, %s over TLS as asked", counting(sessions, "session"), share(secured, sessions))
	}
	_, err := fmt.Fprintln(w)
	return err
}

// wantedReport is a wish about reports.
type wantedReport struct{ ID, Kind string }

// listReports lists the newest first.
func listReports(ctx context.Context, o *office, w wantedReport) ([]filedReport, error) {
	all, err := filedReports(ctx, o.values)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(f filedReport) bool { return w.Kind != "" && f.Kind != w.Kind })
	slices.Reverse(all)
	return append([]filedReport{}, all...), nil
}
