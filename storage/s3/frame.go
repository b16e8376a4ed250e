package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// A frame is one blob in an object: the content in chunks, each followed by its tag, then a
// tail. A pack is frames one behind the other; from its end on they can be told apart without
// the index. A large blob's object is one frame.
//
//	0  chunks of 64 KiB (the last may be shorter), each with a tag of 16
//	   magic "SPob", version 1, three zeros
//	   content length, 8
//	   id, 16
//	   time of storing, Unix seconds, 8
//	   tag of the 40 octets before, 16
//
// Numbers are big-endian. A tag is the first 16 octets of HMAC-SHA-256 under the store's
// secret, over the blob's id, the chunk's number (8, all ones for the tail) and the octets.
// The secret lies with the index: whoever holds the objects can neither change a chunk nor
// show one in another's place.
const (
	chunkSize = 64 << 10
	tagSize   = 16
	tailSize  = 8 + 8 + 16 + 8 + tagSize
	maxParts  = 10_000 // of an object, by S3
	partSize  = 8 << 20
	maxLength = maxParts * (partSize - 8<<10) // of a blob; tags take less than the rest
)

var magic = [8]byte{'S', 'P', 'o', 'b', 1}

const tailNumber = ^uint64(0)

// frameSize is how long a frame with that much content is.
func frameSize(length int64) int64 {
	return length + chunks(length)*tagSize + tailSize
}

func chunks(length int64) int64 { return (length + chunkSize - 1) / chunkSize }

// chunksSize is how long the chunks of a blob of that length are from number from to before
// number to, with their tags.
func chunksSize(length, from, to int64) int64 {
	return min(to*chunkSize, length) - from*chunkSize + (to-from)*tagSize
}

// tagger makes tags of one blob.
type tagger struct {
	hash.Hash
	id filestore.ID
}

func newTagger(secret packs.Secret, id filestore.ID) *tagger {
	return &tagger{hmac.New(sha256.New, secret[:]), id}
}

// begin makes ready for the octets of a chunk.
func (t *tagger) begin(number uint64) {
	t.Reset()
	t.Write(t.id[:])
	t.Write(binary.BigEndian.AppendUint64(nil, number))
}

// end is the tag of what was written since.
func (t *tagger) end() []byte { return t.Sum(nil)[:tagSize] }

// open checks a chunk that is followed by its tag, and takes that off.
func (t *tagger) open(number int64, b []byte) ([]byte, error) {
	chunk, tag := b[:len(b)-tagSize], b[len(b)-tagSize:]
	t.begin(uint64(number))
	t.Write(chunk)
	if !hmac.Equal(t.end(), tag) {
		return nil, fmt.Errorf("tag of chunk %d: %w", number, filestore.ErrCorrupt)
	}
	return chunk, nil
}

// openChunks checks chunks from that number on and moves their content together. raw has
// nothing else in it.
func (t *tagger) openChunks(number int64, raw []byte) ([]byte, error) {
	content := raw[:0]
	for len(raw) > 0 {
		n := min(len(raw), chunkSize+tagSize)
		chunk, err := t.open(number, raw[:n])
		if err != nil {
			return nil, err
		}
		content = append(content, chunk...)
		raw = raw[n:]
		number++
	}
	return content, nil
}

// tail ends a frame.
func (t *tagger) tail(length int64, stored time.Time) []byte {
	b := append(make([]byte, 0, tailSize), magic[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(length))
	b = append(b, t.id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(stored.Unix()))
	t.begin(tailNumber)
	t.Write(b)
	return append(b, t.end()...)
}

// framer lays out one blob's content as a frame, and hands it on as it comes.
type framer struct {
	tags   *tagger
	length int64 // of content so far
	emit   func([]byte) error
}

func newFramer(secret packs.Secret, id filestore.ID, emit func([]byte) error) *framer {
	return &framer{tags: newTagger(secret, id), emit: emit}
}

func (f *framer) Write(p []byte) (n int, err error) {
	for n < len(p) {
		open := f.length % chunkSize
		if open == 0 {
			f.tags.begin(uint64(f.length / chunkSize))
		}
		piece := p[n:min(len(p), n+int(chunkSize-open))]
		f.tags.Write(piece)
		if err := f.emit(piece); err != nil {
			return n, err
		}
		n += len(piece)
		f.length += int64(len(piece))
		if f.length%chunkSize == 0 {
			if err := f.emit(f.tags.end()); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// finish ends the last chunk and the frame.
func (f *framer) finish(stored time.Time) error {
	if f.length%chunkSize != 0 {
		if err := f.emit(f.tags.end()); err != nil {
			return err
		}
	}
	return f.emit(f.tags.tail(f.length, stored))
}

// isTail says whether b is the tail of the blob's frame.
func (t *tagger) isTail(b []byte, length int64) bool {
	t.begin(tailNumber)
	t.Write(b[:tailSize-tagSize])
	return [8]byte(b) == magic && binary.BigEndian.Uint64(b[8:]) == uint64(length) &&
		filestore.ID(b[16:32]) == t.id && hmac.Equal(t.end(), b[tailSize-tagSize:])
}
