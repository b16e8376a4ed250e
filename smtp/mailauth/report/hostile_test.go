package report

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
)

var long = flag.Bool("long", false, "open every bomb, not a third of them")

func gz(s string) string {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	io.WriteString(z, s)
	z.Close()
	return b.String()
}

func zipped(names ...string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		w, _ := z.Create(n)
		if !strings.HasSuffix(n, "/") {
			io.WriteString(w, smallXML)
		}
	}
	z.Close()
	return b.String()
}

const smallXML = `<?xml version="1.0" encoding="windows-1252"?><!-- c --><feedback><report_metadata><org_name>o</org_name><report_id>1</report_id></report_metadata>` +
	`<policy_published><domain>a.example</domain><p>none</p></policy_published>` +
	`<record><row><source_ip>192.0.2.1</source_ip><count>2</count><policy_evaluated><disposition>none</disposition><dkim>PASS</dkim></policy_evaluated></row>` +
	`<identifiers><header_from>someone@a.example</header_from></identifiers></record></feedback>`

func attached(media, content string) []byte {
	return []byte("Content-Type: " + media + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(content)) + "\r\n")
}

func TestPacked(t *testing.T) {
	t.Parallel()
	for name, m := range map[string][]byte{
		"zip":             attached("application/zip", zipped("a.xml")),
		"zip as gzip":     attached("application/gzip", zipped("a.xml")),
		"zip, a folder":   attached("application/octet-stream", zipped("d/", "d/a.xml")),
		"gzip":            attached("application/gzip", gz(smallXML)),
		"plain":           attached("text/xml", smallXML),
		"byte order mark": attached("application/xml", "\ufeff\r\n"+smallXML),
	} {
		r, _, err := readMail(t, m)
		if err != nil || r.Aggregate == nil || len(r.Aggregate.Rows) != 1 || r.Aggregate.Rows[0].From != "a.example" || r.Aggregate.Rows[0].Count != 2 || !r.Aggregate.Rows[0].DKIMAligned {
			t.Errorf("%s: %+v, %v", name, r.Aggregate, err)
		}
	}
	for name, m := range map[string][]byte{
		"text":                   []byte("Content-Type: text/plain\r\n\r\nhello\r\n"),
		"a picture":              attached("application/octet-stream", "\x89PNG"),
		"HTML":                   attached("application/xml", "<html><body>feedback</body></html>"),
		"empty":                  attached("application/gzip", ""),
		"broken":                 attached("application/gzip", gz(smallXML)[:50]),
		"no policy":              attached("text/xml", "<feedback></feedback>"),
		"JSON":                   attached("application/json", `{"policies":[]}`),
		"a multipart of nothing": []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n"),
	} {
		if r, _, err := readMail(t, m); !errors.Is(err, ErrNoReport) || r != (Report{}) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// TestBombs: what is small and unpacks to much costs neither memory nor time. It is
// not parallel, so nothing else is measured.
func TestBombs(t *testing.T) {
	big := 1 << 20
	if *long {
		big = 18 << 20 // more than is unpacked
	}
	slow := map[string]bool{"records": true, "errors": true, "spaces": true, "policies": true, "signatures": true}
	fill := func(head, piece string, n int) string { return head + strings.Repeat(piece, n/len(piece)) }
	for name, content := range map[string]string{
		"spaces":            gz(strings.Repeat(" ", big)),
		"depth":             gz(fill("<feedback>", "<a>", big)),
		"depth in a record": gz(fill("<feedback><record>", "<a>", big)),
		"one tag":           gz(fill("<feedback ", "a='' ", big)),
		"one text":          gz(fill("<feedback><version>", "1", big)),
		"records":           gz(fill("<feedback>", "<record/>", big)),
		"signatures":        gz(fill("<feedback><record><auth_results>", "<dkim/>", big)),
		"errors":            gz(fill("<feedback><report_metadata>", "<error/>", big)),
		"policies":          gz(fill(`{"policies":[{}`, ",{}", big)),
		"failures":          gz(fill(`{"policies":[{"failure-details":[{}`, ",{}", 1<<20) + "]}]}"),
		"JSON depth":        gz(fill(`{"policies":`, "[", big)),
	} {
		if slow[name] && !*long {
			continue
		}
		m := attached("application/gzip", content)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, _, err := readMail(t, m)
		runtime.ReadMemStats(&after)
		if bound := strings.HasPrefix(name, "depth") || strings.HasPrefix(name, "one"); bound && !errors.Is(err, errTooMuch) {
			t.Errorf("%s is read to its end: %v", name, err)
		}
		took, total := time.Since(began), (after.TotalAlloc-before.TotalAlloc)>>20
		t.Logf("%s: %v, %d MiB allocated in all", name, took.Round(time.Millisecond), total)
		if live := int64(after.HeapSys-before.HeapSys) >> 20; live > 256 {
			t.Errorf("%s: the heap grew by %d MiB", name, live)
		}
		if took > 20*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	endless := strings.Replace(smallXML, "<record>", strings.Repeat("<record/>", maxRows+10)+"<record>", 1)
	if r, _, err := readMail(t, attached("application/gzip", gz(endless))); err != nil || len(r.Aggregate.Rows) != maxRows || r.Aggregate.More == 0 {
		t.Errorf("of a long report nothing is read: %v", err)
	}
	deep := strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 1000)
	wide := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n\r\n", 100_000)
	for _, m := range []string{deep, wide} {
		if _, _, err := readMail(t, []byte(m)); err == nil {
			t.Error("found a report in nothing")
		}
	}
}

func TestCleanWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" A\tb\r\nc\x1b[2J\u202ed ": "A b c[2Jd", strings.Repeat("ü", 500): strings.Repeat("ü", 127), "\xff\xfe": "",
	} {
		if got := strings.Join(strings.Fields(clean(in)), " "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(attached("application/gzip", gz(smallXML)))
	f.Add(attached("application/zip", zipped("a.xml")))
	f.Add(attached("text/xml", smallXML))
	f.Add([]byte("Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\nSource-IP: 192.0.2.1\r\n--b--\r\n"))
	f.Add([]byte("Content-Type: application/tlsrpt+json\r\n\r\n{\"policies\":[{\"policy\":{\"policy-string\":\"x\"},\"failure-details\":[{\"failed-session-count\":-1}]}]}"))
	f.Fuzz(func(t *testing.T, m []byte) {
		h, err := mail.ReadHeader(bytes.NewReader(m), 0, 1<<20)
		if err != nil {
			return
		}
		Received(h)
		r, err := Read(bytes.NewReader(m), h)
		if (err == nil) != (r != (Report{})) {
			t.Fatalf("%+v, %v", r, err)
		}
		var b strings.Builder
		switch {
		case r.Aggregate != nil:
			r.Aggregate.WriteTable(&b)
			if _, err := r.Aggregate.XML("a@b.example", ""); err != nil {
				t.Errorf("cannot be written again: %v", err)
			}
		case r.TLS != nil:
			r.TLS.WriteTable(&b)
		}
		if strings.ContainsAny(b.String(), "\x1b\r\x00") {
			t.Errorf("the table would command a terminal: %q", b.String())
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add("v=TLSRPTv1; rua=mailto:x@a.example,https://a.example/r")
	f.Add("mailto:a%40b@c.example?x")
	f.Fuzz(func(t *testing.T, s string) {
		if a, ok := mailto(s); ok && (a.Local == "" || a.Domain == "" || strings.ContainsAny(a.String(), "\r\n")) {
			t.Errorf("%q gives %v", s, a)
		}
		if w, _ := parseTLSRecord(s); len(w.Mail)+len(w.HTTP) > maxDestinations {
			t.Errorf("%q gives %v", s, w)
		}
	})
}

func TestFailureFields(t *testing.T) {
	t.Parallel()
	f, err := ReadFailure(strings.NewReader("Feedback-Type: Auth-Failure\nVersion: 1\nSource-IP: 192.0.2.1\nReported-Domain: X.example\nIncidents: 7\n" +
		"Auth-Failure: dmarc\nIdentity-Alignment: none\nDelivery-Result: reject\nOriginal-Mail-From: <bob@x.example>\nDKIM-Domain: d.example"))
	if want := "{auth-failure dmarc x.example 192.0.2.1 d.example none reject 7}"; err != nil || fmt.Sprint(f) != want {
		t.Errorf("got %v, %v", f, err)
	}
	if _, err := ReadFailure(strings.NewReader("Version: 1")); !errors.Is(err, ErrNoReport) {
		t.Error(err)
	}
}
