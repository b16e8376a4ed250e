package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"sealpost/filestore"
)

// A frame is one blob on the disk, in a segment or alone in a large file: a
// header, then the content in chunks, each followed by its checksum.
//
//	0  magic "SPfr", version 1, three zeros
//	8  content length
//	16 id
//	32 time of storing, Unix seconds
//	40 CRC-32C of the 40 bytes before
//	44 chunks of 64 KiB (the last may be shorter), each with a CRC-32C
//
// Numbers are big-endian. A chunk's checksum begins from the blob's id and the
// chunk's number, so that a chunk in the wrong place does not pass.
const (
	headerSize = 44
	chunkSize  = 64 << 10
	sumSize    = 4
	maxLength  = 1 << 40 // of any blob
	maxSegment = 1 << 30 // of a segment before its last group; offsets have 32 bits
)

var (
	magic      = [8]byte{'S', 'P', 'f', 'r', 1}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

var errHeader = errors.New("not a frame header")

type header struct {
	id     filestore.ID
	length int64
	stored time.Time
}

func (h header) put(b []byte) {
	copy(b, magic[:])
	binary.BigEndian.PutUint64(b[8:], uint64(h.length))
	copy(b[16:], h.id[:])
	binary.BigEndian.PutUint64(b[32:], uint64(h.stored.Unix()))
	binary.BigEndian.PutUint32(b[40:], crc32.Checksum(b[:40], castagnoli))
}

func parseHeader(b []byte) (header, error) {
	if len(b) < headerSize || [8]byte(b) != magic ||
		crc32.Checksum(b[:40], castagnoli) != binary.BigEndian.Uint32(b[40:]) {
		return header{}, errHeader
	}
	h := header{
		id:     filestore.ID(b[16:]),
		length: int64(binary.BigEndian.Uint64(b[8:])),
		stored: time.Unix(int64(binary.BigEndian.Uint64(b[32:])), 0),
	}
	if h.length < 0 || h.length > maxLength {
		return header{}, errHeader
	}
	return h, nil
}

// frameSize is how long a frame with that much content is.
func frameSize(length int64) int64 {
	return headerSize + length + chunks(length)*sumSize
}

func chunks(length int64) int64 { return (length + chunkSize - 1) / chunkSize }

func checksum(id filestore.ID, number int64, chunk []byte) uint32 {
	seed := binary.BigEndian.Uint32(id[4:]) + uint32(number)
	return crc32.Update(seed, castagnoli, chunk)
}

// openChunk checks a chunk that is followed by its checksum, and takes that off.
func openChunk(id filestore.ID, number int64, b []byte) ([]byte, error) {
	chunk, sum := b[:len(b)-sumSize], b[len(b)-sumSize:]
	if checksum(id, number, chunk) != binary.BigEndian.Uint32(sum) {
		return nil, fmt.Errorf("checksum of chunk %d: %w", number, filestore.ErrCorrupt)
	}
	return chunk, nil
}

// checkChunks reads all of a frame's content, that begins at off, through buf
// of at least a chunk and its checksum.
func checkChunks(r io.ReaderAt, off int64, h header, buf []byte) error {
	left := h.length
	for number := int64(0); left > 0; number++ {
		b := buf[:min(left, chunkSize)+sumSize]
		if _, err := r.ReadAt(b, off); err != nil {
			return err
		}
		if _, err := openChunk(h.id, number, b); err != nil {
			return err
		}
		off += int64(len(b))
		left -= int64(len(b)) - sumSize
	}
	return nil
}
