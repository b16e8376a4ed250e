package bolt

import (
	"context"
	"fmt"
	"math"

	"sealpost/mailstore"
)

// skipped is more than a mailbox or an owner uses up of a number between two backups.
const skipped = 1 << 20

// Skip leaves out the numbers that a later state of this index may have given: in a
// copy that was put back, what comes next has a UID that no client has seen in its
// mailbox, and a new mailbox an id and a UIDVALIDITY of its own (RFC 9051, section
// 2.3.1.1). Numbers that were given stay. One commit does all.
func (d *DB) Skip(ctx context.Context) error {
	if err := d.submit(ctx, newCall(planSkip, nil)); err != nil {
		return fmt.Errorf("skip numbers: %w", err)
	}
	return nil
}

func planSkip(t *tables) (func() error, error) {
	var all []func(*put)
	for k := range under(t.in(tableOwners), nil) {
		r, err := t.rows(mailstore.Owner(k))
		if err != nil {
			return nil, err
		}
		boxes, err := r.Mailboxes()
		if err != nil {
			return nil, err
		}
		all = append(all, func(p *put) { r.skip(p, boxes) })
	}
	return func() error {
		p := put{}
		for _, skip := range all {
			skip(&p)
		}
		return p.err
	}, nil
}

func (r *rows) skip(p *put, boxes []mailstore.Mailbox) {
	for _, m := range boxes {
		m.UIDNext = raised(m.UIDNext, math.MaxUint32)
		key := boxKey(r.num, m.ID)
		p.put(r.in(tableMailboxes), key, encodeMailbox(key, m))
	}
	books := r.owner.Books
	books.Modseq = raised(books.Modseq, math.MaxInt64)
	books.Valid = raised(books.Valid, math.MaxUint32)
	books.Box = raised(books.Box, math.MaxUint32-1)
	r.putOwner(p, books)
	p.note(r.skipCabinet(p))
}

// raised is a number after the step; near its end the step is half of what is left,
// so that it never comes to that.
func raised[N mailstore.UID | mailstore.Modseq | mailstore.MailboxID | uint32](n, end N) N {
	if n >= end {
		return n
	}
	return n + min(skipped, (end-n)/2)
}
