package bolt

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"sealpost/mailstore"
)

// entryReader decodes rows of one mailbox's entries without an allocation for
// each: there are few combinations of flags, and each is made once.
type entryReader struct {
	num    uint32
	box    mailstore.MailboxID
	prefix uint32  // the checksum of the bucket's name and the key up to the UID
	suffix [4]byte // the rest of the key
	flags  map[string]*combination
	last   *combination
}

// combination is flags as they stand in a row and as they are.
type combination struct {
	raw   string
	flags []string
}

// maxCombinations bounds what a reader keeps of a mailbox in which no two
// messages have the same flags.
const maxCombinations = 4096

func (x *entryReader) begin(num uint32, box mailstore.MailboxID) {
	x.num, x.box = num, box
	x.prefix = checksum(tableEntries, boxKey(num, box), nil)
	if x.flags == nil || len(x.flags) > maxCombinations {
		x.flags, x.last = map[string]*combination{}, &combination{}
	}
}

func (x *entryReader) key(uid mailstore.UID) []byte { return uidKey(x.num, x.box, uid) }

// read is decodeEntry for one mailbox.
func (x *entryReader) read(uid mailstore.UID, row []byte, e *mailstore.Entry) (ok bool) {
	if len(row) < rowExtra || row[0] != rowVersion {
		return false
	}
	body, sum := row[:len(row)-crc32.Size], row[len(row)-crc32.Size:]
	binary.BigEndian.PutUint32(x.suffix[:], uint32(uid))
	if crc32.Update(crc32.Update(x.prefix, castagnoli, x.suffix[:]), castagnoli, body) != binary.BigEndian.Uint32(sum) {
		return false
	}
	f := fields{b: body[1:]}
	e.UID, e.Gone = uid, false
	e.Modseq = mailstore.Modseq(f.uint(math.MaxInt64) + f.uint(math.MaxInt64))
	e.Received, e.Saved = f.time(), f.time()
	e.Size = f.int64()
	if f.bad {
		return false
	}
	if string(f.b) != x.last.raw {
		known := x.flags[string(f.b)]
		if known == nil {
			known = &combination{raw: string(f.b)}
			if known.flags = f.flags(); !f.done() {
				return false
			}
			x.flags[known.raw] = known
		}
		x.last = known
	}
	e.Flags = x.last.flags
	return true
}

// flags reads the end of an entry.
func (f *fields) flags() (flags []string) {
	bits := f.byte()
	for bit := range systemFlags {
		if bits&(1<<bit) != 0 {
			flags = append(flags, systemFlag(bit))
		}
	}
	for n := f.uint(1 << 10); n > 0 && !f.bad; n-- {
		flags = append(flags, string(f.string()))
	}
	f.bad = f.bad || bits>>systemFlags != 0
	return flags
}
