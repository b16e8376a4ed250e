package disk

import (
	"fmt"
	"io"
	"os"
	"sync"

	"sealpost/filestore"
)

// blob reads one frame. It holds the chunk it read last, so that small reads
// check each chunk once; a blob of one chunk needs its file no more.
type blob struct {
	header
	mu      sync.Mutex
	file    io.ReaderAt // nil when all of it is in chunk
	off     int64       // of the content
	buf     []byte
	chunk   []byte // content in buf
	number  int64  // of chunk
	run     *run   // whose memory buf is, or nil
	release func()
}

// firstRead is as much of a frame as openBlob reads at once.
const firstRead = headerSize + chunkSize + sumSize

var readBuffers = sync.Pool{New: func() any { return new([firstRead]byte) }}

// openBlob reads the beginning of the frame at off that should hold blob id of
// that length, or of any length if that is negative. release is called when
// the file is needed no more, but not when openBlob fails.
func openBlob(file io.ReaderAt, off int64, id filestore.ID, length int64, release func()) (*blob, error) {
	b := &blob{file: file, off: off + headerSize, release: release}
	want := int64(firstRead)
	if length >= 0 {
		want = min(want, frameSize(length))
	}
	b.buf = readBuffer(int(want))
	n, err := file.ReadAt(b.buf, off)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	if err := b.begin(b.buf[:n], id, length); err != nil {
		freeBuffer(b.buf)
		return nil, err
	}
	if b.length > chunkSize {
		return b, nil
	}
	b.file, b.release = nil, nil
	release()
	return b, nil
}

// begin takes the header and the first chunk from what was read.
func (b *blob) begin(read []byte, id filestore.ID, length int64) (err error) {
	b.header, err = parseHeader(read)
	if err != nil || b.id != id || length >= 0 && b.length != length {
		return fmt.Errorf("frame header: %w", filestore.ErrCorrupt)
	}
	if b.length == 0 {
		return nil
	}
	end := headerSize + min(b.length, chunkSize) + sumSize
	if int64(len(read)) < end {
		return fmt.Errorf("frame is cut short: %w", filestore.ErrCorrupt)
	}
	b.chunk, err = openChunk(b.id, 0, read[headerSize:end])
	return err
}

func (b *blob) Size() int64 { return b.length }

// Held is the content of a blob of one chunk.
func (b *blob) Held() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.length > chunkSize {
		return nil
	}
	return b.chunk
}

func (b *blob) ReadAt(p []byte, off int64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf == nil {
		return 0, os.ErrClosed
	}
	return filestore.ReadWindows(p, off, b.length, func(off, _ int64) ([]byte, error) {
		if err := b.load(off / chunkSize); err != nil {
			return nil, fmt.Errorf("read blob %s: %w", b.id, err)
		}
		return b.chunk[off%chunkSize:], nil
	})
}

// load makes number the chunk at hand.
func (b *blob) load(number int64) error {
	if b.chunk != nil && number == b.number {
		return nil
	}
	b.chunk = nil
	start := number * chunkSize
	buf := b.buf[:min(b.length-start, chunkSize)+sumSize]
	if _, err := b.file.ReadAt(buf, b.off+start+number*sumSize); err == io.EOF {
		return fmt.Errorf("frame is cut short: %w", filestore.ErrCorrupt)
	} else if err != nil {
		return err
	}
	chunk, err := openChunk(b.id, number, buf)
	if err != nil {
		return err
	}
	b.chunk, b.number = chunk, number
	return nil
}

// Close may be called twice.
func (b *blob) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf == nil {
		return nil
	}
	if b.run != nil {
		b.run.leave()
	} else {
		freeBuffer(b.buf)
	}
	b.buf, b.chunk = nil, nil
	if b.release != nil {
		b.release()
	}
	return nil
}

// Most blobs are far smaller than a chunk and get a buffer of their size.
const pooledFrom = 16 << 10

func readBuffer(n int) []byte {
	if n < pooledFrom {
		return make([]byte, n)
	}
	return readBuffers.Get().(*[firstRead]byte)[:n]
}

func freeBuffer(b []byte) {
	if cap(b) == firstRead {
		readBuffers.Put((*[firstRead]byte)(b[:firstRead]))
	}
}
