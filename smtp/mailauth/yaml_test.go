package mailauth_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// corpus is the folder of auth samples; tests that need it say so and skip.
func corpus(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("SEALPOST_CORPUS")
	if dir == "" {
		dir = "../../../shared/corpus"
	}
	path := filepath.Join(dir, "auth", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no corpus: %v", err)
	}
	return path
}

func corpusFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(corpus(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// node is what the suites use of YAML: block maps (keys may stand twice, as some
// do), lists, flow lists and scalars.
type node struct {
	scalar string
	keys   []string
	items  []node // values of keys, or of a list
}

func (n node) get(key string) node {
	for i, k := range n.keys {
		if k == key {
			return n.items[i]
		}
	}
	return node{}
}

// strings is a scalar or a list of them.
func (n node) strings() []string {
	if len(n.items) == 0 {
		if n.scalar == "" {
			return nil
		}
		return []string{n.scalar}
	}
	var all []string
	for _, i := range n.items {
		all = append(all, i.scalar)
	}
	return all
}

// readYAML reads the documents of a file.
func readYAML(text string) []node {
	var docs []node
	var lines []string
	flush := func() {
		if r := (&yamlReader{lines: lines}); r.skip() {
			docs = append(docs, r.block(0))
		}
		lines = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "---") {
			flush()
			continue
		}
		lines = append(lines, line)
	}
	flush()
	return docs
}

type yamlReader struct {
	lines []string
	pos   int
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// skip passes over empty lines and comments; false is the end.
func (r *yamlReader) skip() bool {
	for ; r.pos < len(r.lines); r.pos++ {
		if s := strings.TrimSpace(r.lines[r.pos]); s != "" && s[0] != '#' {
			return true
		}
	}
	return false
}

// block reads a map or list whose entries stand at column min or right of it.
func (r *yamlReader) block(min int) node {
	var n node
	if !r.skip() {
		return n
	}
	at := indentOf(r.lines[r.pos])
	if at < min {
		return n
	}
	for r.skip() && indentOf(r.lines[r.pos]) == at {
		line := r.lines[r.pos][at:]
		if rest, ok := strings.CutPrefix(line, "- "); ok {
			r.lines[r.pos] = strings.Repeat(" ", at+2) + rest
			n.items = append(n.items, r.block(at+2))
			continue
		}
		key, value, ok := cutKey(line)
		if !ok {
			n.scalar = unquoteYAML(strings.TrimSpace(line))
			r.pos++
			continue
		}
		r.pos++
		n.keys = append(n.keys, key)
		n.items = append(n.items, r.value(strings.TrimSpace(value), at))
	}
	return n
}

func cutKey(line string) (key, value string, ok bool) {
	if strings.HasPrefix(line, "'") || strings.HasPrefix(line, `"`) {
		key, ok = strings.CutSuffix(line, ":")
		return unquoteYAML(key), "", ok
	}
	if key, ok = strings.CutSuffix(strings.TrimRight(line, " "), ":"); ok && !strings.Contains(key, ": ") {
		return key, "", true
	}
	return strings.Cut(line, ": ")
}

func (r *yamlReader) value(v string, at int) node {
	switch {
	case v == "":
		return r.block(at + 1)
	case v[0] == '|' || v[0] == '>':
		return node{scalar: r.text(at, v)}
	case v[0] == '[':
		var n node
		for _, item := range splitFlow(strings.Trim(v, "[]")) {
			n.items = append(n.items, node{scalar: unquoteYAML(strings.TrimSpace(item))})
		}
		return n
	}
	for v[0] != '"' && v[0] != '\'' && r.pos < len(r.lines) && strings.TrimSpace(r.lines[r.pos]) != "" && indentOf(r.lines[r.pos]) > at {
		v += " " + strings.TrimSpace(r.lines[r.pos])
		r.pos++
	}
	return node{scalar: unquoteYAML(v)}
}

func splitFlow(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// text reads a literal (|) or folded (>) block.
func (r *yamlReader) text(at int, style string) string {
	var lines []string
	in := -1
	for ; r.pos < len(r.lines); r.pos++ {
		line := r.lines[r.pos]
		if strings.TrimSpace(line) == "" {
			lines = append(lines, "")
			continue
		}
		if indentOf(line) <= at {
			break
		}
		if in < 0 {
			in = indentOf(line)
		}
		lines = append(lines, line[min(in, indentOf(line)):])
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if style[0] == '>' {
		return strings.Join(lines, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func unquoteYAML(s string) string {
	switch {
	case strings.HasPrefix(s, "'"):
		s = strings.TrimPrefix(s, "'")
		if n := strings.LastIndexByte(s, '\''); n >= 0 {
			s = s[:n]
		}
		return strings.ReplaceAll(s, "''", "'")
	case strings.HasPrefix(s, `"`):
		n := strings.LastIndexByte(s, '"')
		if u, err := strconv.Unquote(strings.ReplaceAll(s[:n+1], `\0`, `\x00`)); err == nil {
			return u
		}
		return s
	}
	return s
}
