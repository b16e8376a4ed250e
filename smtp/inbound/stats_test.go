package inbound

import (
	"reflect"
	"strings"
	"testing"

	"sealpost/pgp"
	"sealpost/smtp/inbound/screen"
)

// TestStats: each thing that can become of a mail moves its own number.
func TestStats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account("alice@demo.test", pgp.Modern, 0)
	w.account("bob@demo.test", pgp.Modern, 10)
	w.screened(nil)
	ok := letterFrom("From: a@good.example")
	w.send(ok, "a@good.example", "alice@demo.test", "nobody@demo.test", "x@elsewhere.example")
	w.send(letterFrom("From: a@bank.example"), "a@bank.example", "alice@demo.test")
	w.send(letterFrom("From: a@shop.example"), "a@shop.example", "alice@demo.test")
	w.send(ok, "a@good.example", "bob@demo.test")
	s := w.handler.Stats()
	if s.Received != 4 || s.Stored != 2 || s.Junk != 1 || s.Copies != 2 || s.Octets < 2000 {
		t.Errorf("%+v", s)
	}
	want := map[Refused]int64{{"unknown", false}: 1, {"relay", false}: 1, {"dmarc", false}: 1, {"quota", true}: 1}
	if !reflect.DeepEqual(s.Refused, want) {
		t.Errorf("refused %v, want %v", s.Refused, want)
	}
	if s.SPF["pass"] != 2 || s.SPF["fail"] != 1 || s.SPF["softfail"] != 1 || s.DMARC["pass"] != 2 || s.DMARC["fail"] != 2 || len(s.DKIM) != 0 {
		t.Errorf("SPF %v, DKIM %v, DMARC %v", s.SPF, s.DKIM, s.DMARC)
	}
	n := int64(0)
	for _, c := range s.Sealing.Counts {
		n += c
	}
	if n != 3 || s.Sealing.Sum <= 0 {
		t.Errorf("%d sealings in %v", n, s.Sealing.Sum)
	}
}

// TestObjections: whatever a filter says, the class is one of ours.
func TestObjections(t *testing.T) {
	t.Parallel()
	for enhanced, want := range map[string]string{
		"5.7.26": "dmarc", "5.6.0": "author", "4.7.1": "rate", "5.7.1": "filter", "": "filter", strings.Repeat("x", 99): "filter",
	} {
		if got := objection(&screen.Refusal{Code: 550, Enhanced: enhanced}); got != want {
			t.Errorf("%q: %s, want %s", enhanced, got, want)
		}
	}
}
