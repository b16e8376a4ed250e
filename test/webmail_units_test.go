package test

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

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
			t.Fatalf("npx %v: %v\n%s", step, err, tail(string(out), 8000))
		}
	}
}
