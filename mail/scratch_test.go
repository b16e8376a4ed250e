package mail

import (
	"bytes"
	"strings"
	"testing"
)

// holds says that s keeps anything of a mail with this marker in it.
func (s *scratch) holds(marker string) bool {
	for _, b := range [][]byte{s.window[:], s.head[:], s.text[:], s.guess[:], s.set.arena[:cap(s.set.arena)]} {
		if bytes.Contains(b, []byte(marker)) {
			return true
		}
	}
	for _, f := range s.fields[:cap(s.fields)] {
		if f.Name != "" || f.Raw != nil {
			return true
		}
	}
	for _, k := range s.set.keys[:cap(s.set.keys)] {
		if k != (termKey{}) {
			return true
		}
	}
	for _, n := range s.set.slots[:cap(s.set.slots)] {
		if n != 0 {
			return true
		}
	}
	for _, t := range s.set.terms[:cap(s.set.terms)] {
		if t != (term{}) {
			return true
		}
	}
	return false
}

// TestScratchForgets looks at mails in one scratch: it holds each of them until
// it is wiped, and nothing after, and every look finds what it found in new room.
func TestScratchForgets(t *testing.T) {
	t.Parallel()
	many := "Subject: marker\r\n\r\nmarker "
	for i := range 40_000 {
		many += "w" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + " "
	}
	room := &scratch{set: newTermSet(0)}
	for name, data := range map[string]string{
		"typical": strings.ReplaceAll(typical, "Subject:", "Subject: marker"),
		"plain":   "Subject: marker\r\n\r\nmarker text",
		"header":  "X-Long: " + strings.Repeat("marker ", 3000) + "\r\n\r\nmarker",
		"words":   many,
		"fields":  strings.Repeat("X-Marker: marker\r\n", 1000) + "\r\nmarker",
	} {
		m := bytes.NewReader([]byte(data))
		want := lookIn(t.Context(), m, DefaultLimits, &scratch{set: newTermSet(0)})
		got := lookIn(t.Context(), m, DefaultLimits, room)
		if !room.holds("marker") {
			t.Fatalf("%s: the search finds nothing in a scratch that was used", name)
		}
		room.wipe(m.Size())
		if room.holds("marker") {
			t.Errorf("%s: the scratch holds something of the mail", name)
		}
		sameGist(t, name, got, want)
	}
}

func sameGist(t *testing.T, name string, got, want *Gist) {
	t.Helper()
	if strings.Join(got.Terms, " ") != strings.Join(want.Terms, " ") || got.Snippet != want.Snippet || got.Subject != want.Subject ||
		got.Complete != want.Complete || len(got.Header.Fields) != len(want.Header.Fields) || got.Header.End != want.Header.End {
		t.Errorf("%s: found %+v, in new room %+v", name, got, want)
	}
	for i, f := range got.Header.Fields {
		if w := want.Header.Fields[i]; f.Name != w.Name || !bytes.Equal(f.Raw, w.Raw) || f.Start != w.Start {
			t.Errorf("%s: field %d is %q, in new room %q", name, i, f.Raw, w.Raw)
		}
	}
}
