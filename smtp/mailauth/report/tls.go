package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	maxPolicies = 500
	maxFailures = 200 // of one policy
	maxTexts    = 100 // lines of one
	maxJSON     = 2 << 20
)

// TLSReport is one SMTP TLS report (RFC 8460, section 4), written or read. The
// contact address of one that was read is not kept.
type TLSReport struct {
	Org      string   `json:"organization-name"`
	Range    TLSRange `json:"date-range"`
	Contact  string   `json:"contact-info,omitempty"`
	ID       string   `json:"report-id"`
	Policies policies `json:"policies"`
}

// TLSRange is its period.
type TLSRange struct {
	Start time.Time `json:"start-datetime"`
	End   time.Time `json:"end-datetime"`
}

// UnmarshalJSON also takes times without a zone, which some write and mean UTC.
func (r *TLSRange) UnmarshalJSON(b []byte) error {
	var text struct {
		Start string `json:"start-datetime"`
		End   string `json:"end-datetime"`
	}
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	*r = TLSRange{moment(text.Start), moment(text.End)}
	return nil
}

func moment(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// TLSPolicy is what happened under one policy.
type TLSPolicy struct {
	Policy   TLSApplied `json:"policy"`
	Summary  TLSSummary `json:"summary"`
	Failures failures   `json:"failure-details,omitempty"`
}

// TLSApplied is a policy: tlsa, sts or no-policy-found.
type TLSApplied struct {
	Type   string `json:"policy-type"`
	String texts  `json:"policy-string,omitempty"`
	Domain string `json:"policy-domain"`
	MX     texts  `json:"mx-host,omitempty"`
}

// TLSSummary counts sessions.
type TLSSummary struct {
	Successes int64 `json:"total-successful-session-count"`
	Failures  int64 `json:"total-failure-session-count"`
}

// TLSFailure is a number of sessions that failed alike; Type is a word of section 4.3.
type TLSFailure struct {
	Type      string `json:"result-type"`
	SendingIP string `json:"sending-mta-ip,omitempty"`
	MX        string `json:"receiving-mx-hostname,omitempty"`
	Helo      string `json:"receiving-mx-helo,omitempty"`
	IP        string `json:"receiving-ip,omitempty"`
	Sessions  int64  `json:"failed-session-count"`
	More      string `json:"additional-information,omitempty"`
	Reason    string `json:"failure-reason-code,omitempty"`
}

// Lists that end at a bound: an empty element costs a writer two octets, and a
// reader a hundred.
type (
	policies []TLSPolicy
	failures []TLSFailure
	texts    []string // of which some writers make a single string
)

func (l *policies) UnmarshalJSON(b []byte) (err error) {
	*l, err = elements[TLSPolicy](b, maxPolicies)
	return err
}

func (l *failures) UnmarshalJSON(b []byte) (err error) {
	*l, err = elements[TLSFailure](b, maxFailures)
	return err
}

func (l *texts) UnmarshalJSON(b []byte) (err error) {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = texts{one}
		return nil
	}
	*l, err = elements[string](b, maxTexts)
	return err
}

// elements reads the first ones of an array.
func elements[T any](b []byte, most int) ([]T, error) {
	if string(b) == "null" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.New("no array")
	}
	var list []T
	for d.More() && len(list) < most {
		var v T
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// ReadTLS reads the JSON of an SMTP TLS report.
func ReadTLS(r io.Reader) (TLSReport, error) {
	var t TLSReport
	if err := json.NewDecoder(&bounded{r, maxJSON}).Decode(&t); err != nil {
		return TLSReport{}, fmt.Errorf("%w: %w", ErrNoReport, withoutText(err))
	}
	if len(t.Policies) == 0 {
		return TLSReport{}, fmt.Errorf("%w: it has no policies", ErrNoReport)
	}
	t.Org, t.ID, t.Contact = clean(t.Org), clean(t.ID), ""
	for i := range t.Policies {
		t.Policies[i].clean()
	}
	return t, nil
}

// withoutText keeps what a stranger wrote out of an error that is logged.
func withoutText(err error) error {
	if s := (*json.SyntaxError)(nil); errors.As(err, &s) {
		return fmt.Errorf("no JSON at octet %d", s.Offset)
	}
	return errors.New("no JSON as expected")
}

func (p *TLSPolicy) clean() {
	p.Policy.Type, p.Policy.Domain = lower(p.Policy.Type), domain(p.Policy.Domain)
	for _, list := range []*texts{&p.Policy.String, &p.Policy.MX} {
		for i := range *list {
			(*list)[i] = clean((*list)[i])
		}
	}
	p.Summary.Successes, p.Summary.Failures = count(p.Summary.Successes), count(p.Summary.Failures)
	for i := range p.Failures {
		f := &p.Failures[i]
		f.Sessions = count(f.Sessions)
		for _, s := range []*string{&f.Type, &f.SendingIP, &f.MX, &f.Helo, &f.IP, &f.More, &f.Reason} {
			*s = clean(*s)
		}
	}
}

func count(n int64) int64 {
	if n < 0 || n > 1<<40 {
		return 0
	}
	return n
}
