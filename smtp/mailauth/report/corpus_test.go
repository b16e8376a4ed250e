package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
)

// corpus is a folder of reports that others wrote, or nothing to test.
func corpus(t testing.TB, pattern string) []string {
	t.Helper()
	dir := os.Getenv("SEALPOST_CORPUS")
	if dir == "" {
		dir = "../../../../shared/corpus"
	}
	files, err := filepath.Glob(filepath.Join(dir, "auth", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("no corpus")
	}
	return files
}

// readMail reads a report out of a mail, whose lines end as they like.
func readMail(t testing.TB, b []byte) (Report, mail.Header, error) {
	t.Helper()
	m := bytes.NewReader(crlf(b))
	h, err := mail.ReadHeader(m, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Read(m, h)
	return r, h, err
}

// TestReportsOfOthers reads reports as servers out there write them.
func TestReportsOfOthers(t *testing.T) {
	t.Parallel()
	for pattern, kind := range map[string]string{
		"mox-reports/*.eml": "", "stalwart-mail-auth/dmarc-feedback__*.eml": "aggregate",
		"stalwart-mail-auth/tlsrpt__*.eml": "tls", "stalwart-mail-auth/arf__*.eml": "failure",
	} {
		files := corpus(t, pattern)
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, h, err := readMail(t, b)
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
				continue
			}
			if !Received(h) && !strings.Contains(file, "dmarc-feedback") {
				t.Errorf("%s does not look like a report", filepath.Base(file))
			}
			switch {
			case r.Aggregate != nil && (kind == "aggregate" || kind == ""):
				checkAggregate(t, file, *r.Aggregate)
			case r.TLS != nil && (kind == "tls" || kind == ""):
				if len(r.TLS.Policies) == 0 || r.TLS.Range.Start.IsZero() || r.TLS.Contact != "" || r.TLS.ID == "" {
					t.Errorf("%s: %+v", filepath.Base(file), r.TLS)
				}
			case r.Failure != nil && kind == "failure":
				if r.Failure.Type == "" || r.Failure.Incidents == 0 {
					t.Errorf("%s: %+v", filepath.Base(file), r.Failure)
				}
			default:
				t.Errorf("%s is taken for another kind: %+v", filepath.Base(file), r)
			}
		}
		t.Logf("%s: %d", pattern, len(files))
	}
}

func TestAggregatesOfOthers(t *testing.T) {
	t.Parallel()
	for _, file := range corpus(t, "stalwart-mail-auth/dmarc-feedback__*.xml") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ReadAggregate(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		checkAggregate(t, file, a)
	}
}

func checkAggregate(t *testing.T, file string, a Aggregate) {
	t.Helper()
	all, passed := a.Total()
	if a.Org == "" || a.ID == "" || a.Begin.IsZero() || !a.End.After(a.Begin) || a.Policy.Domain == "" || a.Policy.Policy == "" || len(a.Rows) == 0 || all == 0 || passed > all {
		t.Errorf("%s: %+v", filepath.Base(file), a)
	}
	for _, r := range a.Rows {
		if !r.IP.IsValid() || r.From == "" || r.Disposition == "" || len(r.DKIM)+len(r.SPF) == 0 || strings.Contains(r.From+r.Envelope, "@") {
			t.Errorf("%s: row %+v", filepath.Base(file), r)
		}
	}
	var b strings.Builder
	if err := a.WriteTable(&b); err != nil || strings.Count(b.String(), "\n") != len(a.Rows)+2 {
		t.Errorf("%s: table %q, %v", filepath.Base(file), b.String(), err)
	}
}

func TestTLSReportsOfOthers(t *testing.T) {
	t.Parallel()
	for _, file := range corpus(t, "stalwart-mail-auth/tlsrpt__*.json") {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ReadTLS(f)
		f.Close()
		var b strings.Builder
		if err != nil || r.Org == "" || r.Range.End.Sub(r.Range.Start) < 23*time.Hour || r.WriteTable(&b) != nil || !strings.Contains(b.String(), "success") {
			t.Errorf("%s: %+v, %v", filepath.Base(file), r, err)
		}
	}
}
