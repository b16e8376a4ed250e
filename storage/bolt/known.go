package bolt

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"sealpost/filestore/kept"
	"sealpost/filestore/nodekey"
	"sealpost/pgp/discover"
	"sealpost/smtp/outbound/route"
)

// The file of what the server learned has these buckets. Names of people,
// accounts and domains stand in no key: there are only pseudonyms that the node
// key gives. Rows end with a checksum like those of the index.
//
//	bucket    key                              value
//	meta      "schema"                         u32: 1
//	          "sealed"                         nothing, sealed under the node key
//	peers     account (16), address (16)       row: JSON of a peer, sealed (pgp/discover)
//	policies  domain (16)                      row: JSON of a policy, sealed (smtp/outbound/route)
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

// Peers is the file as pgp/discover sees it.
func (x *Known) Peers() discover.Peers { return discover.Keep(sealedRows{x}) }

// Policies is the file as smtp/outbound/route sees it.
func (x *Known) Policies() route.PolicyStore { return route.Keep(sealedRows{x}, x.o.Now) }

// Values are those of the file.
func (x *Known) Values() kept.Values { return kept.Values{Rows: sealedRows{x}} }

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
