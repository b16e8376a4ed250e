package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxRows = 5_000 // of a report that is read
	maxWord = 255   // octets of a domain, a word or a comment in one
	maxList = 20    // signatures, checks and reasons of one row
)

// ErrNoReport says that bytes are no report that can be read.
var ErrNoReport = errors.New("not a report")

// ReadAggregate reads the XML of an aggregate report, of RFC 9990 or of RFC 7489,
// as leniently as their writers are careless. What names a person is passed over.
func ReadAggregate(r io.Reader) (Aggregate, error) {
	d := newXML(r)
	var a Aggregate
	feedback := false
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) || a.most(err) {
			break
		}
		if err != nil {
			return Aggregate{}, fmt.Errorf("%w: %w", ErrNoReport, plain(err))
		}
		start, ok := t.(xml.StartElement)
		switch {
		case !ok:
		case feedback:
			if err := a.element(d, start); err != nil && !a.most(err) {
				return Aggregate{}, fmt.Errorf("%w: %w", ErrNoReport, plain(err))
			}
		case start.Name.Local != "feedback":
			return Aggregate{}, fmt.Errorf("%w: its root is not feedback", ErrNoReport)
		default:
			feedback = true
		}
	}
	if a.Policy.Domain == "" {
		return Aggregate{}, fmt.Errorf("%w: no policy in it", ErrNoReport)
	}
	return a, nil
}

// most says that a report ended at a bound, but not before its rows began. What was
// read is worth having.
func (a *Aggregate) most(err error) bool {
	if !errors.Is(err, errTooMuch) || a.Policy.Domain == "" || len(a.Rows) == 0 {
		return false
	}
	a.More++
	return true
}

// element reads one child of the root, whole.
func (a *Aggregate) element(d *xml.Decoder, t xml.StartElement) error {
	var err error
	switch t.Name.Local {
	case "report_metadata":
		var m xmlMetadata
		err = d.DecodeElement(&m, &t)
		a.metadata(m)
	case "policy_published":
		var p xmlPublished
		err = d.DecodeElement(&p, &t)
		a.Policy = readPublished(p)
	case "record":
		var x xmlRecord
		if len(a.Rows) == maxRows {
			a.More++
			err = d.Skip()
		} else if err = d.DecodeElement(&x, &t); err == nil {
			a.Rows = append(a.Rows, readRow(x))
		}
	default:
		err = d.Skip()
	}
	return err
}

// plain keeps what a stranger wrote out of an error that is logged.
func plain(err error) error {
	if s := (*xml.SyntaxError)(nil); errors.As(err, &s) {
		return fmt.Errorf("no XML in line %d", s.Line)
	}
	if errors.Is(err, errTooMuch) {
		return errTooMuch
	}
	return errors.New("no XML as expected")
}

func (a *Aggregate) metadata(m xmlMetadata) {
	a.Org, a.ID = clean(m.Org), clean(m.ID)
	a.Begin, a.End = seconds(m.Begin), seconds(m.End)
	for _, e := range m.Errors {
		a.Errors = append(a.Errors, clean(e))
	}
}

func readPublished(p xmlPublished) Published {
	return Published{
		Domain: domain(p.Domain), Policy: lower(p.Policy), SubPolicy: lower(p.SubPolicy), NonExistent: lower(p.NonExistent),
		StrictDKIM: yes(p.DKIM, "s"), StrictSPF: yes(p.SPF, "s"), Testing: yes(p.Testing, "y"), FailureOptions: lower(p.FO),
	}
}

func readRow(x xmlRecord) Row {
	e := x.Row.Evaluated
	r := Row{
		Disposition: lower(e.Disposition), DKIMAligned: yes(e.DKIM, "pass"), SPFAligned: yes(e.SPF, "pass"),
		From: domain(x.Identifiers.From), Envelope: domain(x.Identifiers.Envelope),
	}
	r.IP, _ = netip.ParseAddr(strings.TrimSpace(x.Row.IP))
	r.IP = r.IP.WithZone("")
	if n, err := strconv.ParseInt(strings.TrimSpace(x.Row.Count), 10, 64); err == nil && n > 0 && n < 1<<40 {
		r.Count = n
	}
	if len(e.Reasons) > 0 {
		r.Override, r.Comment = lower(e.Reasons[0].Type), clean(e.Reasons[0].Comment)
	}
	for _, s := range x.Results.DKIM {
		r.DKIM = append(r.DKIM, Signature{domain(s.Domain), lower(s.Selector), lower(s.Result)})
	}
	for _, s := range x.Results.SPF {
		r.SPF = append(r.SPF, SPFResult{domain(s.Domain), lower(s.Scope), lower(s.Result)})
	}
	return r
}

func seconds(s string) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// clean makes a short line of what a stranger wrote. Terminals show it.
func clean(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case c == utf8.RuneError || !unicode.IsGraphic(c):
			return -1
		}
		return c
	}, s[:min(len(s), 4*maxWord)])
	s = strings.TrimSpace(s)
	for len(s) > maxWord {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

func lower(s string) string { return strings.ToLower(clean(s)) }

// domain is a name and nothing more: some write a whole address there.
func domain(s string) string {
	s = lower(s)
	return strings.Trim(s[strings.LastIndexByte(s, '@')+1:], " .<>")
}
