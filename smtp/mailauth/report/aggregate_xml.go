package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// The elements stand in the order that RFC 9990, appendix A, asks for.
type (
	xmlFeedback struct {
		XMLName  xml.Name     `xml:"urn:ietf:params:xml:ns:dmarc-2.0 feedback"`
		Version  string       `xml:"version"`
		Metadata xmlMetadata  `xml:"report_metadata"`
		Policy   xmlPublished `xml:"policy_published"`
		Records  []xmlRecord  `xml:"record"`
	}
	xmlMetadata struct {
		Org       string      `xml:"org_name"`
		Email     string      `xml:"email"`
		ID        string      `xml:"report_id"`
		Begin     string      `xml:"date_range>begin"`
		End       string      `xml:"date_range>end"`
		Errors    few[string] `xml:"error"`
		Generator string      `xml:"generator,omitempty"`
	}
	xmlPublished struct {
		Domain      string `xml:"domain"`
		Discovery   string `xml:"discovery_method,omitempty"`
		Policy      string `xml:"p"`
		SubPolicy   string `xml:"sp,omitempty"`
		NonExistent string `xml:"np,omitempty"`
		FO          string `xml:"fo,omitempty"`
		DKIM        string `xml:"adkim,omitempty"`
		SPF         string `xml:"aspf,omitempty"`
		Testing     string `xml:"testing,omitempty"`
	}
	xmlRecord struct {
		Row         xmlRow         `xml:"row"`
		Identifiers xmlIdentifiers `xml:"identifiers"`
		Results     xmlResults     `xml:"auth_results"`
	}
	xmlRow struct {
		IP        string       `xml:"source_ip"`
		Count     string       `xml:"count"`
		Evaluated xmlEvaluated `xml:"policy_evaluated"`
	}
	xmlEvaluated struct {
		Disposition string         `xml:"disposition"`
		DKIM        string         `xml:"dkim"`
		SPF         string         `xml:"spf"`
		Reasons     few[xmlReason] `xml:"reason"`
	}
	xmlReason struct {
		Type    string `xml:"type"`
		Comment string `xml:"comment,omitempty"`
	}
	xmlIdentifiers struct {
		From     string `xml:"header_from"`
		Envelope string `xml:"envelope_from"`
	}
	xmlResults struct {
		DKIM few[xmlDKIM] `xml:"dkim"`
		SPF  few[xmlSPF]  `xml:"spf"`
	}
	xmlDKIM struct {
		Domain   string `xml:"domain"`
		Selector string `xml:"selector"`
		Result   string `xml:"result"`
	}
	xmlSPF struct {
		Domain string `xml:"domain"`
		Scope  string `xml:"scope,omitempty"`
		Result string `xml:"result"`
	}
)

// XML writes the report; email is whom its reader may ask.
func (a Aggregate) XML(email, generator string) ([]byte, error) {
	f := xmlFeedback{
		Version: "1.0",
		Metadata: xmlMetadata{
			Org: a.Org, Email: email, ID: a.ID, Errors: a.Errors, Generator: generator,
			Begin: fmt.Sprint(a.Begin.Unix()), End: fmt.Sprint(a.End.Unix()),
		},
		Policy: a.Policy.xml(),
	}
	for _, r := range a.Rows {
		f.Records = append(f.Records, r.xml())
	}
	b := bytes.NewBufferString(xml.Header)
	e := xml.NewEncoder(b)
	e.Indent("", " ")
	if err := e.Encode(f); err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	return append(b.Bytes(), '\n'), nil
}

func (p Published) xml() xmlPublished {
	return xmlPublished{
		Domain: p.Domain, Discovery: "treewalk", Policy: p.Policy, SubPolicy: p.SubPolicy, NonExistent: p.NonExistent,
		FO: p.FailureOptions, DKIM: mode(p.StrictDKIM), SPF: mode(p.StrictSPF), Testing: word(p.Testing, "y", "n"),
	}
}

func (r Row) xml() xmlRecord {
	x := xmlRecord{
		Row: xmlRow{
			IP: r.IP.String(), Count: fmt.Sprint(r.Count),
			Evaluated: xmlEvaluated{Disposition: r.Disposition, DKIM: word(r.DKIMAligned, "pass", "fail"), SPF: word(r.SPFAligned, "pass", "fail")},
		},
		Identifiers: xmlIdentifiers{From: r.From, Envelope: r.Envelope},
	}
	if r.Override != "" {
		x.Row.Evaluated.Reasons = []xmlReason{{r.Override, r.Comment}}
	}
	for _, s := range r.DKIM {
		x.Results.DKIM = append(x.Results.DKIM, xmlDKIM(s))
	}
	for _, s := range r.SPF {
		x.Results.SPF = append(x.Results.SPF, xmlSPF(s))
	}
	return x
}

func mode(strict bool) string { return word(strict, "s", "r") }

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// yes reads what some write as "Y" or " pass ".
func yes(s, want string) bool { return strings.EqualFold(strings.TrimSpace(s), want) }
