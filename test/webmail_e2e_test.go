package test

import (
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/storage/postgres/pgtest"
	"sealpost/test/remotes"
)

// TestWebmailFlows drives the product as people do: the server, the page that is in it,
// Chromium; see webmail/ui/test/flows. Every flow that fails is named with what it expected
// to see. No race detector: the handlers have it in their own tests, and here it would cost
// minutes.
func TestWebmailFlows(t *testing.T) {
	began, pictures := time.Now(), picturesFolder(t)
	playFlows(t, pictures)
	for _, name := range flowPictures() {
		if err := isPicture(filepath.Join(pictures, name), began); err != nil {
			t.Errorf("picture %s: %v", name, err)
		}
	}
}

// TestWebmailFlowsOfNode plays the same with a node of a cluster, of which a page must notice
// nothing.
func TestWebmailFlowsOfNode(t *testing.T) {
	if !*long {
		t.Skip("a long mode: go test ./test -run TestWebmailFlowsOfNode -long")
	}
	e := remotes.NewBuckets(t, "..").Endpoints(t, "east")[0]
	database := pgtest.Take(t)
	keys := filepath.Join(t.TempDir(), "s3.key")
	if err := os.WriteFile(keys, []byte(e.AccessKey+"\n"+string(e.SecretKey)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	playFlows(t, t.TempDir(), "SEALPOST_SET="+fmt.Sprintf("cluster.database=%q\ns3.endpoint={%s={url=%q,bucket=%q,key_file=%q,path_style=true}}", database.URL, e.Name, e.URL, e.Bucket, keys))
}

// playFlows runs them all. What is in env says how the server is set.
func playFlows(t *testing.T, pictures string, env ...string) {
	t.Helper()
	needBrowser(t)
	need(t, "gpg")
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	bin, err = filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(timeout(t, 12*time.Minute), "node", filepath.Join("test", "e2e.mjs"))
	cmd.Dir = webmailSources
	cmd.Env = append(append(os.Environ(), "SEALPOST_BINARY="+bin, "SEALPOST_SCREENSHOTS="+pictures), env...)
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

// picturesFolder is where pictures of the webmail are kept: see make test and .ci/run.
func picturesFolder(t *testing.T) string {
	folder := os.Getenv("SEALPOST_SCREENSHOTS")
	if folder == "" {
		return t.TempDir()
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// flowPictures names what the flows keep for people to look at.
func flowPictures() []string {
	names := []string{"list-forced.png", "reader-forced.png", "list-rtl.png"}
	for _, scene := range []string{"list", "reader", "composer", "sign-up-kit", "settings-keys", "admin-overview", "letter-open"} {
		for _, kind := range []string{"light", "dark", "phone", "phone-dark"} {
			names = append(names, scene+"-"+kind+".png")
		}
	}
	for _, scene := range []string{"sign-in", "sign-up", "newsletter", "search", "composer-states", "contacts", "letter-closed"} {
		names = append(names, scene+"-light.png", scene+"-phone-dark.png")
	}
	return names
}

// isPicture holds a file to what a page's picture is: a PNG of this run, as wide as a
// desk or a phone, with more in it than one colour.
func isPicture(file string, since time.Time) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	picture, err := png.DecodeConfig(f)
	if err != nil {
		return err
	}
	wide := 1280
	if strings.Contains(filepath.Base(file), "-phone") {
		wide = 390
	}
	switch {
	case picture.Width != wide:
		return fmt.Errorf("%d pixels wide, expected %d", picture.Width, wide)
	case info.Size() < 6000:
		return fmt.Errorf("%d bytes: a page has more to show", info.Size())
	case info.ModTime().Before(since.Add(-2 * time.Second)):
		return errors.New("older than this run")
	}
	return nil
}
