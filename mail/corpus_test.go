package mail

import (
	"bytes"
	"cmp"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// corpusFiles lists the mails of $SEALPOST_CORPUS or ../../shared/corpus.
func corpusFiles(tb testing.TB) []string {
	tb.Helper()
	root := cmp.Or(os.Getenv("SEALPOST_CORPUS"), filepath.Join("..", "..", "shared", "corpus"))
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		tb.Skipf("no corpus at %s: %v", root, err)
	}
	return files
}

// crlf makes CRLF of the line ends, as mail crosses the wire.
func crlf(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// Not parallel: it measures the processor.
func TestLookAtCorpus(t *testing.T) {
	complete, withText, withTerms := 0, 0, 0
	files := corpusFiles(t)
	n := 0
	for i, path := range files {
		if i%slowdown != 0 {
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range [][]byte{raw, crlf(raw)} {
			n++
			before := cpuTime()
			g := Look(t.Context(), bytes.NewReader(data), patient())
			if took := cpuTime() - before; took > slowdown*time.Second {
				t.Errorf("%s: took %v of processor", path, took)
			}
			checkGist(t, path, data, g)
			if g.Complete {
				complete++
			}
			if g.Snippet != "" {
				withText++
			}
			if len(g.Terms) > 0 {
				withTerms++
			}
		}
	}
	t.Logf("%d looks: %d complete, %d with a snippet, %d with terms", n, complete, withText, withTerms)
	if complete < n || withText < n*85/100 || withTerms < n*90/100 {
		t.Errorf("of %d looks only %d complete, %d with a snippet, %d with terms", n, complete, withText, withTerms)
	}
}

// checkGist checks what is true of the look at any mail.
func checkGist(t *testing.T, name string, data []byte, g *Gist) {
	t.Helper()
	for _, s := range append([]string{g.Subject, g.FromName, g.From, g.Snippet}, g.Terms...) {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00") {
			t.Errorf("%s: %q is not plain text", name, s)
		}
	}
	if len(g.Snippet) > maxSnippet || len(g.Subject) > maxSubject || len(g.Attachments) > maxAttachments || len(g.References) > maxReferences {
		t.Errorf("%s: over a bound", name)
	}
	if !slices.IsSorted(g.Terms) || len(slices.Compact(slices.Clone(g.Terms))) != len(g.Terms) {
		t.Errorf("%s: terms are not sorted and distinct", name)
	}
	for _, term := range g.Terms {
		if n := utf8.RuneCountInString(term); n < minWord || n > maxWord || Fold(term) != term {
			t.Errorf("%s: %q is no term: %d runes, folds to %q", name, term, n, Fold(term))
		}
	}
	for _, a := range g.Attachments {
		if a.Size < 0 || a.Size > int64(len(data)) || len(a.Name) > maxFileName || !utf8.ValidString(a.Name) {
			t.Errorf("%s: attachment %+v", name, a)
		}
	}
	checkBody(t, name, data, g)
}

// checkBody looks at what WriteBody wrote: every leaf is in it, and nothing
// that the mail's own terms do not have.
func checkBody(t *testing.T, name string, data []byte, g *Gist) {
	t.Helper()
	var body bytes.Buffer
	if err := g.WriteBody(&body, bytes.NewReader(data)); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	again := Look(t.Context(), bytes.NewReader(body.Bytes()), patient())
	if g.Complete && again.Complete && again.Snippet != g.Snippet {
		t.Errorf("%s: snippet of the body is %q, of the mail %q", name, again.Snippet, g.Snippet)
	}
	for _, term := range again.Terms {
		if _, found := slices.BinarySearch(g.Terms, term); g.Complete && !found {
			t.Errorf("%s: %q is in the body only", name, term)
			return
		}
	}
}

// heapInUse is the bytes of all objects on the heap, read without stopping the world.
func heapInUse() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// peak runs f and returns how far the heap rose above what it was. Tests that
// call it must not run in parallel with others.
func peak(f func()) uint64 {
	runtime.GC()
	before, done, result := heapInUse(), make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for top := uint64(0); ; {
			top = max(top, heapInUse())
			select {
			case <-done:
				result <- max(top, heapInUse(), before) - before
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(done)
	return <-result
}

// pattern is a mail made of a head and a unit repeated, without holding it.
type pattern struct {
	head, unit string
	size       int64
}

func (p pattern) Size() int64 { return p.size }

func (p pattern) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) && off < p.size {
		var from string
		if off < int64(len(p.head)) {
			from = p.head[off:]
		} else {
			from = p.unit[(off-int64(len(p.head)))%int64(len(p.unit)):]
		}
		c := copy(b[n:], from[:min(int64(len(from)), p.size-off)])
		n, off = n+c, off+int64(c)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
