package mailauth_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth/dkim"
	"sealpost/smtp/mailauth/dkim/arc"
)

// texts answers TXT questions from a map.
type texts map[string]string

func (z texts) TXT(_ context.Context, name string) (dns.Answer[string], error) {
	if s, ok := z[strings.ToLower(name)]; ok {
		return dns.Answer[string]{Records: []string{s}}, nil
	}
	return dns.Answer[string]{}, dns.ErrNotFound
}

func suiteTexts(n node) texts {
	z := texts{}
	for i, name := range n.keys {
		z[strings.ToLower(name)] = strings.TrimSpace(n.items[i].scalar)
	}
	return z
}

// wire gives a text the line ends it has in SMTP.
func wire(s string) *bytes.Reader {
	return bytes.NewReader([]byte(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")))
}

// verifyChain reads a mail and judges its chain.
func verifyChain(t *testing.T, m mail.Bytes, keys texts) (*arc.Chain, mail.Header) {
	t.Helper()
	h, err := mail.ReadHeader(m, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	c := arc.Read(h)
	body, err := dkim.HashBody(m, h.End, true, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Verify(h.Fields, body, dkim.LookUp(t.Context(), keys, c.Names()), time.Unix(12345, 0))
	return c, h
}

// arcDifferences are the cases of the validation suite that end differently.
var arcDifferences = map[string]string{
	"ams_fields_c_na": "RFC 8617, section 4.1.2, takes c= from DKIM, where none is simple; the suite is of a draft where it was relaxed",
}

func TestSuiteARCValidation(t *testing.T) {
	t.Parallel()
	passed, all := 0, 0
	for _, doc := range readYAML(corpusFile(t, "arc-test-suite/arc-draft-validation-tests.yml")) {
		keys, tests := suiteTexts(doc.get("txt-records")), doc.get("tests")
		for i, name := range tests.keys {
			all++
			want := strings.ToLower(strings.TrimSpace(tests.items[i].get("cv").scalar))
			if want == "" { // the suite's word for a chain that says cv=fail itself
				want = "fail"
			}
			c, _ := verifyChain(t, wire(tests.items[i].get("message").scalar), keys)
			same := string(c.Result) == want
			if _, known := arcDifferences[name]; known == same {
				t.Errorf("%s: %s (%s), want %s; known to differ: %t", name, c.Result, c.Reason, want, known)
			}
			if same {
				passed++
			}
		}
	}
	t.Logf("ARC validation suite: %d of %d", passed, all)
	if all < 150 {
		t.Errorf("only %d cases were read", all)
	}
}

func TestSuiteARCSigning(t *testing.T) {
	t.Parallel()
	passed, all := 0, 0
	for _, doc := range readYAML(corpusFile(t, "arc-test-suite/arc-draft-sign-tests.yml")) {
		private, err := dkim.ParsePEM([]byte(doc.get("privatekey").scalar))
		if err != nil {
			t.Fatal(err)
		}
		tests := doc.get("tests")
		for i, name := range tests.keys {
			all++
			c := tests.items[i]
			sealer := arc.Sealer{Domain: doc.get("domain").scalar, Selector: doc.get("sel").scalar, Private: private, Now: seconds(t, c)}
			if sealCase(t, name, c, sealer, suiteTexts(doc.get("txt-records"))) {
				passed++
			}
		}
	}
	t.Logf("ARC signing suite: %d of %d", passed, all)
	if all < 10 {
		t.Errorf("only %d cases were read", all)
	}
}

func seconds(t *testing.T, c node) time.Time {
	t.Helper()
	n, err := strconv.ParseInt(c.get("t").scalar, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(n, 0)
}

// sealCase seals. RSA signs the same bytes the same way, so the message signature
// must be the suite's. A seal covers the folds in the b= before it, where the
// suite has none: ours must verify, and so must the suite's.
func sealCase(t *testing.T, name string, c node, sealer arc.Sealer, keys texts) bool {
	t.Helper()
	message := c.get("message").scalar
	got, err := sealText(t, wire(message), c, sealer, keys)
	if strings.TrimSpace(c.get("AS").scalar) == "" {
		if !errors.Is(err, arc.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
		return errors.Is(err, arc.ErrClosed)
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	theirs := "ARC-Seal: " + oneLine(c, "AS") + "\r\nARC-Message-Signature: " + oneLine(c, "AMS") +
		"\r\nARC-Authentication-Results: " + oneLine(c, "AAR") + "\r\n"
	return sameSet(t, name, got, theirs) && holds(t, name, got+message, keys) && holds(t, name, theirs+message, keys)
}

// oneLine unfolds a field of the suite and takes the white space out of its b=.
func oneLine(c node, field string) string {
	s := strings.Join(strings.Fields(c.get(field).scalar), " ")
	head, rest, ok := strings.Cut(s, " b=")
	if !ok {
		return s
	}
	b, tail, _ := strings.Cut(rest, ";")
	return head + " b=" + strings.ReplaceAll(b, " ", "") + ";" + tail
}

func sealText(t *testing.T, m *bytes.Reader, c node, sealer arc.Sealer, keys texts) (string, error) {
	t.Helper()
	chain, h := verifyChain(t, m, keys)
	body, err := dkim.HashBody(m, h.End, false, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, results, _ := strings.Cut(oneLine(c, "AAR"), ";")
	got, err := sealer.Seal(chain, h.Fields, body, results+"\r\n", strings.Split(c.get("sig-headers").scalar, ":"))
	return string(got), err
}

// sameSet compares the tags of two sets but for the signature of the seal.
func sameSet(t *testing.T, name, got, want string) bool {
	t.Helper()
	g, err := mail.ReadHeader(wire(got), 0, 1<<20)
	w, err2 := mail.ReadHeader(wire(want), 0, 1<<20)
	if err != nil || err2 != nil || len(g.Fields) != 3 || len(w.Fields) != 3 {
		t.Fatalf("%s: %v, %v, %d and %d fields", name, err, err2, len(g.Fields), len(w.Fields))
	}
	same := true
	for i := range 2 {
		made, err := dkim.ParseTags(g.Fields[i].Value())
		wanted, err2 := dkim.ParseTags(w.Fields[i].Value())
		if err != nil || err2 != nil || len(made) != len(wanted) {
			t.Fatalf("%s: %v, %v, %d and %d tags", name, err, err2, len(made), len(wanted))
		}
		for tag, value := range wanted {
			if m := strings.Join(strings.Fields(made[tag]), ""); m != value && (i != 0 || tag != "b") {
				t.Errorf("%s: %s has %s=%s, want %s", name, g.Fields[i].Name, tag, m, value)
				same = false
			}
		}
	}
	return same
}

// holds says that a chain verifies, or as far as its last sealer lets it.
func holds(t *testing.T, name, m string, keys texts) bool {
	t.Helper()
	c, _ := verifyChain(t, wire(m), keys)
	ok := c.Result == dkim.Pass || c.Closed && c.Result == dkim.Fail && strings.Contains(m, "cv=fail")
	if !ok {
		t.Errorf("%s: sealed, it is %s: %s", name, c.Result, c.Reason)
	}
	return ok
}
