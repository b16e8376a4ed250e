package smtp

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"sealpost/mail"
)

// TestMarker: marks are told at level debug only, of so many recipients, and of nobody
// without a key.
func TestMarker(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	level := new(slog.LevelVar)
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level}))
	from := mail.Address{Local: "Canary", Domain: "demo.test"}
	m := Marker(func(name string) string { return "m" + strings.ToUpper(name[:1]) })
	m.Tell(t.Context(), log, "x", "1", &from, from)
	if b.Len() > 0 {
		t.Errorf("at level info: %s", &b)
	}
	level.Set(slog.LevelDebug)
	Marker(nil).Tell(t.Context(), log, "x", "1", &from, from)
	m.Tell(t.Context(), nil, "x", "1", &from, from)
	if b.Len() > 0 || Marker(nil).Of("a") != "" || m.Of("") != "" {
		t.Errorf("without a key or a log: %s", &b)
	}
	m.Tell(t.Context(), log, "x", "1", nil, make([]mail.Address, 50)...)
	m.Tell(t.Context(), log, "x", "1", &from, from)
	if got := b.String(); strings.Contains(strings.ToLower(got), "canary") || !strings.Contains(got, "from=mC to=[mC] recipients=1") || len(got) > 500 || !strings.Contains(got, "recipients=50") {
		t.Errorf("told: %s", got)
	}
}
