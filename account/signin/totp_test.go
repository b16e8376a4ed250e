package signin

import (
	"testing"
	"time"
)

// RFC 6238, appendix B (SHA-1), of whose eight digits the last six are ours.
func TestCodesOfTheRFC(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := codeAt(secret, at/totpStep); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
		one := &totp{Secret: secret}
		for _, drift := range []time.Duration{-totpStep * time.Second, 0, totpStep * time.Second} {
			if step, ok := one.match(want, time.Unix(at, 0).Add(drift)); !ok || step != at/totpStep {
				t.Errorf("at %d, %v off: %d, %v", at, drift, step, ok)
			}
		}
		for _, drift := range []time.Duration{-2 * totpStep * time.Second, 2 * totpStep * time.Second} {
			if _, ok := one.match(want, time.Unix(at, 0).Add(drift)); ok {
				t.Errorf("at %d, %v off: taken", at, drift)
			}
		}
		one.Last = at / totpStep
		if _, ok := one.match(want, time.Unix(at, 0)); ok {
			t.Errorf("at %d: taken once more", at)
		}
	}
}

// A guesser who has the passphrase gets few codes, and others none the fewer.
func TestCodesAreSlowed(t *testing.T) {
	t.Parallel()
	c, now, n := newCodes(nil, time.Now), time.Unix(1_800_000_000, 0), 0
	for range 24 * 60 * 60 {
		now = now.Add(time.Second)
		if c.allow("a", now) {
			n++
		}
	}
	if most := int(24*time.Hour/codesEvery) + codesAtOnce; n > most {
		t.Errorf("%d codes a day", n)
	}
	if !c.allow("b", now) {
		t.Error("another account waits")
	}
}

func TestDeviceNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Firefox on Linux": "Firefox on Linux", "a\nb\x00c\x7f": "abc", "\u202eevil\u2066": "evil", "\xff": "",
		string(make([]byte, 10)): "",
	} {
		if got := device(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	long := ""
	for range 100 {
		long += "ü"
	}
	if got := []rune(device(long)); len(got) != maxDevice {
		t.Errorf("%d characters", len(got))
	}
}
