package bolt

import (
	"encoding/binary"
	"math"
	"time"

	"sealpost/smtp/outbound/queue"
)

// The queue's file has these buckets. Rows are like those of the index.
//
//	bucket  key       value
//	meta    "schema"  u32: 1
//	        "sealed"  nothing, sealed under the node key: by it a file knows its key
//	queue   mail id   row: group, due, held, size, body, data
//	hands   mail id   empty: it is being sent
//
//	group   byte string: a pseudonym of who sent the mail
//	due     zigzag varint, nanoseconds since 1970
//	held    u8, 0 or 1
//	size    of the sealed text; 0: it is in memory only
//	body    blob id (16 bytes), if size is not 0
//	data    byte string: the envelope, sealed (smtp/outbound/queue, row.go)
//
// Leases are not stored: nobody else has the file, so they end with the process.
// A row in "hands" only says that a mail may arrive twice (queue_hands.go).

// farthest bounds times, so that they fit their field.
var farthest = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func encodeQueued(r queue.Row) []byte {
	due := r.Due
	if due.After(farthest) {
		due = farthest
	}
	b := newRow(len(r.Group) + len(r.Data) + 60)
	b = appendString(b, r.Group)
	b = binary.AppendVarint(b, due.UnixNano())
	if r.Held {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(r.Body.Size))
	if r.Body.Size != 0 {
		b = append(b, r.Body.ID[:]...)
	}
	b = appendString(b, r.Data)
	return sealRow(tableQueue, []byte(r.ID), b)
}

// decodeQueued reads a row; its Data lives as long as the transaction.
func decodeQueued(key, row []byte) (r queue.Row, ok bool) {
	body, ok := unsealRow(tableQueue, key, row)
	f := fields{b: body, bad: !ok}
	r.ID, r.Group = queue.ID(key), string(f.string())
	r.Due = time.Unix(0, f.varint()).UTC()
	r.Held = f.byte() == 1
	if r.Body.Size = f.int64(); r.Body.Size != 0 {
		copy(r.Body.ID[:], f.take(uint64(len(r.Body.ID))))
	}
	r.Data = f.string()
	return r, f.done()
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.b)
	if n <= 0 {
		f.b, f.bad = nil, true
		return 0
	}
	f.b = f.b[n:]
	return v
}

// queueIDFits says whether an id can be a key.
func queueIDFits(id queue.ID) bool { return len(id) > 0 && len(id) <= math.MaxUint8 }
