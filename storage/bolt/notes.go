package bolt

import (
	"bytes"
	"context"

	"sealpost/mailstore"
)

func (r *rows) Note(box mailstore.MailboxID) ([]byte, error) {
	if !boxInKey(box) {
		return nil, nil
	}
	key := boxKey(r.num, box)
	row := r.get(tableNotes, key)
	if row == nil {
		return nil, nil
	}
	note, ok := unsealRow(tableNotes, key, row)
	if !ok {
		return nil, damaged(tableNotes, key)
	}
	return note, nil
}

func (r *rows) NoteBytes() (sum int64, err error) {
	for k, v := range under(r.in(tableNotes), ownerKey(r.num)) {
		if len(v) < rowExtra {
			return 0, damaged(tableNotes, k)
		}
		sum += int64(len(v) - rowExtra)
	}
	return sum, nil
}

func (r *rows) putNotes(p *put, notes map[mailstore.MailboxID][]byte) {
	for box, note := range notes {
		key := boxKey(r.num, box)
		if len(note) == 0 {
			p.delete(r.in(tableNotes), key)
		} else {
			p.put(r.in(tableNotes), key, sealRow(tableNotes, key, append(newRow(len(note)), note...)))
		}
	}
}

func (x index) Note(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) (note []byte, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		note, err = r.Note(b)
		note = bytes.Clone(note) // it lives as long as the transaction
		return err
	})
	return note, err
}
