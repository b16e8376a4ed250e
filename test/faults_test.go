package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A fault is a bug put into the product on purpose. The test that guards
// against it must turn red; if it stays green, the guard is for show.
type fault struct {
	attack   string // its row in docs/threats.md
	file     string // where the fault goes, from the root of the project
	old, new string // old must stand there exactly once
	pkg, run string // the guard: a package and a -run pattern
}

func TestSeededFaults(t *testing.T) {
	if testing.Short() || os.Getenv("SEALPOST_OVERLAY") != "" {
		t.Skip("seeded faults are not sown into each other")
	}
	for _, f := range faults {
		t.Run(f.attack+"/"+f.run, func(t *testing.T) {
			out, err := f.guard(t)
			switch {
			case err == nil:
				t.Errorf("with the fault in %s the guard %s stays green", f.file, f.run)
			case !strings.Contains(out, "--- FAIL"):
				t.Errorf("the guard did not run: %v\n%s", err, tail(out, 3000))
			}
		})
	}
}

// guard runs the test that must notice, over a tree that differs from the real
// one by this fault only.
func (f fault) guard(t *testing.T) (string, error) {
	t.Helper()
	cmd := exec.Command("go", "test", "-count=1", "-timeout=5m", "-overlay", f.overlay(t), "-run", f.run, f.pkg)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "SEALPOST_OVERLAY="+f.overlay(t))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// overlay writes the faulty file aside and the map that `go build -overlay` reads.
func (f fault) overlay(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", f.file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), f.old); n != 1 {
		t.Fatalf("%q stands %d times in %s, expected once: bring the fault up to date", f.old, n, f.file)
	}
	dir := t.TempDir()
	faulty := filepath.Join(dir, filepath.Base(f.file))
	if err := os.WriteFile(faulty, []byte(strings.Replace(string(source), f.old, f.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: faulty}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

var faults = []fault{}
