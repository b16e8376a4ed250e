package test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// needVite skips where the webmail cannot be built.
func needVite(t *testing.T) {
	t.Helper()
	need(t, "node", "npx")
	if _, err := os.Stat(webmailSources + "/node_modules/vite"); err != nil {
		skip(t, "webmail/ui/node_modules is not installed")
	}
}

// tree reads a folder.
func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// buildWebmail copies the sources to a folder of another name and builds there.
func buildWebmail(t *testing.T, place string) map[string][]byte {
	t.Helper()
	root := filepath.Join(place, "ui")
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index.html", "stranger.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "integrity.ts", "src", "public"} {
		do(t, nil, "cp", "-r", filepath.Join(webmailSources, name), root)
	}
	modules, err := filepath.Abs(webmailSources + "/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(root, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(timeout(t, 2*time.Minute), "npx", "vite", "build", "--logLevel", "error")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "TZ=Pacific/Auckland", "LC_ALL=C")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("vite build: %v\n%s", err, text)
	}
	return tree(t, filepath.Join(root, "dist"))
}

func differ(t *testing.T, what string, a, b map[string][]byte) {
	t.Helper()
	for name := range a {
		if other, ok := b[name]; !ok {
			t.Errorf("%s: %s is missing", what, name)
		} else if !bytes.Equal(a[name], other) {
			t.Errorf("%s: %s has other bytes", what, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			t.Errorf("%s: %s is too much", what, name)
		}
	}
}

// TestWebmailIsReproducible: two folders, two builds, the same bytes; and they are those
// that were committed. Run `make web` after a change of the sources.
func TestWebmailIsReproducible(t *testing.T) {
	t.Parallel()
	needVite(t)
	dir := t.TempDir()
	one := buildWebmail(t, filepath.Join(dir, "one"))
	two := buildWebmail(t, filepath.Join(dir, "another place", "much deeper"))
	differ(t, "two builds differ", one, two)
	differ(t, "the committed dist is not what the sources make (make web)", one, tree(t, webmailSources+"/dist"))
}

var (
	firstScript = regexp.MustCompile(`<script[^>]+src="/(assets/[^"]+)"|<link[^>]+rel="modulepreload"[^>]+href="/(assets/[^"]+)"`)
	language    = regexp.MustCompile(`^assets/language-[a-z]+-.{8}\.js$`) // not the words of rooms
	imported    = regexp.MustCompile(`(?:^|[;}\s])(?:import|export)(?:[^"'()]*?from)?\s*["']\./([^"']+\.js)["']`)
)

// TestFirstLoad is checkpoint 1: what a browser must load to sign in and see the list,
// from the page's scripts and everything they import at once, and the words of the largest
// language: a page fetches the one it shows.
func TestFirstLoad(t *testing.T) {
	t.Parallel()
	dist := tree(t, webmailSources+"/dist")
	var queue []string
	for _, found := range firstScript.FindAllSubmatch(dist["index.html"], -1) {
		queue = append(queue, string(found[1])+string(found[2]))
	}
	if len(queue) == 0 {
		t.Fatal("the page has no script")
	}
	seen, total := map[string]bool{}, 0
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		code, ok := dist[name]
		if !ok {
			t.Fatalf("%s is not in dist", name)
		}
		total += zipped(t, code)
		for _, found := range imported.FindAllSubmatch(code, -1) {
			queue = append(queue, path.Join(path.Dir(name), string(found[1])))
		}
	}
	words, largest := 0, ""
	for name, code := range dist {
		if n := zipped(t, code); language.MatchString(name) && n > words {
			words, largest = n, name
		}
	}
	if largest == "" || seen[largest] {
		t.Fatalf("languages: the page imports %q, expected each as a script of its own (make web)", largest)
	}
	total += words
	t.Logf("first load: %d scripts and %s of %d bytes, %d bytes of JavaScript zipped", len(seen), largest, words, total)
	if total > 120<<10 {
		t.Errorf("%d bytes of zipped JavaScript at the first load, allowed are %d: %v", total, 120<<10, seen)
	}
}

func zipped(t *testing.T, data []byte) int {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

// TestPackages is checkpoint 2: few packages, exact versions, none that runs anything
// when it is installed, all from one registry and with a hash.
func TestPackages(t *testing.T) {
	t.Parallel()
	var wanted struct{ Dependencies, DevDependencies map[string]string }
	var lock struct {
		Packages map[string]struct {
			Version, Resolved, Integrity string
			Dev, DevOptional, Optional   bool
			HasInstallScript             bool
		}
	}
	for name, into := range map[string]any{"package.json": &wanted, "package-lock.json": &lock} {
		data, err := os.ReadFile(filepath.Join(webmailSources, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	exact := regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	for _, group := range []map[string]string{wanted.Dependencies, wanted.DevDependencies} {
		for name, version := range group {
			if !exact.MatchString(version) {
				t.Errorf("%s %q: expected an exact version", name, version)
			}
			if got := lock.Packages["node_modules/"+name].Version; got != version {
				t.Errorf("%s: package.json says %s, the lock %s", name, version, got)
			}
		}
	}
	runtime := 0
	for name, p := range lock.Packages {
		if name == "" {
			continue
		}
		if !p.Dev && !p.DevOptional {
			runtime++
			if p.HasInstallScript {
				t.Errorf("%s runs a script when it is installed", name)
			}
		}
		if p.Integrity == "" || p.Resolved != "" {
			t.Errorf("%s: no hash, or from %q: expected one, and what the registry has", name, p.Resolved)
		}
	}
	t.Logf("%d packages at run time", runtime)
	if runtime > 45 || runtime < len(wanted.Dependencies) {
		t.Errorf("%d packages at run time, allowed are 45", runtime)
	}
}
