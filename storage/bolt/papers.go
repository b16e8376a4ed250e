package bolt

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"sealpost/filestore/nodekey"
)

// The file of what people asked the server to do by itself has one bucket beside
// "meta". Its keys are pseudonyms that the node key gives: who has the file alone
// learns neither whose a row is nor what it is about.
//
//	bucket  key                                   value
//	papers  account (16), purpose (16), name (16) row: octets, sealed

// maxPaper bounds one row: it is sealed, and read, in one piece.
const maxPaper = 4 << 20

// Papers keeps rules, whom a vacation notice went to, and where to knock when mail
// comes: sealed under the node key, in one file. Nobody's mail depends on it.
type Papers struct{ known *Known }

// OpenPapers opens or makes the file. It fails with ErrInUse, ErrNewer, ErrDamaged
// or ErrOtherKey.
func OpenPapers(path string, k *nodekey.Key, o Options) (*Papers, error) {
	d, err := openSealed(path, k, o, papersFile)
	if err != nil {
		return nil, fmt.Errorf("open papers: %w", err)
	}
	return &Papers{&Known{d, k}}, nil
}

// File is the file itself, to close and compact.
func (x *Papers) File() *DB { return x.known.DB }

// Close is that of File.
func (x *Papers) Close() error { return x.known.Close() }

// Drawer is one kind of papers. Purpose is what its sealings are for.
type Drawer struct {
	known   *Known
	purpose string
}

// Drawer is the papers of a purpose, such as "rules".
func (x *Papers) Drawer(purpose string) Drawer { return Drawer{x.known, purpose} }

func (d Drawer) prefix(account string) []byte {
	return append(d.known.name("paper account", account), d.known.name("paper purpose", d.purpose)...)
}

func (d Drawer) key(account, name string) []byte {
	return append(d.prefix(account), d.known.name("paper "+account, name)...)
}

// Get returns what was put last, or nil.
func (d Drawer) Get(ctx context.Context, account, name string) ([]byte, error) {
	plain, err := d.known.read(ctx, tablePapers, d.purpose, d.key(account, name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.purpose, err)
	}
	return plain, nil
}

// Put stores octets, durably, in the place of what was there; nil removes it.
func (d Drawer) Put(ctx context.Context, account, name string, value []byte) error {
	if len(value) > maxPaper {
		return fmt.Errorf("%s have %d bytes, and may have %d", d.purpose, len(value), maxPaper)
	}
	key := d.key(account, name)
	var err error
	if value == nil {
		err = d.known.deleteRows(ctx, tablePapers, key)
	} else {
		err = d.known.putRow(ctx, tablePapers, key, d.known.seal(tablePapers, d.purpose, key, value))
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", d.purpose, err)
	}
	return nil
}

// All returns the values of an account's papers of this kind, in no order that means
// anything. A damaged one is logged and left out.
func (d Drawer) All(ctx context.Context, account string) ([][]byte, error) {
	_, values, err := d.known.readAll(ctx, tablePapers, d.purpose, d.prefix(account))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.purpose, err)
	}
	return values, nil
}

// Forget removes all that an account has. What was there stays in free pages until
// Compact.
func (x *Papers) Forget(ctx context.Context, account string) error {
	prefix := x.known.name("paper account", account)
	if err := x.known.write(ctx, tablePapers, func(p *put, b *bbolt.Bucket) { p.deleteUnder(b, prefix) }); err != nil {
		return fmt.Errorf("forget papers: %w", err)
	}
	return nil
}
