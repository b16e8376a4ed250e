package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const host = "hostname = \"mail.example.org\" # ours\n"

func TestEditDomains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, before, added, removed string }{
		{"one line", `domains = ["a.org"] # ours`, `domains = ["a.org", "new.org"] # ours`, `domains = ["new.org"] # ours`},
		{"a comma at the end", `domains = [ "a.org", ]`, `domains = [ "a.org", "new.org", ]`, `domains = [ "new.org", ]`},
		{"close together", `domains=["a.org","b.org"]`, `domains=["a.org","b.org", "new.org"]`, `domains=["b.org", "new.org"]`},
		{"a line each", "domains = [\n\t\"a.org\", # first\n\t\"b.org\" # second\n]",
			"domains = [\n\t\"a.org\", # first\n\t\"b.org\", # second\n\t\"new.org\"\n]",
			"domains = [\n\t\"b.org\", # second\n\t\"new.org\"\n]"},
		{"a line each, and a comma", "domains = [\n  'a.org',\n  # below\n]", "domains = [\n  'a.org',\n  \"new.org\",\n  # below\n]", "domains = [\n  \"new.org\",\n  # below\n]"},
		{"lines of Windows", "domains = [\r\n  'a.org',\r\n]\r", "domains = [\r\n  'a.org',\r\n  \"new.org\",\r\n]\r", "domains = [\r\n  \"new.org\",\r\n]\r"},
		{"a quoted key", `"domains" = ["a.org"]`, `"domains" = ["a.org", "new.org"]`, `"domains" = ["new.org"]`},
		{"a comma of its own", "domains = [\n\"a.org\"\n, ]", "domains = [\n\"a.org\"\n, \"new.org\", ]", "domains = [\n\"new.org\", ]"},
		{"after traps", "data = \"domains = [\\\"x\\\"]\" # domains = []\n#domains = [\"y\"]\ndomains = [\"a.org\"]",
			"data = \"domains = [\\\"x\\\"]\" # domains = []\n#domains = [\"y\"]\ndomains = [\"a.org\", \"new.org\"]",
			"data = \"domains = [\\\"x\\\"]\" # domains = []\n#domains = [\"y\"]\ndomains = [\"new.org\"]"},
		{"after long strings", "data = '''\ndomains = [\"x\"]\n'''\ndomains = [\"a.org\"]", "data = '''\ndomains = [\"x\"]\n'''\ndomains = [\"a.org\", \"new.org\"]",
			"data = '''\ndomains = [\"x\"]\n'''\ndomains = [\"new.org\"]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := func(domains string) string { return host + domains + "\n[smtp]\n# kept\nlisten = [] # domains = []\n" }
			added, err := AddDomain(text(c.before), "new.org")
			if err != nil || added != text(c.added) {
				t.Errorf("added: %v\n%s\nwant\n%s", err, added, text(c.added))
			}
			removed, err := RemoveDomain(text(c.added), "A.org")
			if err != nil || removed != text(c.removed) {
				t.Errorf("removed: %v\n%s\nwant\n%s", err, removed, text(c.removed))
			}
			again, err := RemoveDomain(text(c.added), "new.org")
			if now, e := Parse("", again); err != nil || e != nil || slices.Contains(now.Domains, "new.org") || !strings.Contains(again, "# kept") {
				t.Errorf("what was added, removed: %v %v\n%s", err, e, again)
			}
		})
	}
}

func TestEditRefuses(t *testing.T) {
	t.Parallel()
	plain := host + "domains = [\"a.org\"]\n"
	if _, err := AddDomain(plain, "A.ORG"); !errors.Is(err, ErrListed) {
		t.Errorf("twice: %v", err)
	}
	if _, err := RemoveDomain(plain, "b.org"); !errors.Is(err, ErrNotListed) {
		t.Errorf("what is not there: %v", err)
	}
	if _, err := RemoveDomain(plain, "a.org"); err == nil {
		t.Error("the only domain is removed")
	}
	if _, err := AddDomain(plain, "no domain"); !errors.Is(err, ErrLayout) {
		t.Errorf("what is no domain: %v", err)
	}
	if _, err := AddDomain(plain+"surprise = 1\n", "b.org"); err == nil || errors.Is(err, ErrLayout) {
		t.Errorf("a file with a mistake: %v", err)
	}
	if _, err := AddDomain(host+"domains = [\"\"\"a.org\"\"\", \"\"\"\nb.org\"\"\"]\n", "c.org"); !errors.Is(err, ErrLayout) {
		t.Errorf("a string over two lines: %v", err)
	}
}

func TestEditFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real.toml"), filepath.Join(dir, "sealpost.toml")
	text := host + "domains = [\"a.org\"]\n"
	if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Chmod(file, 0o640), os.Symlink("real.toml", link)); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(file, 0, 65534); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := os.Stat(file)
	if err := Edit(link, func(text string) (string, error) { return AddDomain(text, "b.org") }); err != nil {
		t.Fatal(err)
	}
	c, err := Load(link)
	if err != nil || !slices.Equal(c.Domains, []string{"a.org", "b.org"}) || c.File != link {
		t.Errorf("%q from %q, %v", c.Domains, c.File, err)
	}
	after, err := os.Lstat(file)
	if err != nil || after.Mode() != before.Mode() || !sameOwner(before, after) {
		t.Errorf("mode or owner changed: %v, %v", after.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is none any more: %v", err)
	}
	if err := Edit(link, func(string) (string, error) { return "", ErrLayout }); !errors.Is(err, ErrLayout) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("%d files are left", len(left))
	}
}

// What is added comes between what was there, and nothing else changes; what was
// added can be taken out again.
func FuzzEditDomains(f *testing.F) {
	for _, s := range []string{
		"domains = [\"a.org\"]", "domains = [\n \"a.org\", # x\n]", "data = 'x'\ndomains = ['a.org', \"b.org\"]\n[smtp]\nlisten = []",
		"\"domains\" = [ \"a.org\" # x\n, ]", "domains = [\"a.org\"]#", "data = \"\"\"\\\"\"\"\"\"\ndomains=['a.b',]",
	} {
		f.Add(host + s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		added, err := AddDomain(text, "new.example")
		if err != nil {
			return
		}
		rest := added
		for _, r := range []byte(text) {
			at := strings.IndexByte(rest, r)
			if at < 0 {
				t.Fatalf("something of %q is gone in %q", text, added)
			}
			rest = rest[at+1:]
		}
		if _, err := RemoveDomain(added, "new.example"); err != nil {
			t.Fatalf("%v: %q", err, added)
		}
	})
}

func sameOwner(a, b os.FileInfo) bool {
	x, ok := a.Sys().(*syscall.Stat_t)
	y, ok2 := b.Sys().(*syscall.Stat_t)
	return ok && ok2 && x.Uid == y.Uid && x.Gid == y.Gid
}
