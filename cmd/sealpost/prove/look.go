package prove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// window is how much of a file is held at once.
const window = 1 << 20

// look is one file being looked at.
type look struct {
	find     *finder
	file     string
	at       io.ReaderAt
	window   int
	told     func(int64)
	size     int64
	inflated int64
	hits     []Hit
	inflater inflater
}

func (l *look) hit(offset int64, what string) {
	if len(l.hits) < hitsPerFile {
		l.hits = append(l.hits, Hit{l.file, offset, what})
	}
}

// name looks at what the file is called.
func (l *look) name() {
	s := stream{f: l.find, hit: func(f form, _ int64, _ bool) { l.hit(-1, f.name) }}
	s.feed([]byte(filepath.Base(l.file)), true)
}

// found is a stream's hit, where the word begins.
func (l *look) found(f form, end int64, soft bool) {
	if soft {
		l.hit(max(end-int64(len(f.text)), 0), f.name+", broken into lines or escaped, up to")
		return
	}
	l.hit(end-int64(len(f.text)), f.name)
}

// all looks at the whole file.
func (l *look) all(ctx context.Context) error {
	s := stream{f: l.find, hit: l.found}
	buf := make([]byte, l.window+ahead)
	kept := 0
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := l.at.ReadAt(buf[kept:], l.size)
		l.size += int64(n)
		l.told(int64(n))
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return fmt.Errorf("read: %w", err)
		}
		p := buf[:kept+n]
		l.compressed(ctx, p, l.size-int64(len(p)))
		read := s.feed(p, end)
		if end {
			return nil
		}
		kept = copy(buf, p[read:])
	}
}
