package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// WriteTable writes the report for people, the most mails first.
func (a Aggregate) WriteTable(w io.Writer) error {
	all, passed := a.Total()
	fmt.Fprintf(w, "%s told of %s (p=%s), %s to %s: %d mails, %d passed DMARC\n",
		cmp.Or(a.Org, "somebody"), a.Policy.Domain, cmp.Or(a.Policy.Policy, "none"), day(a.Begin), day(a.End), all, passed)
	rows := slices.Clone(a.Rows)
	slices.SortStableFunc(rows, func(x, y Row) int { return cmp.Compare(y.Count, x.Count) })
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "mails\tfrom address\tfrom domain\tSPF\tDKIM\tdone\twhy")
	for _, r := range rows {
		ip := "?"
		if r.IP.IsValid() {
			ip = r.IP.String()
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Count, ip, r.From,
			word(r.SPFAligned, "pass", "fail"), word(r.DKIMAligned, "pass", "fail"), r.Disposition, r.Override)
	}
	return t.Flush()
}

// WriteTable writes the report for people.
func (r TLSReport) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s told of TLS, %s to %s\n", cmp.Or(r.Org, "somebody"), day(r.Range.Start), day(r.Range.End))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "sessions\tdomain\tpolicy\tresult\texchanger")
	for _, p := range r.Policies {
		fmt.Fprintf(t, "%d\t%s\t%s\tsuccess\t\n", p.Summary.Successes, p.Policy.Domain, p.Policy.Type)
		for _, f := range p.Failures {
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", f.Sessions, p.Policy.Domain, p.Policy.Type, f.Type, f.MX)
		}
	}
	return t.Flush()
}

func day(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return t.UTC().Format("2006-01-02 15:04")
}
