package files

import (
	"io"
	"os"
	"sync"
)

// growing is a file that is read while it is written: who reads what is not there yet
// waits for it.
type growing struct {
	f    *os.File
	size int64 // once it is whole

	mu    sync.Mutex
	more  *sync.Cond
	there int64
	err   error // why no more comes
}

func newGrowing(f *os.File, size int64) *growing {
	g := &growing{f: f, size: size}
	g.more = sync.NewCond(&g.mu)
	return g
}

// Write is that of io.Writer.
func (g *growing) Write(p []byte) (int, error) {
	n, err := g.f.Write(p)
	g.mu.Lock()
	g.there += int64(n)
	g.mu.Unlock()
	g.more.Broadcast()
	return n, err
}

// end says that no more comes; nil: all is there.
func (g *growing) end(err error) {
	g.mu.Lock()
	if g.err == nil {
		g.err = err
	}
	g.mu.Unlock()
	g.more.Broadcast()
}

// ReadAt is that of io.ReaderAt.
func (g *growing) ReadAt(p []byte, at int64) (int, error) {
	want := min(at+int64(len(p)), g.size)
	g.mu.Lock()
	for g.there < want && g.err == nil {
		g.more.Wait()
	}
	err := g.err
	if g.there >= want {
		err = nil
	}
	g.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if at >= g.size {
		return 0, io.EOF
	}
	return g.f.ReadAt(p, at)
}
