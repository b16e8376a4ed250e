package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sinks are the ways by which text becomes HTML or script. The page uses none; what
// makes HTML of a mail is the one parser of the frame, whose result is cleaned as nodes.
var sinks = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML|createContextualFragment|srcdoc|setHTML\b|setHTMLUnsafe|parseHTMLUnsafe|[^.\w]eval\(|new Function\(|javascript:|new DOMParser|\.DOMParser\(|createPolicy\(|importScripts|setTimeout\(["'` + "`" + `]`)

// allowedSinks are the files that may name one, and which.
var allowedSinks = map[string]string{
	"frame/sanitize.ts": ".DOMParser(",   // of the frame's window, into a document that is never shown
	"trusted.ts":        "createPolicy(", // the one policy, which names workers
}

// TestNoSinks is row C02 of the attacks: nothing is made HTML after it was cleaned, and
// there is one Trusted Types policy of our own.
func TestNoSinks(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	root := webmailSources + "/src"
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(at, ".test.") || !strings.HasSuffix(at, ".ts") && !strings.HasSuffix(at, ".tsx") {
			return err
		}
		name, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		if strings.HasPrefix(filepath.ToSlash(name), "view/preview/") { // a page for who draws the others; in no build
			return nil
		}
		code, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(code), "\n") {
			for _, found := range sinks.FindAllString(line, -1) {
				if allowedSinks[filepath.ToSlash(name)] == found {
					used[filepath.ToSlash(name)] = true
					continue
				}
				if strings.HasPrefix(strings.TrimSpace(line), "//") || name == "trusted.ts" && strings.Contains(line, "interface Factory") {
					continue
				}
				t.Errorf("%s:%d uses %s", name, i+1, found)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range allowedSinks {
		if !used[name] {
			t.Errorf("%s no longer uses what it is allowed: the test looks in the wrong place", name)
		}
	}
}
