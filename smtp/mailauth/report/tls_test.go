package report

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns/dnstest"
)

func session(change func(*TLSSession)) TLSSession {
	s := TLSSession{
		Time: day1.Add(time.Hour), Domain: "There.example", PolicyType: "sts",
		Policy: []string{"version: STSv1", "mode: enforce", "mx: *.there.example", "max_age: 86400"}, MX: "mx.there.example", IP: "192.0.2.25",
	}
	if change != nil {
		change(&s)
	}
	return s
}

func counted3() *TLSCounter {
	c := new(TLSCounter)
	c.Add(session(nil))
	c.Add(session(nil))
	c.Add(session(func(s *TLSSession) { s.Result, s.Detail = "certificate-expired", "x509: expired" }))
	c.Add(session(func(s *TLSSession) { s.PolicyType, s.Policy = "no-policy-found", nil }))
	c.Add(session(func(s *TLSSession) { s.Time = day1.AddDate(0, 0, 1) }))
	c.Add(session(func(s *TLSSession) { s.Domain = "other.example" }))
	return c
}

func TestTLSReport(t *testing.T) {
	t.Parallel()
	now := day1.Add(26 * time.Hour)
	c := counted3()
	due := c.Due(now)
	if len(due) != 2 || due[0].Domain != "other.example" || due[1].Domain != "there.example" {
		t.Fatalf("due %+v", due)
	}
	to := mail.Address{Local: "tls", Domain: "there.example"}
	m, err := author.TLS(due[1], to, now)
	if err != nil {
		t.Fatal(err)
	}
	r, h, err := readMail(t, m.Bytes)
	if err != nil || r.TLS == nil || !Received(h) {
		t.Fatalf("%v\n%s", err, m.Bytes)
	}
	want := due[1].Report
	want.Org, want.ID = author.Org, r.TLS.ID
	if !reflect.DeepEqual(*r.TLS, want) {
		t.Errorf("read   %+v\nwanted %+v", *r.TLS, want)
	}
	if p := r.TLS.Policies; len(p) != 2 || p[1].Summary != (TLSSummary{2, 1}) || p[1].Policy.MX[0] != "*.there.example" || p[1].Failures[0].Sessions != 1 || p[1].Failures[0].Reason != "x509: expired" || p[1].Failures[0].More != "" || p[0].Summary.Successes != 1 {
		t.Errorf("policies %+v", p)
	}
	for _, line := range []string{
		"TLS-Report-Domain: there.example\r\n", "TLS-Report-Submitter: demo.test\r\n", "TLS-Required: No\r\n",
		"Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n", "Content-Type: application/tlsrpt+gzip\r\n",
		" filename=\"demo.test!there.example!1795219200!1795305599!" + strings.TrimSuffix(want.ID, "@demo.test") + ".json.gz\"\r\n",
	} {
		if !strings.Contains(string(m.Bytes), line) {
			t.Errorf("no line %q in\n%s", line, m.Bytes)
		}
	}
	c.Done(due[1])
	if left := c.Due(now); len(left) != 1 || len(c.Due(day1.AddDate(0, 1, 0))) != 0 || len(c.counts) != 0 {
		t.Errorf("left %+v", left)
	}
}

func TestTLSCounterIsBounded(t *testing.T) {
	t.Parallel()
	c := new(TLSCounter)
	for i := range maxTLSFailures + 5 {
		c.Add(session(func(s *TLSSession) { s.Result, s.Detail = "validation-failure", fmt.Sprint(i) }))
	}
	if p := c.Due(day1.AddDate(0, 0, 1))[0].Report.Policies[0]; len(p.Failures) != maxTLSFailures || p.Summary.Failures != maxTLSFailures+5 {
		t.Errorf("%d kinds, %d failures", len(p.Failures), p.Summary.Failures)
	}
	for i := range maxTLSPolicies + 5 {
		c.Add(session(func(s *TLSSession) { s.Domain = fmt.Sprint(i, ".example") }))
	}
	if c.Lost() != 6 || len(c.counts) != maxTLSPolicies {
		t.Errorf("%d lost, %d kept", c.Lost(), len(c.counts))
	}
}

func TestTLSCounterOverRestart(t *testing.T) {
	t.Parallel()
	b, err := counted3().MarshalBinary()
	d := new(TLSCounter)
	if err != nil || d.UnmarshalBinary(b) != nil {
		t.Fatal(err)
	}
	now := day1.AddDate(0, 0, 5)
	if got, want := d.Due(now), counted3().Due(now); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if d.UnmarshalBinary([]byte("{}")) == nil {
		t.Error("nothing is taken for counts")
	}
}

func TestTLSDestinations(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, `
_smtp._tls.a.example. TXT "v=TLSRPTv1; rua=mailto:x@a.example,https://a.example/r, http://a.example/no,mailto:nobody"
_smtp._tls.two.example. TXT "v=TLSRPTv1; rua=mailto:x@a.example"
_smtp._tls.two.example. TXT "v=TLSRPTv1; rua=mailto:y@a.example"
_smtp._tls.noise.example. TXT "v=TLSRPTv1;rua=mailto:x@a.example;ext=1"
_smtp._tls.noise.example. TXT "v=TLSRPTv2;rua=mailto:y@a.example"
_smtp._tls.many.example. TXT "v=TLSRPTv1;rua=mailto:1@a.example,mailto:2@a.example,mailto:3@a.example,mailto:4@a.example,mailto:5@a.example,mailto:6@a.example"
`)
	s.Fault("_smtp._tls.fails.example.", dnstest.ServFail)
	for domain, want := range map[string]string{
		"a.example": "[x@a.example] [https://a.example/r]", "two.example": "[] []", "noise.example": "[x@a.example] []", "none.example": "[] []",
		"many.example": "[1@a.example 2@a.example 3@a.example 4@a.example 5@a.example] []", "fails.example": "error",
	} {
		w, err := TLSDestinations(context.Background(), s.Resolver(), domain)
		got := fmt.Sprint(w.Mail, w.HTTP)
		if err != nil {
			got = "error"
		}
		if got = strings.ReplaceAll(got, "][", "] ["); got != want {
			t.Errorf("%s: got %s, want %s", domain, got, want)
		}
	}
}

func TestPost(t *testing.T) {
	t.Parallel()
	status := http.StatusCreated
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		var got TLSReport
		if err != nil || json.NewDecoder(z).Decode(&got) != nil || got.Policies[0].Policy.Domain != "other.example" || r.Header.Get("Content-Type") != "application/tlsrpt+gzip" {
			t.Errorf("posted %+v, %v", got, err)
		}
		w.WriteHeader(status)
	}))
	defer srv.Close()
	due := counted3().Due(day1.AddDate(0, 0, 1))[0]
	if err := author.Post(context.Background(), srv.Client(), srv.URL+"/report", due); err != nil {
		t.Error(err)
	}
	status = http.StatusForbidden
	if author.Post(context.Background(), srv.Client(), srv.URL, due) == nil {
		t.Error("a refusal counts as sent")
	}
	if author.Post(context.Background(), srv.Client(), strings.Replace(srv.URL, "https", "http", 1), due) == nil {
		t.Error("posts without TLS")
	}
}
