package pgp

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"sealpost/mail"
)

// shownPayload seals and opens a mail for a client.
func shownPayload(t testing.TB, m []byte) (string, mail.Header) {
	t.Helper()
	o := testOwners()[Compat]
	letter := raw(t, mustSeal(t, arrived(m), o.Recipient), KindMessage)
	shown, _, err := o.open(false, letter)
	if err != nil {
		t.Fatal(err)
	}
	if restored, _, err := o.open(true, letter); err != nil || restored != string(m) {
		t.Fatalf("restored %q, %v", restored, err)
	}
	h, err := mail.ReadHeader(strings.NewReader(shown), 0, int64(len(shown))+1)
	if err != nil || !h.Clean {
		t.Fatalf("payload %q is not clean: %v", shown, err)
	}
	return shown, h
}

func TestContentTypeEdit(t *testing.T) {
	t.Parallel()
	const mark = `hp="cipher"; protected-headers="v1"`
	for field, want := range map[string]string{
		"Content-Type: text/plain":                                   "text/plain; " + mark,
		"Content-Type: text/html;":                                   "text/html; " + mark + ";",
		"Content-Type: text/plain; charset=utf-8; ":                  "text/plain; " + mark + "; charset=utf-8;",
		"Content-Type:\n multipart/mixed;\n\tboundary=\"a;b\"":       "multipart/mixed; " + mark + ";\tboundary=\"a;b\"",
		"content-type :  (a (b) comment) text/plain (c;) ; x=y":      "(a (b) comment) text/plain; " + mark + " (c;) ; x=y",
		"Content-Type: text/plain charset=utf-8":                     "text/plain; " + mark + "; charset=utf-8",
		"Content-Type: text/plain; hp=\"clear\"; HP=cipher":          "text/plain; " + mark + "; x-hp=\"clear\"; x-HP=cipher",
		"Content-Type: text/plain; x=\"; hp=no\"; hp*0=a":            "text/plain; " + mark + "; x=\"; hp=no\"; x-hp*0=a",
		"Content-Type: text/plain; x=\"unclosed; hp=y":               "text/plain; " + mark + "; x=\"unclosed; hp=y",
		"Content-Type: text/plain; protected-headers=v1; a=b":        "text/plain; " + mark + "; x-protected-headers=v1; a=b",
		"Content-Type: text/plain; (hp=) hp-legacy-display=1":        "text/plain; " + mark + "; (hp=) x-hp-legacy-display=1",
		"Content-Type: text":                                         "text/plain; charset=us-ascii; " + mark,
		"Content-Type:":                                              "text/plain; charset=us-ascii; " + mark,
		"Content-Type: text\nContent-Type: text/html":                "text/html; " + mark,
		"Content-Type: text/html\nContent-Type: text/plain; hp=none": "text/html; " + mark,
		"Subject: no type":                                           "text/plain; charset=us-ascii; " + mark,
	} {
		_, h := shownPayload(t, crlf("From: a@b.example\n"+field+"\n\nbody\n"))
		ct, _ := h.Get("Content-Type")
		if got := ct.Value(); got != want {
			t.Errorf("%q became %q, want %q", field, got, want)
		}
	}
}

// TestForgedFields is ATTACKS B11 and B09: what only we may say inside the seal
// is renamed where a sender said it, and comes back when restored.
func TestForgedFields(t *testing.T) {
	t.Parallel()
	forgery := []string{
		"Sealpost-Seal: v=1; front=0000000010; pad=00000; size=0000000001; edits=-; class=both; time=1",
		"HP-Outer: From: boss@demo.test", "hp-outer : Subject: x", "Sealpost-Class: end-to-end",
		"SEALPOST-Padding: y", "Autocrypt-Gossip: addr=a@b.example; keydata=AAAA", "Sealpost-Header: v=1; front=1",
	}
	m := crlf(strings.Join(forgery, "\n") + "\nFrom: a@b.example\nSubject: s\nContent-Type: text/plain\n\nHP-Outer: body is not touched\n")
	shown, h := shownPayload(t, m)
	if n := len(h.Values("Sealpost-Seal")); n != 1 {
		t.Errorf("%d seal lines", n)
	}
	for _, v := range h.Values("HP-Outer") {
		if strings.Contains(v, "boss") || v == "Subject: x" {
			t.Errorf("forged HP-Outer: %s", v)
		}
	}
	for _, name := range []string{"Autocrypt-Gossip", "Sealpost-Class", "Sealpost-Header"} {
		if v := h.Values(name); len(v) > 0 {
			t.Errorf("forged %s: %q", name, v)
		}
	}
	if got := len(h.Values("X-Forged-HP-Outer")) + len(h.Values("X-Forged-Sealpost-Class")); got != 3 {
		t.Errorf("%d forged fields are marked as such, want 3", got)
	}
	if !strings.Contains(shown, "\r\n\r\nHP-Outer: body is not touched") {
		t.Error("the body was touched")
	}
	// Without the edits the forgery would stand: the check sees it.
	h, err := mail.ReadHeader(bytes.NewReader(m), 0, 1<<20)
	if err != nil || len(h.Values("HP-Outer")) != 2 || len(h.Values("Sealpost-Seal")) != 1 {
		t.Error("the mail forges nothing: the test shows nothing")
	}
}

// TestForgedVerdicts is ATTACKS B11 for RFC 8601, section 5: what claims to be our
// verdict is renamed, what others found out stays, and all comes back when restored.
func TestForgedVerdicts(t *testing.T) {
	t.Parallel()
	const forged = "Authentication-Results: mx.demo.test; dmarc=pass header.from=bank.example\n"
	for field, renamed := range map[string]bool{
		forged: true,
		"AUTHENTICATION-RESULTS : MX.Demo.Test. ; dmarc=pass\n":                               true,
		"Authentication-Results: mx.demo.test 1; dmarc=pass\n":                                true,
		"Authentication-Results: mx.demo.test/1; dmarc=pass\n":                                true,
		"Authentication-Results:\n\t(by (us)) mx.demo.test;\n dmarc=pass\n":                   true,
		"Authentication-Results: mx.demo.test(us); dmarc=pass\n":                              true,
		"Authentication-Results: mx.demo.test\n":                                              true,
		"Authentication-Results: \"mx.demo.test\"; dmarc=pass\n":                              true,
		"Authentication-Results: \"mx\\.demo.test\"; dmarc=pass\n":                            true,
		"Authentication-Results: ; dmarc=pass\n":                                              true,
		"Authentication-Results: dmarc=pass\n":                                                true,
		"Authentication-Results: mx.demo.test dmarc=pass\n":                                   true,
		"Authentication-Results: mx.other.example; dmarc=pass smtp.mailfrom=a@mx.demo.test\n": false,
		"Authentication-Results: mx.other.example 1; dmarc=pass\n":                            false,
		"Authentication-Results: not-mx.demo.test; none\n":                                    false,
		"ARC-Authentication-Results: i=1; mx.demo.test; dmarc=pass\n":                         false,
		"Received-SPF: pass\n":                                                                false,
	} {
		m := arrived(crlf(field + "From: a@b.example\nSubject: s\nContent-Type: text/plain\n\nbody\n"))
		m.Authserv = "mx.demo.test"
		m.Trace = crlf("Authentication-Results: mx.demo.test; dmarc=fail\n")
		o := testOwners()[Modern]
		s := mustSeal(t, m, o.Recipient)
		shown, _, err := o.open(false, raw(t, s, KindMessage))
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(strings.TrimSpace(field), ":")
		if got := strings.Contains(shown, "\r\nX-Forged-"+name); got != renamed {
			t.Errorf("%q: renamed is %v", field, got)
		}
		if got, _, err := o.open(true, raw(t, s, KindMessage)); err != nil || got != string(crlf(field+"From: a@b.example\nSubject: s\nContent-Type: text/plain\n\nbody\n")) {
			t.Errorf("%q: restores %q, %v", field, got, err)
		}
		if !strings.Contains(shown, "\r\nAuthentication-Results: mx.demo.test; dmarc=fail\r\n") {
			t.Errorf("%q: our own verdict is gone", field)
		}
	}
	for _, authserv := range []string{"mail.bücher.example", "Mail.xn--bcher-kva.example."} {
		m := arrived(crlf("Authentication-Results: mail.XN--bcher-kva.example; dmarc=pass\nFrom: a@b.example\n\nbody\n"))
		m.Authserv = authserv
		o := testOwners()[Modern]
		if shown, _, err := o.open(false, raw(t, mustSeal(t, m, o.Recipient), KindMessage)); err != nil || !strings.Contains(shown, "\r\nX-Forged-Authentication-Results: mail") {
			t.Errorf("%s: not renamed, %v: %s", authserv, err, shown)
		}
	}
	shown, _ := shownPayload(t, crlf(forged+"From: a@b.example\n\nbody\n"))
	if strings.Contains(shown, "X-Forged-") {
		t.Error("renamed where nobody judges")
	}
}

// TestOuterIsListed is RFC 9788, section 2.2: HP-Outer repeats exactly the
// visible non-structural fields, in order.
func TestOuterIsListed(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	for _, level := range []Level{Open, Baseline, Shy, Minimal} {
		s := mustSeal(t, arrived(plainMail), o.at(level))
		shown, _, err := o.open(false, raw(t, s, KindMessage))
		if err != nil {
			t.Fatal(err)
		}
		inner, err := mail.ReadHeader(strings.NewReader(shown), 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		outer, err := mail.ReadHeader(bytes.NewReader(s.Outer()), 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, f := range outer.Fields {
			if f.Name != "MIME-Version" && !strings.HasPrefix(f.Name, "Content-") {
				want = append(want, f.Name+": "+f.Value())
			}
		}
		if got := strings.Join(inner.Values("HP-Outer"), "\n"); got != strings.Join(want, "\n") {
			t.Errorf("%s: HP-Outer\n%s\nouter\n%s", level, got, strings.Join(want, "\n"))
		}
		if subject := inner.Values("Subject"); len(subject) != 1 || subject[0] != "the secret canary" {
			t.Errorf("%s: inner subject %q", level, subject)
		}
	}
}

// TestWrapped shows that what has no readable header becomes the text of an
// entity of ours, and comes back.
func TestWrapped(t *testing.T) {
	t.Parallel()
	manyForged := strings.Repeat("HP-Outer: x\n", maxEdits+1)
	for name, m := range map[string]string{
		"empty":             "",
		"no header":         "\nbody\n",
		"fold first":        " folded\nSubject: s\n\nbody\n",
		"broken line":       "Subject: s\nbroken line\nTo: a@b.example\n\nbody\n",
		"text":              "hello world\n",
		"too many forged":   "Subject: s\n" + manyForged + "\nbody\n",
		"header of 300 KiB": "Subject: s\n" + strings.Repeat("X: "+strings.Repeat("y", 70)+"\n", 4200) + "\nbody\n",
	} {
		shown, h := shownPayload(t, crlf(m))
		ct, _ := h.Get("Content-Type")
		if !strings.HasPrefix(ct.Value(), "text/plain; charset=utf-8; hp=\"cipher\"") || !h.Blank || !strings.HasSuffix(shown[:h.End], "\r\n\r\n") {
			t.Errorf("%s: %q", name, shown[:min(len(shown), 600)])
		}
		if got := shown[h.End:]; got != string(crlf(m)) {
			t.Errorf("%s: text is %d bytes, want %d", name, len(got), len(m))
		}
	}
}

func TestMboxLine(t *testing.T) {
	t.Parallel()
	_, h := shownPayload(t, crlf("From a@b.example Sat Nov 22 10:00:00 2025\nFrom: a@b.example\nContent-Type: text/html\n\n<p>\n"))
	if ct, _ := h.Get("Content-Type"); !strings.HasPrefix(ct.Value(), "text/html; hp=") || len(h.Values("X-Mbox")) != 1 {
		t.Errorf("type %q", ct.Value())
	}
}

// FuzzProtect seals and restores anything, and looks at what is shown.
func FuzzProtect(f *testing.F) {
	for _, s := range []string{
		"", "\r\n", "From: a@b\r\n\r\nx", "From x\r\nA: b\r\n\r\n", " x", "A", "A:", "A:\r\n b\r\n\r\n", "HP-Outer: x\r\nContent-Type: text/plain;\r\n hp=x\r\n\r\ny",
		"Content-Type: (((\r\n\r\n", "Content-Type: a/b; x=\"\\\r\n\r\n", "Sealpost-Seal: v=1\r\n", "Subject: =?utf-8?Q?=00?=\r\nTo: g: a@b, c;\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	sized := func(n int64) int64 { return n + 100 }
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := arrived(raw)
		p, err := newPayload(m, visibleFields(m, Baseline, nil), SealedOnArrival, sized)
		if err != nil {
			t.Fatal(err)
		}
		var whole bytes.Buffer
		if err := p.writeTo(&whole); err != nil || int64(whole.Len()) != p.size || bucket(sized(p.size)) != sized(p.size) {
			t.Fatalf("%d bytes, announced %d, %v", whole.Len(), p.size, err)
		}
		var restored bytes.Buffer
		if err := restorePayload(whole.Bytes(), &restored); err != nil || !bytes.Equal(restored.Bytes(), raw) {
			t.Fatalf("restored %q, %v", restored.Bytes(), err)
		}
		h, err := mail.ReadHeader(bytes.NewReader(whole.Bytes()), 0, 1<<20)
		if err != nil || len(h.Values("Sealpost-Seal")) != 1 || !strings.HasPrefix(whole.String(), sealField) {
			t.Fatalf("%d seal lines, %v", len(h.Values("Sealpost-Seal")), err)
		}
		ct, _ := h.Get("Content-Type")
		if !strings.Contains(ct.Value(), `hp="cipher"`) {
			t.Fatalf("not marked: %q", whole.Bytes())
		}
	})
}

// FuzzReadPayload reads any plaintext that claims to be ours.
func FuzzReadPayload(f *testing.F) {
	f.Add([]byte("Sealpost-Seal: v=1; front=0000000099; pad=00000; size=0000000003; edits=1+1; class=arrival; time=1\r\nabcd"))
	f.Add([]byte("Sealpost-Header: v=1; front=0000000110; pad=00000; prefix=0000000001; suffix=0000000001; raw=0000000001; width=0064; message=00; time=1\r\nab"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		if restorePayload(b, &out) == nil && out.Len() > len(b) {
			t.Fatal("more came out than went in")
		}
		if plan, err := readHeaderPlan(bufio.NewReader(bytes.NewReader(b))); err == nil {
			plan.shown()
		}
	})
}
