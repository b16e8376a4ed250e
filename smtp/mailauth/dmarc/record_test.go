package dmarc

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseRecord(t *testing.T) {
	t.Parallel()
	plain := Record{Policy: "none", PSD: "u"}
	with := func(change func(*Record)) Record {
		r := plain
		change(&r)
		return r
	}
	for text, want := range map[string]Record{
		"v=DMARC1; p=none":                     plain,
		"v=DMARC1;p=none;":                     plain,
		" V = DMARC1 ; P = None ;; ":           plain,
		"v=DMARC1; p=reject; p=none":           with(func(r *Record) { r.Policy = "reject" }),
		"v=DMARC1; pct=1; p=quarantine; ri=60": with(func(r *Record) { r.Policy = "quarantine" }),
		"v=DMARC1; p=none; sp=reject; np=quarantine; t=y; psd=N": with(func(r *Record) {
			r.SubPolicy, r.NonExistent, r.Testing, r.PSD = "reject", "quarantine", true, "n"
		}),
		"v=DMARC1; p=none; adkim=s; aspf=S; psd=x; t=maybe": with(func(r *Record) { r.StrictDKIM, r.StrictSPF = true, true }),
		"v=DMARC1; p=none; rua=mailto:a@x.example!10m , https://y.example/r, nonsense,,": with(func(r *Record) {
			r.RUA = []string{"mailto:a@x.example", "https://y.example/r"}
		}),
		"v=DMARC1; p=none; fo=1": plain,
		"v=DMARC1; p=none; fo=1:d:d:z; ruf=mailto:f@x.example": with(func(r *Record) {
			r.RUF, r.FailureOptions = []string{"mailto:f@x.example"}, []string{"1", "d"}
		}),
		"v=DMARC1":                          with(func(r *Record) { r.Broken = true }),
		"v=DMARC1; p=rejectt":               with(func(r *Record) { r.Broken = true }),
		"v=DMARC1; p=reject; sp=":           with(func(r *Record) { r.Broken = true }),
		"v=DMARC1; p=reject; np=all; sp=no": with(func(r *Record) { r.Broken = true }),
	} {
		got, ok := ParseRecord(text)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "v=DMARC", "v=dmarc1; p=reject", "p=reject; v=DMARC1", "v=DMARC1 p=reject", "v=DMARC11; p=none", "v=spf1 -all", "v=DMARC1; p=none;" + strings.Repeat(" ", maxRecord)} {
		if got, ok := ParseRecord(text); ok {
			t.Errorf("%.40q is taken for a record: %+v", text, got)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=DMARC1; p=none; sp=reject; rua=mailto:a@x.example!10m,https://y.example")
	f.Add("v=DMARC1;;;=;p==;fo=0:1:d")
	f.Add("V\t=\tDMARC1\t;p=quarantine;t=y;psd=y")
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := ParseRecord(s)
		if !ok {
			return
		}
		if oneOf(r.Policy, "none", "quarantine", "reject") == "" || oneOf(r.PSD, "y", "n", "u") == "" {
			t.Errorf("%q: policy %q, psd %q", s, r.Policy, r.PSD)
		}
		if len(r.RUA) > maxURIs || len(r.RUF) > maxURIs || len(r.FailureOptions) > 4 {
			t.Errorf("%q: too much of something: %+v", s, r)
		}
		if r.Broken && (r.Policy != "none" || r.SubPolicy != "" || r.NonExistent != "") {
			t.Errorf("%q: a broken record has a policy: %+v", s, r)
		}
	})
}
