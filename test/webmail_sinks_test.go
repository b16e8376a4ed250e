package test

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
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
// nothing beside what is allowed makes HTML, code or a worker of text.
func TestNoSinks(t *testing.T) {
	t.Parallel()
	found, unused, err := sinksIn(os.DirFS(webmailSources + "/src"))
	if err != nil || len(found)+len(unused) > 0 {
		t.Errorf("%v; uses %q; no longer uses what it is allowed, so the test looks in the wrong place: %q", err, found, unused)
	}
}

// TestPlantedSinkIsFound: the guard above sees one line in one view.
func TestPlantedSinkIsFound(t *testing.T) {
	t.Parallel()
	view := &fstest.MapFile{Data: []byte("export const draw = (e: Element, html: string) => {\n  e.innerHTML = html;\n};\n")}
	found, _, err := sinksIn(fstest.MapFS{"view/list/row.tsx": view, "view/preview/row.tsx": view, "view/list/row.test.tsx": view})
	if err != nil || len(found) != 1 || found[0] != "view/list/row.tsx:2 innerHTML" {
		t.Errorf("%q %v", found, err)
	}
}

// sinksIn are the sinks that sources name, and the files that no longer name theirs.
func sinksIn(sources fs.FS) (found, unused []string, err error) {
	used := map[string]bool{}
	err = fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, ".test.") || !strings.HasSuffix(name, ".ts") && !strings.HasSuffix(name, ".tsx") {
			return err
		}
		if strings.HasPrefix(name, "view/preview/") { // a page for who draws the others; in no build
			return nil
		}
		code, err := fs.ReadFile(sources, name)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(code), "\n") {
			for _, sink := range sinks.FindAllString(line, -1) {
				switch {
				case allowedSinks[name] == sink:
					used[name] = true
				case strings.HasPrefix(strings.TrimSpace(line), "//") || name == "trusted.ts" && strings.Contains(line, "interface Factory"):
				default:
					found = append(found, fmt.Sprintf("%s:%d %s", name, i+1, sink))
				}
			}
		}
		return nil
	})
	for name := range allowedSinks {
		if !used[name] {
			unused = append(unused, name)
		}
	}
	return found, unused, err
}
