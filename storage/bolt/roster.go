package bolt

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"

	"sealpost/mailstore"
)

// What a client is told that opens a mailbox stands beside the entries, so that
// nobody reads a million of them for it: sets of UIDs as their pages, and the
// keywords in use, counted. Every write that changes an entry changes these in the
// same transaction.

func setKey(num uint32, box mailstore.MailboxID, m mailstore.Mark, page uint32) []byte {
	return binary.BigEndian.AppendUint32(append(boxKey(num, box), byte(m)), page)
}

func keywordKey(num uint32, box mailstore.MailboxID, folded string) []byte {
	return append(boxKey(num, box), folded...)
}

// putTally writes what a mailbox's tally says.
func (r *rows) putTally(p *put, box mailstore.MailboxID, t *mailstore.Tally) {
	for _, m := range mailstore.Marks() {
		in, out := t.Sets(m)
		r.putSet(p, box, m, in, out)
	}
	for folded, w := range t.Words {
		r.putKeyword(p, keywordKey(r.num, box, folded), w)
	}
}

func (r *rows) putSet(p *put, box mailstore.MailboxID, m mailstore.Mark, in, out mailstore.UIDSet) {
	for page := range in.Union(out).Pages() {
		var b mailstore.UIDSetBuilder
		key := setKey(r.num, box, m, page)
		if row := r.get(tableSets, key); row != nil {
			body, ok := unsealRow(tableSets, key, row)
			if !ok || b.AddPage(page, body) != nil {
				p.note(damaged(tableSets, key))
				return
			}
		}
		first := mailstore.UID(page * mailstore.PageUIDs)
		last := first + mailstore.PageUIDs - 1
		now := b.Set().Union(in.Between(first, last)).Minus(out.Between(first, last))
		if now.Len() == 0 {
			p.delete(r.in(tableSets), key)
		} else {
			p.put(r.in(tableSets), key, sealRow(tableSets, key, now.AppendPage(newRow(64), page)))
		}
	}
}

func (r *rows) putKeyword(p *put, key []byte, w mailstore.Word) {
	if w.More == 0 {
		return
	}
	n, spelling := 0, w.Spelling
	if row := r.get(tableKeywords, key); row != nil {
		var ok bool
		if n, spelling, ok = decodeKeyword(key, row); !ok {
			p.note(damaged(tableKeywords, key))
			return
		}
	}
	switch n += w.More; {
	case n > 0:
		p.put(r.in(tableKeywords), key, encodeKeyword(key, n, spelling))
	case n == 0:
		p.delete(r.in(tableKeywords), key)
	default:
		p.note(damaged(tableKeywords, key))
	}
}

func encodeKeyword(key []byte, n int, spelling string) []byte {
	b := binary.AppendUvarint(newRow(len(spelling)+8), uint64(n))
	return sealRow(tableKeywords, key, appendString(b, spelling))
}

func decodeKeyword(key, row []byte) (n int, spelling string, ok bool) {
	body, ok := unsealRow(tableKeywords, key, row)
	f := fields{b: body, bad: !ok}
	n, spelling = int(f.uint(math.MaxInt32)), string(f.string())
	return n, spelling, f.done()
}

// UIDs is the set of all that are in a mailbox.
func (r *rows) UIDs(box mailstore.MailboxID) (mailstore.UIDSet, error) {
	return r.Marked(box, mailstore.MarkThere)
}

// Marked reads a set; in a file that keeps none yet it goes through the entries.
func (r *rows) Marked(box mailstore.MailboxID, m mailstore.Mark) (mailstore.UIDSet, error) {
	if !boxInKey(box) {
		return mailstore.UIDSet{}, nil
	}
	if !r.keepsSets() {
		return r.counted(box, m)
	}
	var b mailstore.UIDSetBuilder
	for k, v := range under(r.in(tableSets), append(boxKey(r.num, box), byte(m))) {
		if err := addPage(&b, k, v); err != nil {
			return mailstore.UIDSet{}, err
		}
	}
	return b.Set(), nil
}

func addPage(b *mailstore.UIDSetBuilder, k, v []byte) error {
	body, ok := unsealRow(tableSets, k, v)
	if !ok || len(k) != 13 || b.AddPage(binary.BigEndian.Uint32(k[9:]), body) != nil {
		return damaged(tableSets, k)
	}
	return nil
}

// lowest is the first of a set, or 0.
func (r *rows) lowest(box mailstore.MailboxID, m mailstore.Mark) (mailstore.UID, error) {
	if !r.keepsSets() {
		s, err := r.counted(box, m)
		return s.First(), err
	}
	for k, v := range under(r.in(tableSets), append(boxKey(r.num, box), byte(m))) {
		var b mailstore.UIDSetBuilder
		err := addPage(&b, k, v)
		return b.Set().First(), err
	}
	return 0, nil
}

func (r *rows) counted(box mailstore.MailboxID, m mailstore.Mark) (mailstore.UIDSet, error) {
	var b mailstore.UIDSetBuilder
	for e, err := range r.Entries(box) {
		if err != nil {
			return mailstore.UIDSet{}, err
		}
		if e.Marked(m) {
			b.Add(e.UID)
		}
	}
	return b.Set(), nil
}

func (r *rows) keywords(box mailstore.MailboxID) (all []string, err error) {
	if !r.keepsSets() {
		return r.countedKeywords(box)
	}
	for k, v := range under(r.in(tableKeywords), boxKey(r.num, box)) {
		_, spelling, ok := decodeKeyword(k, v)
		if !ok {
			return nil, damaged(tableKeywords, k)
		}
		all = append(all, spelling)
	}
	return all, nil
}

func (r *rows) countedKeywords(box mailstore.MailboxID) (all []string, err error) {
	var t mailstore.Tally
	for e, err := range r.Entries(box) {
		if err != nil {
			return nil, err
		}
		t.Note(nil, &e)
	}
	for _, w := range t.Words {
		all = append(all, w.Spelling)
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return all, nil
}

// Roster, as the rows of one transaction have it.
func (r *rows) roster(box mailstore.MailboxID) (out mailstore.Roster, err error) {
	if out.Mailbox, err = r.listed(box); err != nil {
		return mailstore.Roster{}, err
	}
	var failed [3]error
	out.UIDs, failed[0] = r.UIDs(box)
	out.FirstUnseen, failed[1] = r.lowest(box, mailstore.MarkUnseen)
	out.Keywords, failed[2] = r.keywords(box)
	return out, errors.Join(failed[:]...)
}

// listed is a mailbox with all its fields.
func (r *rows) listed(box mailstore.MailboxID) (mailstore.Mailbox, error) {
	m, err := r.Mailbox(box)
	if err == nil {
		m.Subscribed = r.get(tableSubscriptions, nameKey(r.num, m.Name)) != nil
	}
	return m, err
}

func (r *rows) changesSince(box mailstore.MailboxID, since mailstore.Modseq) (out mailstore.Changes, err error) {
	if out.Mailbox, err = r.listed(box); err != nil || since >= out.Modseq {
		return out, err
	}
	var changed mailstore.UIDSetBuilder
	s := snapshot{num: r.num, box: box, note: changed.Add}
	if err := errors.Join(s.born(r, since), s.altered(r, since)); err != nil {
		return out, err
	}
	out.Changed = changed.Set()
	if since < out.Floor {
		there, err := r.UIDs(box)
		out.Vanished = mailstore.UIDSpan(1, out.UIDNext-1).Minus(there)
		return out, err
	}
	out.Vanished, err = r.vanished(box, since)
	return out, err
}

func (r *rows) vanished(box mailstore.MailboxID, since mailstore.Modseq) (mailstore.UIDSet, error) {
	var gone []mailstore.UID
	for k := range after(r.in(tableExpunged), r.num, box, since) {
		_, uid, ok := readModseqKey(k)
		if !ok {
			return mailstore.UIDSet{}, damaged(tableExpunged, k)
		}
		gone = append(gone, uid)
	}
	return mailstore.UIDsOf(gone...), nil
}
