package bolt

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"sealpost/filestore/nodekey"
)

// The file of what the server learned has these buckets. Names of people,
// accounts and domains stand in no key: there are only pseudonyms that the node
// key gives. Rows end with a checksum like those of the index.
//
//	bucket    key                              value
//	meta      "schema"                         u32: 1
//	          "sealed"                         nothing, sealed under the node key
//	peers     account (16), address (16)       row: JSON of a peer, sealed (peers.go)
//	policies  domain (16)                      row: JSON of a policy, sealed (policies.go)
//	values    name (16)                        row: octets, sealed

// Known keeps what the server learned of others, sealed under the node key, in
// one file. Of what is in it none is needed to deliver mail, but a pinned key
// that is lost is pinned anew, unseen.
type Known struct {
	*DB
	key *nodekey.Key
}

// OpenKnown opens or makes the file. It fails with ErrInUse, ErrNewer, ErrDamaged
// or ErrOtherKey.
func OpenKnown(path string, k *nodekey.Key, o Options) (*Known, error) {
	d, err := openSealed(path, k, o, knownFile)
	if err != nil {
		return nil, fmt.Errorf("open what is known of others: %w", err)
	}
	return &Known{d, k}, nil
}

// name is the pseudonym of what must not stand in a key.
func (x *Known) name(purpose, value string) []byte {
	n := x.key.Pseudonym(purpose, value)
	return n[:]
}

// seal makes a row of octets; it opens only in its place.
func (x *Known) seal(in table, purpose string, key, plain []byte) []byte {
	sealed := x.key.Seal(purpose, string(key), plain)
	return sealRow(in, key, append(newRow(len(sealed)), sealed...))
}

func (x *Known) unseal(in table, purpose string, key, row []byte) ([]byte, error) {
	sealed, ok := unsealRow(in, key, row)
	if !ok {
		return nil, damaged(in, key)
	}
	plain, err := x.key.Open(purpose, string(key), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", damaged(in, key), err)
	}
	return plain, nil
}

// read returns the octets of a row, or nil.
func (x *Known) read(ctx context.Context, in table, purpose string, key []byte) (plain []byte, err error) {
	var row []byte
	err = x.view(ctx, func(tx *bbolt.Tx) error {
		row = bytes.Clone(tx.Bucket(tableNames[in]).Get(key))
		return nil
	})
	if err != nil || row == nil {
		return nil, err
	}
	return x.unseal(in, purpose, key, row)
}

// readAll returns the octets of all rows below prefix, with their keys. A damaged
// one is logged and left out.
func (x *Known) readAll(ctx context.Context, in table, purpose string, prefix []byte) (keys, plains [][]byte, err error) {
	var names, rows [][]byte
	err = x.view(ctx, func(tx *bbolt.Tx) error {
		for k, v := range under(tx.Bucket(tableNames[in]), prefix) {
			names, rows = append(names, bytes.Clone(k)), append(rows, bytes.Clone(v))
		}
		return nil
	})
	for i, row := range rows {
		plain, err := x.unseal(in, purpose, names[i], row)
		if err != nil {
			x.o.Log.Error("what is known of others is damaged", "error", err)
			continue
		}
		keys, plains = append(keys, names[i]), append(plains, plain)
	}
	return keys, plains, err
}

// has says whether there is a row, and how many are below prefix.
func (x *Known) has(ctx context.Context, in table, key, prefix []byte) (there bool, n int, err error) {
	err = x.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(tableNames[in])
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

// write runs fn in the batcher, with others who write at the same time.
func (x *Known) write(ctx context.Context, in table, fn func(p *put, b *bbolt.Bucket)) error {
	return x.submit(ctx, newCall(func(t *tables) (func() error, error) {
		return func() error {
			p := put{}
			fn(&p, t.in(in))
			return p.err
		}, nil
	}, nil))
}

func (x *Known) putRow(ctx context.Context, in table, key, row []byte) error {
	return x.write(ctx, in, func(p *put, b *bbolt.Bucket) { p.put(b, key, row) })
}

func (x *Known) deleteRows(ctx context.Context, in table, keys ...[]byte) error {
	return x.write(ctx, in, func(p *put, b *bbolt.Bucket) {
		for _, k := range keys {
			p.delete(b, k)
		}
	})
}
