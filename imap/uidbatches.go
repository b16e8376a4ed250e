package imap

import (
	"sealpost/imap/wire"
	"sealpost/mailstore"
)

const (
	leastBatch = 500     // messages, RFC 10022, section 3.1.3.2
	mostBatch  = 100_000 // messages that a range of batches may have (section 3.1.5)
)

// uidBatches is UIDBATCHES (RFC 10022): ranges of UIDs, newest first, that have as
// many messages each as were asked for. They leave no UID out: what is expunged
// later only makes one smaller. Who asks again is answered again, though the client must
// not (section 3.1.1): an answer costs a look for each batch, and never a message.
func (s *session) uidBatches(r *request) error {
	p := &r.Args
	size, ok := p.Number()
	first, last := int64(1), int64(0) // 0: to the end
	if ok && !p.End() {
		ok1 := p.Space()
		from, ok2 := p.Number()
		ok3 := p.Special(":")
		to, ok4 := p.Number()
		if first, last = from, to; !ok1 || !ok2 || !ok3 || !ok4 || from < 1 || to < 1 {
			ok = false
		}
	}
	switch {
	case !ok || size < 1 || !p.End() || max(size, first, last) > 1<<32-1:
		return bad("expected UIDBATCHES messages [batch:batch]")
	case last > 0 && last < first:
		return &status{kind: "BAD", code: "CLIENTBUG", text: "the first batch comes first"}
	case size < leastBatch:
		return no("TOOFEW", "a batch has at least "+decimal(int64(leastBatch))+" messages here")
	case last > 0 && last-first+1 > mostBatch/size:
		return no("TOOMANY", "ask for batches of "+decimal(int64(mostBatch))+" messages in all at most")
	}
	s.writeBatches(r.Tag, size, first, last)
	return nil
}

// writeBatches counts back from the newest message. It costs a look for each batch,
// however many messages one has.
func (s *session) writeBatches(tag string, size, first, last int64) {
	w, v := s.wire, s.box
	w.Str("* UIDBATCHES (TAG ")
	w.Str(string(wire.AppendQuoted(nil, tag)))
	w.Mark(')')
	mark := byte(' ')
	count := int64(v.count())
	for n := first; (last == 0 || n <= last) && (n-1)*size < count; n++ {
		top := v.uid(int(count - (n-1)*size - 1))
		low := mailstore.UID(1)
		if n*size < count {
			low = v.uid(int(count-n*size-1)) + 1 // of the next batch's newest
		}
		w.Mark(mark)
		w.Num(uint64(top))
		w.Mark(':')
		w.Num(uint64(low))
		mark = ','
	}
	w.Line()
}
