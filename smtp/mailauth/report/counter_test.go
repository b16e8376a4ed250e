package report

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth/dmarc"
)

var (
	day1    = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	postbox = mail.Address{Local: "dmarc", Domain: "sender.example"}
	author  = Author{Org: "Demo & Sons", Domain: "demo.test", From: mail.Address{Local: "reports", Domain: "demo.test"}, Generator: "sealpost test"}
)

func observed(change func(*Observation)) Observation {
	o := Observation{
		Time: day1.Add(3 * time.Hour), IP: netip.MustParseAddr("::ffff:192.0.2.1"), From: "news.sender.example", Envelope: "bounce.sender.example",
		DMARC: dmarc.Verdict{
			Result: "pass", Policy: "reject", Disposition: "none", Domain: "sender.example", Org: "sender.example", DKIMAligned: true,
			Record: dmarc.Record{Policy: "reject", SubPolicy: "quarantine", PSD: "u", StrictSPF: true, RUA: []string{"mailto:dmarc@sender.example"}},
		},
		Disposition: "none", SPF: "pass",
		DKIM: []Signature{{"esp.example", "e", "pass"}, {"sender.example", "s", "pass"}, {"news.sender.example", "n", "fail"}},
	}
	if change != nil {
		change(&o)
	}
	return o
}

// TestCountAndReport follows mails from the count to the report that its reader
// opens.
func TestCountAndReport(t *testing.T) {
	t.Parallel()
	c := new(Counter)
	for range 3 {
		c.Add(observed(nil))
	}
	c.Add(observed(func(o *Observation) {
		o.Envelope, o.SPF, o.DKIM, o.DMARC.DKIMAligned, o.DMARC.Result = "", "", nil, false, "fail"
		o.Disposition, o.Override, o.Comment = "quarantine", "local_policy", "a <comment>"
		o.IP = netip.MustParseAddr("2001:db8::1")
	}))
	c.Add(observed(func(o *Observation) { o.Time = day1.AddDate(0, 0, 1) }))
	c.Add(observed(func(o *Observation) { o.DMARC.Record.RUA = nil }))
	c.Add(observed(func(o *Observation) { o.DMARC.Domain = "another.example" }))
	due := c.Due(day1.Add(25 * time.Hour))
	if len(due) != 2 || due[0].Report.Policy.Domain != "another.example" || due[1].RUA[0] != "mailto:dmarc@sender.example" {
		t.Fatalf("due %+v", due)
	}
	m, err := author.Aggregate(due[1], postbox, day1.Add(25*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r, h, err := readMail(t, m.Bytes)
	if err != nil || r.Aggregate == nil || !Received(h) {
		t.Fatalf("cannot be read back: %v\n%s", err, m.Bytes)
	}
	want := Aggregate{
		Org: "Demo & Sons", ID: r.Aggregate.ID, Begin: day1, End: day1.Add(24*time.Hour - time.Second),
		Policy: Published{Domain: "sender.example", Policy: "reject", SubPolicy: "quarantine", StrictSPF: true},
		Rows: []Row{
			{
				IP: netip.MustParseAddr("192.0.2.1"), Count: 3, Disposition: "pass", DKIMAligned: true,
				From: "news.sender.example", Envelope: "bounce.sender.example",
				DKIM: []Signature{{"sender.example", "s", "pass"}, {"esp.example", "e", "pass"}, {"news.sender.example", "n", "fail"}},
				SPF:  []SPFResult{{"bounce.sender.example", "mfrom", "pass"}},
			},
			{
				IP: netip.MustParseAddr("2001:db8::1"), Count: 1, Disposition: "quarantine",
				Override: "local_policy", Comment: "a <comment>", From: "news.sender.example",
			},
		},
	}
	if !reflect.DeepEqual(*r.Aggregate, want) {
		t.Errorf("read   %+v\nwanted %+v", *r.Aggregate, want)
	}
	form := `(?s)^From: reports@demo\.test\r\nTo: dmarc@sender\.example\r\nDate: .*\r\nMessage-ID: <[a-z0-9]{8}\.ID@demo\.test>\r\n` +
		`Subject: Report Domain: sender\.example\r\n Submitter: demo\.test\r\n Report-ID: <ID@demo\.test>\r\n` +
		`Auto-Submitted: auto-generated\r\n.*Content-Type: application/gzip\r\n.*filename="demo\.test!sender\.example!1795219200!1795305599\.xml\.gz"\r\n`
	id, _, _ := strings.Cut(want.ID, "@")
	if text := strings.ReplaceAll(string(m.Bytes), id, "ID"); !regexp.MustCompile(form).MatchString(text) {
		t.Errorf("the mail is %s", text)
	}
	again, err := author.Aggregate(due[1], postbox, day1.Add(26*time.Hour))
	if err != nil || !strings.Contains(string(again.Bytes), "Report-ID: <"+want.ID+">") {
		t.Error("sent again, it is another report")
	}
	c.Done(due[0])
	c.Done(due[1])
	if left := c.Due(day1.Add(25 * time.Hour)); len(left) != 0 {
		t.Errorf("%d reports are due after they were sent", len(left))
	}
	if left := c.Due(day1.Add(49 * time.Hour)); len(left) != 1 {
		t.Errorf("%d reports are due a day later", len(left))
	}
	if left := c.Due(day1.AddDate(0, 0, 30)); len(left) != 0 || c.rows != 0 {
		t.Errorf("%d reports, %d rows are kept for a month", len(left), c.rows)
	}
}

// TestXMLOrder: RFC 9990 wants the elements in an order, and a namespace.
func TestXMLOrder(t *testing.T) {
	t.Parallel()
	c := new(Counter)
	c.Add(observed(func(o *Observation) { o.DMARC.Record.Broken, o.Override = true, "other" }))
	text, err := c.Due(day1.AddDate(0, 0, 1))[0].Report.XML("a@b.example", "g")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, m := range regexp.MustCompile(`<([a-z_]+)`).FindAllStringSubmatch(string(text), -1) {
		order = append(order, m[1])
	}
	want := "feedback version report_metadata org_name email report_id date_range begin end error generator policy_published domain discovery_method p sp " +
		"adkim aspf testing record row source_ip count policy_evaluated disposition dkim spf reason type identifiers header_from envelope_from auth_results " +
		"dkim domain selector result dkim domain selector result dkim domain selector result spf domain scope result"
	if got := strings.Join(order, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !strings.Contains(string(text), `<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">`) {
		t.Error("no namespace")
	}
}

// TestCounterIsBounded: strangers who invent addresses and domains fill a bound,
// and what does not fit is known.
func TestCounterIsBounded(t *testing.T) {
	t.Parallel()
	c := new(Counter)
	for i := range maxOfDomain + 10 {
		c.Add(observed(func(o *Observation) { o.From = fmt.Sprint(i, ".example") }))
	}
	if c.Lost() != 10 || c.rows != maxOfDomain {
		t.Errorf("%d rows, %d lost", c.rows, c.Lost())
	}
	c.rows = maxCounted // as if others had filled it
	c.Add(observed(func(o *Observation) { o.DMARC.Domain = "new.example" }))
	if c.Lost() != 11 || len(c.counts) != 1 {
		t.Errorf("%d lost, %d domains", c.Lost(), len(c.counts))
	}
	c.Add(observed(func(o *Observation) { o.From = "7.example" }))
	if c.Lost() != 11 {
		t.Error("a known row is lost")
	}
}

func TestCounterOverRestart(t *testing.T) {
	t.Parallel()
	c, d := new(Counter), new(Counter)
	c.Add(observed(nil))
	c.Add(observed(func(o *Observation) { o.IP = netip.MustParseAddr("2001:db8::1") }))
	b, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	d.Add(observed(nil))
	if err := d.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	c.Add(observed(nil))
	now := day1.AddDate(0, 0, 1)
	if got, want := d.Due(now), c.Due(now); !reflect.DeepEqual(got, want) || d.rows != 2 {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for _, bad := range []string{"", "{}", `{"Version":2}`, "[]"} {
		if d.UnmarshalBinary([]byte(bad)) == nil {
			t.Errorf("%q is taken for counts", bad)
		}
	}
}

// TestDestinations is RFC 9990, section 4: nobody gets reports for whom they are
// not, and nobody is flooded.
func TestDestinations(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, `
_dmarc.blue.example.                     TXT "v=DMARC1; p=none"
blue.example._report._dmarc.red.example. TXT "v=DMARC1"
blue.example._report._dmarc.moved.example. TXT "v=DMARC1; rua=mailto:other@moved.example,mailto:third@Moved.example"
blue.example._report._dmarc.away.example. TXT "v=DMARC1; rua=mailto:x@victim.example"
blue.example._report._dmarc.spf.example. TXT "v=spf1 -all"
*._report._dmarc.all.example.            TXT "v=DMARC1;"
`)
	s.Fault("blue.example._report._dmarc.fails.example.", dnstest.ServFail)
	for rua, want := range map[string]string{
		"mailto:a@blue.example":                       "a@blue.example",
		"mailto:a@sub.blue.example":                   "a@sub.blue.example",
		"MAILTO:a%2Bb@Blue.example?subject=x":         "a+b@blue.example",
		"mailto:a@red.example":                        "a@red.example",
		"mailto:a@all.example":                        "a@all.example",
		"mailto:a@moved.example":                      "other@moved.example third@moved.example",
		"mailto:a@away.example":                       "",
		"mailto:a@spf.example":                        "",
		"mailto:a@victim.example":                     "",
		"https://blue.example/r":                      "",
		"mailto:a@blue.example,mailto:A@blue.example": "a@blue.example",
		"mailto:a@blue.example,b@blue.example":        "a@blue.example",
		"mailto:":                                     "",
		"mailto:a@[192.0.2.1]":                        "",
		"mailto:a%0D%0ABcc:x@blue.example":            "",
		"mailto:a@fails.example":                      "error",
		strings.Repeat("mailto:x@red.example,", 9) + "mailto:1@blue.example,mailto:2@blue.example,mailto:3@blue.example,mailto:4@blue.example,mailto:5@blue.example": "x@red.example 1@blue.example 2@blue.example 3@blue.example 4@blue.example",
	} {
		list, err := Destinations(context.Background(), s.Resolver(), "blue.example", strings.Split(rua, ","))
		got := ""
		for _, a := range list {
			got += " " + a.String()
		}
		if err != nil {
			got = " error"
		}
		if got = strings.TrimSpace(got); got != want {
			t.Errorf("%s: got %q, want %q (%v)", rua, got, want, err)
		}
	}
}
