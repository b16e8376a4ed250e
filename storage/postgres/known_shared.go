package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/lease"
)

// What several nodes write without losing what another one wrote: a value under a lease, a
// value that is read and written in one, and parts that one node gathers.

// upsert puts a row in the place of what was there.
const upsert = `insert into sealed (kind, key, row_) values ($1, $2, $3) on conflict (kind, key) do update set row_ = excluded.row_`

// PutUnder is Put by who holds a lease: it fails with lease.ErrFenced, and has changed
// nothing, once the lease has passed to another.
func (v Values) PutUnder(ctx context.Context, by lease.Held, name string, value []byte) error {
	if err := v.Fits(name, value); err != nil {
		return err
	}
	in, purpose, key := v.Place(name)
	err := v.known.d.Lease(by.Job).under(ctx, by.Token, nil, func(b *pgx.Batch) error {
		if value == nil {
			b.Queue(`delete from sealed where kind = $1 and key = $2`, string(in), key)
			return nil
		}
		b.Queue(upsert, string(in), key, v.known.key.Seal(purpose, string(key), value))
		return nil
	})
	if err != nil {
		return fmt.Errorf("store value %s: %w", name, err)
	}
	return nil
}

// Change puts what change makes of a value (nil: there is none) in its place; nobody else
// writes it meanwhile. change may be called more than once, also with what it made itself.
func (v Values) Change(ctx context.Context, name string, change func(old []byte) ([]byte, error)) error {
	in, purpose, key := v.Place(name)
	var row []byte
	var found bool
	err := v.known.d.transact(ctx, func(b *pgx.Batch) {
		row = nil
		one(b, &found, []any{&row}, `select row_ from sealed where kind = $1 and key = $2 for update`, string(in), key)
	}, func(b *pgx.Batch) error {
		old, err := v.known.openIf(found, string(in), purpose, key, row)
		if err != nil {
			return err
		}
		value, err := change(old)
		if err == nil {
			err = v.Fits(name, value)
		}
		if err != nil {
			return err
		}
		// Who put a row where there was none meanwhile is met as an error that is tried again.
		sql := `insert into sealed (kind, key, row_) values ($1, $2, $3)`
		if found {
			sql = upsert
		}
		b.Queue(sql, string(in), key, v.known.key.Seal(purpose, string(key), value))
		return nil
	})
	if err != nil {
		return fmt.Errorf("change value %s: %w", name, err)
	}
	return nil
}

func (x *Known) openIf(found bool, kind, purpose string, key, row []byte) ([]byte, error) {
	if !found {
		return nil, nil
	}
	return x.unseal(kind, purpose, key, row)
}

const (
	kindParts   = "parts"
	purposePart = "part"
	maxPart     = 16 << 20
)

// PartID names a part of a pile. It is made at random.
type PartID [16]byte

// NewPartID makes one.
func NewPartID() (id PartID) {
	rand.Read(id[:])
	return id
}

// Pile is parts that all nodes leave, and that one of them makes one of now and then.
type Pile struct {
	known *Known
	name  string
}

// Pile is that of a name. Names are few and chosen by programs.
func (x *Known) Pile(name string) Pile { return Pile{x, name} }

func (p Pile) prefix() []byte { return p.known.name("pile", p.name) }

// gathered bounds how many parts are remembered that went into another.
const gathered = 4096

// A whole is what parts were made one of. It remembers them, so that one which is put again,
// since nobody knew whether it had been, counts once.
type whole struct {
	of      []PartID // the last one last
	content []byte
}

// pack is a row of the pile: parts have no ids in front.
func (w whole) pack() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(w.of)))
	for _, id := range w.of {
		b = append(b, id[:]...)
	}
	return append(b, w.content...)
}

func unpackWhole(b []byte) (w whole, ok bool) {
	if len(b) < 4 {
		return w, false
	}
	n, b := int(binary.BigEndian.Uint32(b)), b[4:]
	if n > gathered || len(b) < n*len(PartID{}) {
		return w, false
	}
	for range n {
		w.of, b = append(w.of, PartID(b)), b[len(PartID{}):]
	}
	w.content = b
	return w, true
}

// Add leaves a part. One that is there already is left as it is.
func (p Pile) Add(ctx context.Context, id PartID, part []byte) error {
	if len(part) > maxPart {
		return fmt.Errorf("part of %s has %d bytes, and may have %d", p.name, len(part), maxPart)
	}
	key := slices.Concat(p.prefix(), id[:])
	err := p.known.d.write(ctx, `insert into sealed (kind, key, row_) values ($1, $2, $3) on conflict do nothing`,
		kindParts, key, p.known.key.Seal(purposePart, string(key), whole{content: part}.pack()))
	if err != nil {
		return fmt.Errorf("leave part of %s: %w", p.name, err)
	}
	return nil
}

// Gather makes one part of all that are there, under a lease: it fails with lease.ErrFenced, and
// has changed nothing, once that has passed to another. merge may be called more than once; nil
// is no part. What cannot be read any more is logged and left out.
func (p Pile) Gather(ctx context.Context, by lease.Held, merge func(parts [][]byte) ([]byte, error)) error {
	prefix := p.prefix()
	var keys, rows [][]byte
	err := p.known.d.Lease(by.Job).under(ctx, by.Token, func(b *pgx.Batch) {
		keys, rows = nil, nil
		b.Queue(`select key, row_ from sealed where `+underPrefix, kindParts, prefix, after(prefix)).Query(func(found pgx.Rows) error {
			var key, row []byte
			_, err := pgx.ForEachRow(found, []any{&key, &row}, func() error {
				keys, rows = append(keys, key), append(rows, row)
				return nil
			})
			return err
		})
	}, func(b *pgx.Batch) error {
		into, err := p.gather(keys, rows, merge)
		if err != nil {
			return err
		}
		b.Queue(`delete from sealed where kind = $1 and key = any($2::bytea[])`, kindParts, keys)
		id := NewPartID()
		key := slices.Concat(prefix, id[:])
		b.Queue(upsert, kindParts, key, p.known.key.Seal(purposePart, string(key), into.pack()))
		return nil
	})
	if err != nil {
		return fmt.Errorf("gather %s: %w", p.name, err)
	}
	return nil
}

// gather makes one of the rows as they lie there.
func (p Pile) gather(keys, rows [][]byte, merge func([][]byte) ([]byte, error)) (into whole, err error) {
	known := map[PartID]bool{}
	parts := map[PartID]whole{}
	var order []PartID
	for i, row := range rows {
		plain, err := p.known.unseal(kindParts, purposePart, keys[i], row)
		w, ok := unpackWhole(plain)
		if err != nil || !ok || len(keys[i]) < len(PartID{}) {
			p.known.d.o.Log.Error("a part is damaged and left out", "pile", p.name, "error", err)
			continue
		}
		id := PartID(keys[i][len(keys[i])-len(PartID{}):])
		parts[id], order = w, append(order, id)
		for _, was := range w.of {
			known[was] = true
		}
		into.of = append(into.of, w.of...)
	}
	var contents [][]byte
	for _, id := range order {
		if w := parts[id]; !known[id] && len(w.content) > 0 {
			contents = append(contents, w.content)
		}
		if !known[id] && len(parts[id].of) == 0 {
			into.of = append(into.of, id)
		}
	}
	into.of = into.of[max(0, len(into.of)-gathered):]
	into.content, err = merge(slices.Clip(contents))
	return into, err
}
