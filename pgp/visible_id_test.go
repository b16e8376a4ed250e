package pgp

import (
	"slices"
	"testing"
	"time"

	"sealpost/mail"
)

// What VisibleID says is what a seal at that level shows.
func TestVisibleID(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef0123456789abcdef")
	for _, level := range []Level{Open, Baseline, Shy, Minimal} {
		for _, id := range []string{"<a@b.example>", "no id", "", "<a b@c>"} {
			var want string
			fields := visibleFields(Mail{Gist: &mail.Gist{MessageID: id}, Time: time.Now()}, level, key)
			if i := slices.IndexFunc(fields, func(f field) bool { return f.name == "Message-ID" }); i >= 0 {
				want = fields[i].value
			}
			if got := VisibleID(id, level, key); got != want || level == Minimal && got == id && id != "" {
				t.Errorf("%s %q: got %q, the seal shows %q", level, id, got, want)
			}
		}
	}
}
