package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/move/carry"
)

// The file of a move to other engines has these buckets beside "meta".
//
//	bucket  key                        value
//	copies  blob id here (16)          row: blob id there (16), half its SHA-256 (16), at, lost u8
//	landed  blob id there (16)         row: half its SHA-256 (16)
//	stages  account id                 row: stage u8, digest (32)
//	        0, a name                  row: octets: what a move remembers of itself

// Journal is how far a move is, in a file of its own. It is a carry.Journal.
type Journal struct{ d *DB }

// OpenJournal opens or makes the file. It fails with ErrInUse, ErrNewer or ErrDamaged.
func OpenJournal(path string, o Options) (*Journal, error) {
	d, err := openFile(path, o, movingFile)
	if err != nil {
		return nil, fmt.Errorf("open journal of the move: %w", err)
	}
	return &Journal{d}, nil
}

// Close is that of DB.
func (j *Journal) Close() error { return j.d.Close() }

func encodeCopied(key []byte, c carry.Copied) []byte {
	b := append(append(newRow(48), c.To[:]...), c.Sum[:]...)
	lost := byte(0)
	if c.Lost {
		lost = 1
	}
	return sealRow(tableCopies, key, append(binary.AppendVarint(b, c.At.Unix()), lost))
}

func decodeCopied(key, row []byte) (c carry.Copied, ok bool) {
	body, ok := unsealRow(tableCopies, key, row)
	f := fields{b: body, bad: !ok}
	copy(c.From[:], key)
	copy(c.To[:], f.take(uint64(len(c.To))))
	copy(c.Sum[:], f.take(uint64(len(c.Sum))))
	c.At, c.Lost = f.time(), f.byte() == 1
	return c, f.done() && len(key) == len(c.From)
}

func (j *Journal) Copies(ctx context.Context, from []filestore.ID) ([]carry.Copied, error) {
	all := make([]carry.Copied, len(from))
	err := j.d.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(tableNames[tableCopies])
		for i, id := range from {
			row := b.Get(id[:])
			if row == nil {
				continue
			}
			var ok bool
			if all[i], ok = decodeCopied(id[:], row); !ok {
				return damaged(tableCopies, id[:])
			}
		}
		return nil
	})
	return all, err
}

func (j *Journal) Landed(ctx context.Context, to filestore.ID) (sum [16]byte, there bool, err error) {
	err = j.d.view(ctx, func(tx *bbolt.Tx) error {
		row := tx.Bucket(tableNames[tableLanded]).Get(to[:])
		if row == nil {
			return nil
		}
		body, ok := unsealRow(tableLanded, to[:], row)
		if there = true; !ok || copy(sum[:], body) != len(sum) {
			return damaged(tableLanded, to[:])
		}
		return nil
	})
	return sum, there, err
}

func (j *Journal) Keep(ctx context.Context, copies []carry.Copied) error {
	return j.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		return func() error {
			p := put{}
			for _, c := range copies {
				p.put(t.in(tableCopies), c.From[:], encodeCopied(c.From[:], c))
				p.put(t.in(tableLanded), c.To[:], sealRow(tableLanded, c.To[:], append(newRow(len(c.Sum)), c.Sum[:]...)))
			}
			return p.err
		}, nil
	}, nil))
}

func (j *Journal) Stage(ctx context.Context, o mailstore.Owner) (s carry.Stage, d carry.Digest, err error) {
	body, err := j.row(ctx, []byte(o))
	if err != nil || body == nil {
		return carry.Here, d, err
	}
	f := fields{b: body}
	s = carry.Stage(f.byte())
	for i := range d {
		if word := f.take(8); word != nil {
			d[i] = binary.BigEndian.Uint64(word)
		}
	}
	if !f.done() || s > carry.Served {
		err = damaged(tableStages, []byte(o))
	}
	return s, d, err
}

func (j *Journal) SetStage(ctx context.Context, o mailstore.Owner, s carry.Stage, d carry.Digest) error {
	if !ownerFits(o) {
		return mailstore.ErrNoOwner
	}
	row := []byte{byte(s)}
	for _, word := range d {
		row = binary.BigEndian.AppendUint64(row, word)
	}
	return j.putRow(ctx, []byte(o), row)
}

// Note is what the move remembers of itself under a name, or nil; SetNote puts it.
func (j *Journal) Note(ctx context.Context, name string) ([]byte, error) {
	return j.row(ctx, append([]byte{0}, name...))
}

func (j *Journal) SetNote(ctx context.Context, name string, octets []byte) error {
	return j.putRow(ctx, append([]byte{0}, name...), octets)
}

func (j *Journal) row(ctx context.Context, key []byte) (body []byte, err error) {
	if len(key) == 0 {
		return nil, errors.New("account has no id a row can have")
	}
	err = j.d.view(ctx, func(tx *bbolt.Tx) error {
		row := tx.Bucket(tableNames[tableStages]).Get(key)
		if row == nil {
			return nil
		}
		stored, ok := unsealRow(tableStages, key, row)
		if !ok {
			return damaged(tableStages, key)
		}
		body = append([]byte{}, stored...)
		return nil
	})
	return body, err
}

func (j *Journal) putRow(ctx context.Context, key, body []byte) error {
	return j.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		return func() error {
			return t.in(tableStages).Put(key, sealRow(tableStages, key, append(newRow(len(body)), body...)))
		}, nil
	}, nil))
}

var _ carry.Journal = (*Journal)(nil)

// Owners are all that have a stage.
func (j *Journal) Owners(ctx context.Context) (all []mailstore.Owner, err error) {
	err = j.d.view(ctx, func(tx *bbolt.Tx) error {
		for k := range under(tx.Bucket(tableNames[tableStages]), nil) {
			if k[0] != 0 {
				all = append(all, mailstore.Owner(k))
			}
		}
		return nil
	})
	return all, err
}
