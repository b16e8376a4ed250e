package bolt

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"sealpost/filestore/kept"
)

// sealedRows is a file as filestore/kept sees it.
type sealedRows struct{ *Known }

var sealedTables = map[kept.Table]table{
	kept.TablePeers: tablePeers, kept.TablePolicies: tablePolicies, kept.TableValues: tableValues, kept.TablePapers: tablePapers,
}

func (x sealedRows) Name(purpose, value string) []byte { return x.name(purpose, value) }

func (x sealedRows) Damaged(in kept.Table, key []byte) error {
	return damaged(sealedTables[in], key)
}

func (x sealedRows) Get(ctx context.Context, in kept.Table, purpose string, key []byte) ([]byte, error) {
	var row []byte
	t := sealedTables[in]
	err := x.view(ctx, func(tx *bbolt.Tx) error {
		row = bytes.Clone(tx.Bucket(tableNames[t]).Get(key))
		return nil
	})
	if err != nil || row == nil {
		return nil, err
	}
	return x.unseal(t, purpose, key, row)
}

func (x sealedRows) Under(ctx context.Context, in kept.Table, purpose string, prefix []byte) (keys, octets [][]byte, err error) {
	var names, rows [][]byte
	t := sealedTables[in]
	err = x.view(ctx, func(tx *bbolt.Tx) error {
		for k, v := range under(tx.Bucket(tableNames[t]), prefix) {
			names, rows = append(names, bytes.Clone(k)), append(rows, bytes.Clone(v))
		}
		return nil
	})
	for i, row := range rows {
		plain, err := x.unseal(t, purpose, names[i], row)
		if err != nil {
			x.o.Log.Error("what is known of others is damaged", "error", err)
			continue
		}
		keys, octets = append(keys, names[i]), append(octets, plain)
	}
	return keys, octets, err
}

func (x sealedRows) Has(ctx context.Context, in kept.Table, key, prefix []byte) (there bool, n int, err error) {
	err = x.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(tableNames[sealedTables[in]])
		if there = b.Get(key) != nil; there {
			return nil
		}
		for range under(b, prefix) {
			n++
		}
		return nil
	})
	return there, n, err
}

func (x sealedRows) Put(ctx context.Context, in kept.Table, purpose string, key, octets []byte) error {
	if octets == nil {
		return x.Delete(ctx, in, key)
	}
	t := sealedTables[in]
	row := x.seal(t, purpose, key, octets)
	return x.write(ctx, t, func(p *put, b *bbolt.Bucket) { p.put(b, key, row) })
}

func (x sealedRows) Delete(ctx context.Context, in kept.Table, keys ...[]byte) error {
	return x.write(ctx, sealedTables[in], func(p *put, b *bbolt.Bucket) {
		for _, k := range keys {
			p.delete(b, k)
		}
	})
}

func (x sealedRows) DeleteUnder(ctx context.Context, in kept.Table, prefix []byte) error {
	return x.write(ctx, sealedTables[in], func(p *put, b *bbolt.Bucket) { p.deleteUnder(b, prefix) })
}
