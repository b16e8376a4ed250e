package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// namesOf has of each failed test of vitest's summary its name, with what failed: what a
// test prints besides may be long, and come last.
func namesOf(said string) string {
	lines := strings.Split(said, "\n")
	var names []string
	for i, line := range lines {
		if strings.HasPrefix(line, " FAIL ") {
			next := lines[min(i+1, len(lines)-1)]
			names = append(names, line, "   "+next[:min(len(next), 300)])
		}
	}
	return strings.Join(names[:min(len(names), 40)], "\n")
}

// What failed is named, however much a test prints.
func TestNamesOfFailedUnits(t *testing.T) {
	said := "stdout | src/x.test.ts\n\n FAIL  src/vault/rotate.test.ts > sealing anew > exchanges\nAssertionError: expected { message: 1 } to be null\n\n- Expected:\n" +
		strings.Repeat("    -44,\n", 5000) + " FAIL  src/words/words.test.ts > other\nError: x"
	want := " FAIL  src/vault/rotate.test.ts > sealing anew > exchanges\n   AssertionError: expected { message: 1 } to be null\n FAIL  src/words/words.test.ts > other\n   Error: x"
	if got := namesOf(said); got != want {
		t.Errorf("%q", got)
	}
	if got := namesOf("src/x.ts(1,2): error TS2322\n FAIL "); got != " FAIL \n    FAIL " {
		t.Errorf("%q", got)
	}
}

// The browser client's own tests: its types agree, and what its rooms say of themselves
// holds. Faults of the Go side are no matter of theirs.
func TestWebmailUnits(t *testing.T) {
	if os.Getenv("SEALPOST_OVERLAY") != "" {
		t.Skip("a seeded fault is looked for elsewhere")
	}
	needVite(t)
	t.Parallel() // one core is all it takes
	for _, step := range [][]string{{"tsc", "--noEmit"}, {"vitest", "run", "--reporter=dot"}} {
		cmd := exec.CommandContext(timeout(t, 10*time.Minute), "npx", step...)
		cmd.Dir = webmailSources
		cmd.Env = append(os.Environ(), "NO_COLOR=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("npx %v: %v\n%s\n%s", step, err, namesOf(string(out)), tail(string(out), 8000))
		}
	}
}
