package webmail

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestSTS(t *testing.T) {
	t.Parallel()
	w := newWorld()
	get := func() (int, string) {
		r := w.get("https://mta-sts.example.org/.well-known/mta-sts.txt")
		if r.Code == 200 && !strings.HasPrefix(r.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("type %q", r.Header().Get("Content-Type"))
		}
		return r.Code, r.Body.String()
	}
	if code, text := get(); code != 200 || text != "version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\nmax_age: 604800\r\n" {
		t.Errorf("%d %q", code, text)
	}
	w.STS = STS{Mode: "testing", MX: []string{"*.example.org", "bücher.example"}, MaxAge: 1e6 * time.Hour}
	if _, text := get(); text != "version: STSv1\r\nmode: testing\r\nmx: *.example.org\r\nmx: xn--bcher-kva.example\r\nmax_age: 31557600\r\n" {
		t.Errorf("%q", text)
	}
	w.STS = STS{}
	if code, _ := get(); code != 404 {
		t.Errorf("without a policy: %d", code)
	}
}

func TestAutoconfig(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for url, domain := range map[string]string{
		"https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=bob%40example.org":   "example.org",
		"https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=x%40elsewhere.test":  "example.org",
		"https://example.org/.well-known/autoconfig/mail/config-v1.1.xml":                      "example.org",
		"https://mail.example.org/mail/config-v1.1.xml?emailaddress=nobody%40other.test":       "other.test",
		"https://autoconfig.xn--bcher-kva.example/.well-known/autoconfig/mail/config-v1.1.xml": "xn--bcher-kva.example",
	} {
		r := w.get(url)
		var c clientConfig
		if err := xml.Unmarshal(r.Body.Bytes(), &c); err != nil || r.Code != 200 || !strings.HasPrefix(r.Header().Get("Content-Type"), "text/xml") {
			t.Errorf("%s: %d, %v", url, r.Code, err)
			continue
		}
		p := c.Provider
		want := configServer{"imap", "mail.example.org", 993, "SSL", "%EMAILADDRESS%", "password-cleartext"}
		if c.Version != "1.1" || p.ID != domain || p.Domain != domain || len(p.Incoming) != 1 || p.Incoming[0] != want ||
			len(p.Outgoing) != 2 || p.Outgoing[0].Port != 465 || p.Outgoing[0].Socket != "SSL" || p.Outgoing[1].Port != 587 || p.Outgoing[1].Socket != "STARTTLS" {
			t.Errorf("%s: %+v", url, p)
		}
	}
	for _, url := range []string{"https://mail.example.org/mail/config-v1.1.xml", "https://mail.example.org/mail/config-v1.1.xml?emailaddress=x@elsewhere.test", "https://mail.example.org/mail/config-v1.1.xml?emailaddress=%00"} {
		if r := w.get(url); r.Code != 404 {
			t.Errorf("%s: %d", url, r.Code)
		}
	}
	w.Ports = Ports{IMAPS: 993, SMTPS: 465}
	if text := w.get("https://autoconfig.example.org/mail/config-v1.1.xml").Body.String(); strings.Contains(text, "STARTTLS") {
		t.Errorf("what is not offered is named: %s", text)
	}
}

func question(address, schema string) string {
	return `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>` +
		address + `</EMailAddress><AcceptableResponseSchema>` + schema + `</AcceptableResponseSchema></Request></Autodiscover>`
}

func TestAutodiscover(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for name, c := range map[string]struct {
		body   string
		status int
		has    string
	}{
		"Outlook":             {question("bob@example.org", outlookSchema), 200, "<LoginName>bob@example.org</LoginName>"},
		"no schema":           {question("bob@example.org", ""), 200, "<Type>IMAP</Type>"},
		"somebody not there":  {question("nobody@other.test", outlookSchema), 200, "<LoginName>nobody@other.test</LoginName>"},
		"ActiveSync":          {question("bob@example.org", "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"), 200, "<ErrorCode>601</ErrorCode>"},
		"another server's":    {question("bob@elsewhere.test", outlookSchema), 200, "<ErrorCode>600</ErrorCode>"},
		"no address":          {question("", outlookSchema), 200, "<ErrorCode>600</ErrorCode>"},
		"markup in it":        {question(`"&lt;b&gt;&amp;x"@example.org`, outlookSchema), 200, "&lt;b&gt;&amp;x"},
		"not XML":             {"Email=bob", 400, ""},
		"cut short":           {question("bob@example.org", outlookSchema)[:200], 400, ""},
		"too large":           {question("bob@example.org", strings.Repeat("x", maxQuestion)), 400, ""},
		"larger than a body":  {question("bob@example.org", strings.Repeat("x", 2*maxBody)), 400, ""},
		"an entity":           {`<!DOCTYPE x [<!ENTITY a "bob@example.org">]>` + question("&a;", outlookSchema), 400, ""},
		"a file as an entity": {`<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + question("&a;", outlookSchema), 400, ""},
		"very deep":           {strings.Repeat("<a>", maxQuestion/3), 400, ""},
	} {
		r := w.do(httptest.NewRequest(http.MethodPost, "https://autodiscover.example.org/Autodiscover/Autodiscover.xml", strings.NewReader(c.body)))
		text := r.Body.String()
		if r.Code != c.status || !strings.Contains(text, c.has) || c.status == 200 && !wellFormed(text) {
			t.Errorf("%s: %d %s", name, r.Code, text)
		}
		if strings.Contains(text, "EXCH") || strings.Contains(text, "<b>") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if r := w.get("https://example.org/autodiscover/autodiscover.xml?Email=bob@example.org"); r.Code != 200 || !strings.Contains(r.Body.String(), "<Port>465</Port>") {
		t.Errorf("GET: %d %s", r.Code, r.Body)
	}
	for query, status := range map[string]int{"Protocol=AutodiscoverV1&Email=x": 200, "Protocol=ActiveSync": 400, "": 400} {
		r := w.get("https://autodiscover.example.org/autodiscover/autodiscover.json/v1.0/bob@example.org?" + query)
		var v map[string]string
		if err := json.Unmarshal(r.Body.Bytes(), &v); err != nil || r.Code != status || status == 200 && v["Url"] != "https://mail.example.org/autodiscover/autodiscover.xml" {
			t.Errorf("%s: %d %s, %v", query, r.Code, r.Body, err)
		}
	}
}

func wellFormed(text string) bool {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			return true
		} else if err != nil {
			return false
		}
	}
}

func TestAppleProfile(t *testing.T) {
	t.Parallel()
	w := newWorld()
	get := func(address string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "https://mail.example.org"+profilePlace, nil)
		r.URL.RawQuery = "address=" + strings.NewReplacer("%", "%25", "&", "%26", " ", "%20", "+", "%2B", "#", "%23", "\n", "%0A").Replace(address)
		return w.do(r)
	}
	r := get(`"<&]]>"@example.org`)
	text := r.Body.String()
	if r.Code != 200 || !wellFormed(text) || !strings.Contains(text, "<string>&#34;&lt;&amp;]]&gt;&#34;@example.org</string>") || strings.Contains(text, "<&") {
		t.Errorf("%d %s", r.Code, text)
	}
	r = get("bob@example.org")
	text = r.Body.String()
	for _, want := range []string{"<key>IncomingMailServerHostName</key><string>mail.example.org</string>", "<key>IncomingMailServerPortNumber</key><integer>993</integer>", "<key>OutgoingMailServerPortNumber</key><integer>465</integer>", "<key>IncomingMailServerUsername</key><string>bob@example.org</string>", "<key>OutgoingMailServerUseSSL</key><true/>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(text, "Password</key><string>") {
		t.Error("a password stands in it")
	}
	if r.Header().Get("Content-Type") != "application/x-apple-aspen-config" || r.Header().Get("Content-Disposition") != `attachment; filename="example.org.mobileconfig"` {
		t.Errorf("header %v", r.Header())
	}
	if get("bob@example.org").Body.String() != text {
		t.Error("the same profile twice differs: devices would install it twice")
	}
	for address, status := range map[string]int{"": 400, "bob": 400, "bob@elsewhere.test": 404, "bob@example.org\n": 200, "b\nob@example.org": 404, "nobody@other.test": 200, "@example.org": 404} {
		if r := get(address); r.Code != status {
			t.Errorf("%q: %d, want %d", address, r.Code, status)
		}
	}
}

// FuzzQuestion: what strangers post.
func FuzzQuestion(f *testing.F) {
	w := newWorld()
	f.Add(question("bob@example.org", outlookSchema))
	f.Add(question(`"]]>"@example.org`, ""))
	f.Add("<a><![CDATA[")
	f.Fuzz(func(t *testing.T, body string) {
		r := w.do(httptest.NewRequest(http.MethodPost, "https://example.org/autodiscover/autodiscover.xml", strings.NewReader(body)))
		if r.Code != 200 && r.Code != 400 || r.Code == 200 && !wellFormed(r.Body.String()) {
			t.Fatalf("%d %s", r.Code, r.Body)
		}
		w.logs.Reset()
	})
}
