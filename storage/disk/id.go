package disk

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"sealpost/filestore"
)

// tail is the random part of an id.
type tail [12]byte

// noSegment stands in the id of a large file where others have the number of theirs.
const noSegment = 0

func newTail() (t tail, err error) {
	if _, err := rand.Read(t[:]); err != nil {
		return t, fmt.Errorf("make blob id: %w", err)
	}
	return t, nil
}

func join(segment uint32, t tail) (id filestore.ID) {
	binary.BigEndian.PutUint32(id[:], segment)
	copy(id[4:], t[:])
	return id
}

func split(id filestore.ID) (uint32, tail) {
	return binary.BigEndian.Uint32(id[:]), tail(id[4:])
}

func segmentName(n uint32) string { return fmt.Sprintf("%08x.seg", n) }
func deadName(n uint32) string    { return fmt.Sprintf("%08x.dead", n) }

// segmentNumber reads a name that segmentName made, and no other.
func segmentNumber(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, ".seg")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != 4 {
		return 0, false
	}
	n := binary.BigEndian.Uint32(raw)
	return n, n != noSegment && name == segmentName(n)
}
