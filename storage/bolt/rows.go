package bolt

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// The index file is a bbolt database with these buckets, all at the top level. In
// keys, numbers are big-endian and of fixed width, so that rows stand in their
// order: u32, u64. An owner is known by a number (u32, from 1, never given
// twice) that stands in its row in "owners".
//
//	bucket         key                          value
//	meta           "schema"                     u32, the schema version: 1
//	               "sets"                       u32: 1 once sets and keywords are kept; without it both are empty
//	               "setting"                    how far Enroll is: u64 commit, box's key
//	owners         owner id, 1 to 255 bytes     row: owner, modseq, box, valid, bytes, messages, quota
//	mailboxes      owner u32, box u32           row: name, use, uidvalidity, uidnext, modseq, floor,
//	                                                 messages, unseen, deleted, expunged, bytes
//	entries        owner u32, box u32, uid u32  row: born, changed, received, saved, size, flags
//	mails          owner u32, box u32, uid u32  row: id, form, class, letters, outer, envelope
//	changes        owner u32, box u32,          empty; one for each entry that changed since it
//	               modseq u64, uid u32          was born, at its modseq
//	expunged       owner u32, box u32,          empty; the log of expunged UIDs
//	               modseq u64, uid u32
//	shares         owner u32, blob id (16)      row: count of entries, 2 or more; no row: 1
//	subscriptions  owner u32, name              empty
//	sets           owner u32, box u32, u8,      row: page of a set, as mailstore.UIDSet writes it. The u8 is 0
//	               page u32                          for all UIDs there, 1 for the unseen, 2 for the deleted
//	keywords       owner u32, box u32, keyword  row: count of entries that have it, one of its spellings; the
//	                                                 key has it in lower case
//	notes          owner u32, box u32           row: octets that were sealed elsewhere; box 0 is the owner's own
//	accounts       account id                   row: JSON (accounts.go)
//	addresses      mail.Address.Key             account id
//	domains        domain                       account id of the catch-all
//
// and, of mailstore/cabinet (cabinet.go):
//
//	shelves        owner u32                    row: change, floor, items, bytes, gone
//	boxes          owner u32, drawer u8, name   row: version, change, modified, size, gone, blob
//	shelved        owner u32, change u64        drawer u8, name: the box that changed last there
//	signins        account id                   row: JSON (signins.go)
//	tokens         SHA-256 of a session's secret account id
//	invitations    SHA-256 of a token           row: JSON (signins.go)
//
// and, of filestore/drive, those that drive.go names.
//
// More files are made the same way, with a bucket "meta" of their own:
// queue_rows.go, known.go, papers.go and journal.go say what is in them.
//
// The sequence of bucket "owners" is the last owner number given.
//
// A row is a version byte (1), its fields, and a CRC-32C (u32, big-endian) over
// the bucket's name, a zero byte, the key, the version byte and the fields: a
// row that was changed, or that stands in a wrong place, is an error and never
// an answer. In a row numbers are varints (encoding/binary): unsigned, or
// zigzag for received and saved, which are seconds since 1970. Names and other
// byte strings are a length and their bytes. Then:
//
//	born     the modseq the message entered this mailbox with. It never falls as
//	         UIDs rise, so what was born after a modseq is the end of a mailbox, and
//	         a message that never changed needs no row in "changes"
//	changed  what its modseq is more than born; 0: it never changed
//	flags    u8 of bits (1 \Seen, 2 \Answered, 4 \Flagged, 8 \Deleted, 16 \Draft),
//	         a count and so many keywords as strings
//	id       16 bytes
//	form     u8: 1 PGP/MIME, 2 inline
//	class    u8: 0 none, 1 sealed on arrival, 2 end-to-end, 3 both
//	letters  a count and for each: u8 kind (1 message, 2 header, 3 terms, 4 body,
//	         5 card), blob id (16 bytes), size
//	outer, envelope  byte strings; mail.Envelope gives the second one's form
const (
	schema     = 1
	rowVersion = 1
	rowExtra   = 1 + crc32.Size
)

// table is a bucket that holds rows.
type table uint8

const (
	tableOwners table = iota
	tableMailboxes
	tableEntries
	tableMails
	tableChanges
	tableExpunged
	tableShares
	tableSubscriptions
	tableAccounts
	tableAddresses
	tableDomains
	tableShelves // from here on young ones
	tableBoxes
	tableShelved
	tableSignIns
	tableTokens
	tableInvitations
	tableDrives
	tableObjects
	tableUploads
	tableParts
	tableArrivals
	tableLinks
	tableLinked
	tableRequests
	tableRequested
	tableSets
	tableKeywords
	tableNotes
	tableQueue // here begin those of other files
	tableHands
	tablePeers
	tablePolicies
	tableValues
	tablePapers
	tableCopies
	tableLanded
	tableStages
	tableCount
)

var (
	tableNames = [tableCount][]byte{
		[]byte("owners"), []byte("mailboxes"), []byte("entries"), []byte("mails"), []byte("changes"), []byte("expunged"),
		[]byte("shares"), []byte("subscriptions"), []byte("accounts"), []byte("addresses"), []byte("domains"),
		[]byte("shelves"), []byte("boxes"), []byte("shelved"),
		[]byte("signins"), []byte("tokens"), []byte("invitations"),
		[]byte("drives"), []byte("objects"), []byte("uploads"), []byte("parts"), []byte("arrivals"),
		[]byte("links"), []byte("linked"), []byte("requests"), []byte("requested"),
		[]byte("sets"), []byte("keywords"), []byte("notes"),
		[]byte("queue"), []byte("hands"), []byte("peers"), []byte("policies"), []byte("values"), []byte("papers"),
		[]byte("copies"), []byte("landed"), []byte("stages"),
	}
	bucketMeta = []byte("meta")
	keySchema  = []byte("schema")
	zero       = []byte{0}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func checksum(t table, key, body []byte) uint32 {
	sum := crc32.Update(0, castagnoli, tableNames[t])
	sum = crc32.Update(sum, castagnoli, zero)
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, body)
}

// sealRow ends a row that was begun with newRow.
func sealRow(t table, key, row []byte) []byte {
	return binary.BigEndian.AppendUint32(row, checksum(t, key, row))
}

func newRow(size int) []byte {
	return append(make([]byte, 0, size+rowExtra), rowVersion)
}

// unsealRow returns the fields of a row, or false.
func unsealRow(t table, key, row []byte) ([]byte, bool) {
	if len(row) < rowExtra || row[0] != rowVersion {
		return nil, false
	}
	body, sum := row[:len(row)-crc32.Size], row[len(row)-crc32.Size:]
	if checksum(t, key, body) != binary.BigEndian.Uint32(sum) {
		return nil, false
	}
	return body[1:], true
}

func appendString[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// fields reads what is in a row. Once something is amiss it reads zeros.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) uint(max uint64) uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 || v > max {
		f.b, f.bad = nil, true
		return 0
	}
	f.b = f.b[n:]
	return v
}

func (f *fields) uint32() uint32 { return uint32(f.uint(math.MaxUint32)) }
func (f *fields) int64() int64   { return int64(f.uint(math.MaxInt64)) }

func (f *fields) time() time.Time {
	v, n := binary.Varint(f.b)
	if n <= 0 {
		f.b, f.bad = nil, true
		return time.Time{}
	}
	f.b = f.b[n:]
	return time.Unix(v, 0).UTC()
}

// take returns the next n bytes, not copied.
func (f *fields) take(n uint64) []byte {
	if n > uint64(len(f.b)) {
		f.b, f.bad = nil, true
		return nil
	}
	taken := f.b[:n:n]
	f.b = f.b[n:]
	return taken
}

func (f *fields) byte() byte {
	if b := f.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) string() []byte { return f.take(f.uint(math.MaxInt32)) }

// done says whether the row was read to its end and nothing was amiss.
func (f *fields) done() bool { return !f.bad && len(f.b) == 0 }

// owner is a row of bucket owners.
type owner struct {
	num uint32
	mailstore.Books
}

func encodeOwner(key []byte, o owner) []byte {
	b := newRow(40)
	b = binary.AppendUvarint(b, uint64(o.num))
	b = binary.AppendUvarint(b, uint64(o.Modseq))
	b = binary.AppendUvarint(b, uint64(o.Box))
	b = binary.AppendUvarint(b, uint64(o.Valid))
	b = binary.AppendUvarint(b, uint64(o.Bytes))
	b = binary.AppendUvarint(b, uint64(o.Messages))
	b = binary.AppendUvarint(b, uint64(o.Quota))
	return sealRow(tableOwners, key, b)
}

func decodeOwner(key, row []byte) (o owner, ok bool) {
	body, ok := unsealRow(tableOwners, key, row)
	f := fields{b: body, bad: !ok}
	o.num = f.uint32()
	o.Open = true
	o.Modseq = mailstore.Modseq(f.uint(math.MaxInt64))
	o.Box = mailstore.MailboxID(f.uint32())
	o.Valid = f.uint32()
	o.Bytes, o.Messages, o.Quota = f.int64(), f.int64(), f.int64()
	return o, f.done()
}

func encodeMailbox(key []byte, m mailstore.Mailbox) []byte {
	b := newRow(len(m.Name) + len(m.Use) + 60)
	b = appendString(b, m.Name)
	b = appendString(b, m.Use)
	for _, v := range []uint64{
		uint64(m.UIDValidity), uint64(m.UIDNext), uint64(m.Modseq), uint64(m.Floor),
		uint64(m.Messages), uint64(m.Unseen), uint64(m.Deleted), uint64(m.Expunged), uint64(m.Bytes),
	} {
		b = binary.AppendUvarint(b, v)
	}
	return sealRow(tableMailboxes, key, b)
}

// decodeMailbox reads all but Subscribed.
func decodeMailbox(key, row []byte) (m mailstore.Mailbox, ok bool) {
	body, ok := unsealRow(tableMailboxes, key, row)
	f := fields{b: body, bad: !ok || len(key) != 8}
	m.Name, m.Use = string(f.string()), string(f.string())
	m.UIDValidity, m.UIDNext = f.uint32(), mailstore.UID(f.uint32())
	m.Modseq, m.Floor = mailstore.Modseq(f.uint(math.MaxInt64)), mailstore.Modseq(f.uint(math.MaxInt64))
	m.Messages, m.Unseen, m.Deleted, m.Expunged = f.uint32(), f.uint32(), f.uint32(), f.uint32()
	m.Bytes = f.int64()
	if !f.done() {
		return mailstore.Mailbox{}, false
	}
	m.ID = mailstore.MailboxID(binary.BigEndian.Uint32(key[4:]))
	return m, true
}

// systemFlag is the order of bits and of flags in an Entry.
func systemFlag(bit int) string {
	return [...]string{mailstore.Seen, mailstore.Answered, mailstore.Flagged, mailstore.Deleted, mailstore.Draft}[bit]
}

const systemFlags = 5

// entry is a row of bucket entries.
type entry struct {
	mailstore.Entry
	born mailstore.Modseq
}

func encodeEntry(key []byte, e entry) []byte {
	b := newRow(40)
	b = binary.AppendUvarint(b, uint64(e.born))
	b = binary.AppendUvarint(b, uint64(e.Modseq-e.born))
	b = binary.AppendVarint(b, e.Received.Unix())
	b = binary.AppendVarint(b, e.Saved.Unix())
	b = binary.AppendUvarint(b, uint64(e.Size))
	bits, system := byte(0), 0
	for bit := range systemFlags {
		if system < len(e.Flags) && e.Flags[system] == systemFlag(bit) {
			bits |= 1 << bit
			system++
		}
	}
	b = append(b, bits)
	b = binary.AppendUvarint(b, uint64(len(e.Flags)-system))
	for _, keyword := range e.Flags[system:] {
		b = appendString(b, keyword)
	}
	return sealRow(tableEntries, key, b)
}

func decodeEntry(key, row []byte) (e entry, ok bool) {
	body, ok := unsealRow(tableEntries, key, row)
	f := fields{b: body, bad: !ok || len(key) != 12}
	e.born = mailstore.Modseq(f.uint(math.MaxInt64))
	e.Modseq = e.born + mailstore.Modseq(f.uint(math.MaxInt64))
	e.Received, e.Saved = f.time(), f.time()
	e.Size = f.int64()
	e.Flags = f.flags()
	if !f.done() {
		return entry{}, false
	}
	e.UID = uidIn(key)
	return e, true
}

func classes() []pgp.Class { return []pgp.Class{"", pgp.SealedOnArrival, pgp.EndToEnd, pgp.Both} }

// classCode is what stands for a class in a row, or -1 for an unknown one.
func classCode(c pgp.Class) int { return slices.Index(classes(), c) }

func encodeMail(key []byte, m *mailstore.Mail) []byte {
	b := newRow(len(m.Outer) + len(m.Envelope) + 32*len(m.Letters) + 32)
	b = append(b, m.ID[:]...)
	b = append(b, byte(m.Form), byte(classCode(m.Class)))
	b = binary.AppendUvarint(b, uint64(len(m.Letters)))
	for _, l := range m.Letters {
		b = append(b, byte(l.Kind))
		b = append(b, l.ID[:]...)
		b = binary.AppendUvarint(b, uint64(l.Size))
	}
	b = appendString(b, m.Outer)
	b = appendString(b, m.Envelope)
	return sealRow(tableMails, key, b)
}

// decodeMail reads a row; Outer and Envelope lie in row and are not copied.
func decodeMail(key, row []byte) (m mailstore.Mail, ok bool) {
	m, letters, ok := readMail(key, row, nil)
	m.Letters = letters
	return m, ok
}

// readMail is decodeMail, and appends the letters to those of others.
func readMail(key, row []byte, letters []mailstore.Stored) (m mailstore.Mail, all []mailstore.Stored, ok bool) {
	body, ok := unsealRow(tableMails, key, row)
	f := fields{b: body, bad: !ok || len(key) != 12}
	copy(m.ID[:], f.take(uint64(len(m.ID))))
	m.Form = pgp.Form(f.byte())
	class := int(f.byte())
	for n := f.uint(1 << 10); n > 0 && !f.bad; n-- {
		l := mailstore.Stored{Kind: pgp.Kind(f.byte())}
		copy(l.ID[:], f.take(uint64(len(filestore.ID{}))))
		l.Size = f.int64()
		letters = append(letters, l)
	}
	m.Outer, m.Envelope = f.string(), f.string()
	if !f.done() || class >= len(classes()) {
		return mailstore.Mail{}, nil, false
	}
	m.Class = classes()[class]
	m.UID = uidIn(key)
	return m, letters, true
}

func encodeShares(key []byte, n int) []byte {
	return sealRow(tableShares, key, binary.AppendUvarint(newRow(8), uint64(n)))
}

func decodeShares(key, row []byte) (n int, ok bool) {
	body, ok := unsealRow(tableShares, key, row)
	f := fields{b: body, bad: !ok}
	n = int(f.uint(math.MaxInt32))
	return n, f.done()
}

// Keys.

func ownerKey(num uint32) []byte { return binary.BigEndian.AppendUint32(make([]byte, 0, 24), num) }

func boxKey(num uint32, box mailstore.MailboxID) []byte {
	return binary.BigEndian.AppendUint32(ownerKey(num), uint32(box))
}

func uidKey(num uint32, box mailstore.MailboxID, uid mailstore.UID) []byte {
	return binary.BigEndian.AppendUint32(boxKey(num, box), uint32(uid))
}

func modseqKey(num uint32, box mailstore.MailboxID, m mailstore.Modseq, uid mailstore.UID) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(boxKey(num, box), uint64(m)), uint32(uid))
}

// readModseqKey reads the end of a key that modseqKey made.
func readModseqKey(key []byte) (m mailstore.Modseq, uid mailstore.UID, ok bool) {
	if len(key) != 20 {
		return 0, 0, false
	}
	return mailstore.Modseq(binary.BigEndian.Uint64(key[8:])), mailstore.UID(binary.BigEndian.Uint32(key[16:])), true
}

// uidIn reads the end of a key that uidKey made.
func uidIn(key []byte) mailstore.UID { return mailstore.UID(binary.BigEndian.Uint32(key[8:])) }

func shareKey(num uint32, id filestore.ID) []byte { return append(ownerKey(num), id[:]...) }

func nameKey(num uint32, name string) []byte { return append(ownerKey(num), name...) }

// boxInKey says whether a box number can stand in a key.
func boxInKey(box mailstore.MailboxID) bool { return box <= math.MaxUint32 }

// ownerFits says whether an owner's id can be a key.
func ownerFits(o mailstore.Owner) bool {
	return o != "" && len(o) <= 255 && !strings.ContainsRune(string(o), 0)
}

func clone(m mailstore.Mail) mailstore.Mail {
	m.Outer, m.Envelope = bytes.Clone(m.Outer), bytes.Clone(m.Envelope)
	return m
}
