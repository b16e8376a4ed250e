package queue

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/filestore/spool"
	"sealpost/mail"
)

// errLost says that a text was in the memory of a process that has ended.
var errLost = errors.New("the text was in memory only, and is lost")

// text is a text in memory. It is wiped when it is gone and nobody reads it.
type text struct {
	*spool.Spool
	group   string
	readers int
	gone    bool
}

// remember copies a text into memory.
func (q *Queue) remember(id ID, group string, content mail.Bytes) error {
	size := content.Size()
	taken := spool.Memory(size)
	q.mu.Lock()
	fits := q.memory+taken <= q.Limits.bytes()
	if fits {
		q.promise(group, taken)
	}
	q.mu.Unlock()
	if !fits {
		return ErrFull
	}
	s := spool.New("", size, size) // as much memory as it has bytes, so never a file
	err := copyText(s, content)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.promise(group, -taken)
		return errors.Join(fmt.Errorf("copy text: %w", err), s.Close())
	}
	if q.texts == nil {
		q.texts = map[ID]*text{}
	}
	q.texts[id] = &text{Spool: s, group: group}
	return nil
}

// promise counts memory for a group; q.mu is held.
func (q *Queue) promise(group string, size int64) {
	if q.shares == nil {
		q.shares = map[string]int64{}
	}
	q.memory += size
	if q.shares[group] += size; q.shares[group] == 0 {
		delete(q.shares, group)
	}
}

// copyText writes all of a text to w. Nothing of it stays in the memory between.
func copyText(w io.Writer, content mail.Bytes) error {
	size := content.Size()
	buf := make([]byte, min(size, 32<<10))
	defer clear(buf)
	for at := int64(0); at < size; {
		n, err := content.ReadAt(buf[:min(size-at, int64(len(buf)))], at)
		if n == 0 {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// forget drops a text, once it is not read any more.
func (q *Queue) forget(id ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.texts[id]; t != nil {
		delete(q.texts, id)
		t.gone = true
		q.wipe(t)
	}
}

// wipe gives the memory back if it may; q.mu is held.
func (q *Queue) wipe(t *text) {
	if t.gone && t.readers == 0 {
		q.promise(t.group, -spool.Memory(t.Size()))
		t.Spool.Close()
	}
}

func (q *Queue) has(id ID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.texts[id] != nil
}

// inMemory says that a row has its text in memory, or had.
func (r Row) inMemory() bool { return r.Body == filestore.Ref{} }

func (q *Queue) open(ctx context.Context, r Row) (Content, error) {
	if r.inMemory() {
		return q.openText(r.ID)
	}
	blob, err := q.Blobs.Open(ctx, r.Body.ID)
	if err != nil {
		return nil, err
	}
	reader, err := q.Key.NewReader(blob, r.Body.Size, q.purpose("text"), string(r.ID))
	if err != nil {
		return nil, errors.Join(err, blob.Close())
	}
	return stored{reader, blob}, nil
}

func (q *Queue) openText(id ID) (Content, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.texts[id]
	if t == nil {
		return nil, errLost
	}
	t.readers++
	return &reading{text: t, q: q}, nil
}

// stored is a text on the disk.
type stored struct {
	*nodekey.Reader
	blob filestore.Blob
}

func (s stored) Close() error { return errors.Join(s.Reader.Close(), s.blob.Close()) }

// reading is a text in memory in one reader's hands.
type reading struct {
	*text
	q      *Queue
	closed bool
}

func (r *reading) Close() error {
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.readers--
		r.q.wipe(r.text)
	}
	return nil
}
