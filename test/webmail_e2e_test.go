package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWebmailFlows drives the product as people do: the server with the race detector,
// the page that is in it, Chromium; see webmail/ui/test/flows. Every flow that fails is
// named with what it expected to see.
func TestWebmailFlows(t *testing.T) {
	needBrowser(t)
	need(t, "gpg")
	bin, err := raceBinary()
	if err != nil {
		t.Fatal(err)
	}
	bin, err = filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(timeout(t, 12*time.Minute), "node", filepath.Join("test", "e2e.mjs"))
	cmd.Dir = webmailSources
	cmd.Env = append(os.Environ(), "SEALPOST_BINARY="+bin)
	out, err := cmd.CombinedOutput()
	said := string(out)
	for _, part := range strings.Split(said, "\nFAILED ")[1:] {
		t.Errorf("%s", tail(part, 3000))
	}
	if os.Getenv("CI") != "" && strings.Contains(said, "\npassed over ") {
		t.Errorf("in CI no flow may be passed over:\n%s", tail(said, 6000))
	}
	if err != nil || !strings.Contains(said, "\nall flows passed") {
		t.Errorf("the flows did not all pass: %v\n%s", err, tail(said, 6000))
	}
	t.Log(said)
}
