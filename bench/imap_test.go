package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A line longer than the client's buffer is one response, and a literal that is longer
// hides nothing that stands in it.
func TestLongResponses(t *testing.T) {
	t.Parallel()
	inside := strings.Repeat("b1 OK no\r\n* VANISHED 1\r\n", 20_000)
	script := "* SEARCH" + strings.Repeat(" 1", 200_000) + "\r\n" +
		fmt.Sprintf("* 1 FETCH (BODY[] {%d}\r\n%s BODY[TEXT] {0}\r\n)\r\n", len(inside), inside) + "b1 OK done\r\n"
	a, err := respond(t, script)
	if err != nil || a.replies != 2 || a.bytes != int64(len(script)) || a.vanished {
		t.Errorf("%d replies in %d of %d bytes, vanished %v, %v", a.replies, a.bytes, len(script), a.vanished, err)
	}
	if a, err = respond(t, "* VANISHED (EARLIER) 3:5\r\nb1 OK done\r\n"); err != nil || !a.vanished {
		t.Errorf("VANISHED was not seen: %v", err)
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	const text = "* OK [UIDVALIDITY 17] valid\r\n* OK [HIGHESTMODSEQ 230] highest\r\n"
	if v, m, none := code(text, "UIDVALIDITY"), code(text, "HIGHESTMODSEQ"), code(text, "UIDNEXT"); v != "17" || m != "230" || none != "" {
		t.Errorf("codes are %q, %q and %q", v, m, none)
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1_234_567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestLinkMaildir(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, folder := range []string{"cur", "new"} {
		if err := os.Mkdir(filepath.Join(home, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"cur/1.M1P1.host,S=4,W=5:2,S": "seen", "new/2.M2P1.host,S=3,W=4": "new"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := linkMaildir(home, "many", 5); err != nil {
		t.Fatal(err)
	}
	names, err := entryNames(filepath.Join(home, ".many", "cur"))
	if err != nil || len(names) != 5 {
		t.Fatalf("the mailbox holds %v, %v", names, err)
	}
	seen := 0
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(home, ".many", "cur", name))
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]string{"seen": ",S=4,W=5:2,S", "new": ",S=3,W=4:2,"}[string(text)]; !strings.HasSuffix(name, want) {
			t.Errorf("%s holds %q", name, text)
		}
		if string(text) == "seen" {
			seen++
		}
	}
	if seen != 3 {
		t.Errorf("%d are seen, want 3", seen)
	}
	if linkMaildir(t.TempDir(), "none", 5) == nil {
		t.Error("links to nothing were made")
	}
}

// A rate is better when it is larger, a time when it is smaller; the ratio says by how
// many times sealpost is better in both.
func TestRaceRow(t *testing.T) {
	t.Parallel()
	r := &record{reads: reads{names: []string{nameSealpost, nameDovecot}}}
	rate := r.race(race{name: "rows", rows: 1000, rate: true})
	took := r.race(race{name: "select"})
	for _, c := range []*race{rate, took} {
		c.laps[nameSealpost] = []lap{{time.Second, time.Second, 1000}, {time.Second, time.Second, 1000}, {time.Minute, time.Hour, 1000}}
		c.laps[nameDovecot] = []lap{{2 * time.Second, 4 * time.Second, 1000}}
	}
	for c, want := range map[*race]string{
		rate: "rows 1,000 1000 500 4000 2.00x 4.00x",
		took: "select 1000 1000 2000 4000 2.00x 4.00x",
	} {
		if got := strings.Join(r.raceRow(c), " "); got != want {
			t.Errorf("the row is %q, want %q", got, want)
		}
	}
	rate.never[nameDovecot] = "not offered"
	if got := strings.Join(r.raceRow(rate), "|"); got != "rows|1,000|1000|not offered|" {
		t.Errorf("the row is %q", got)
	}
}
