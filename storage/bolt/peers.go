package bolt

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"sealpost/mail"
	"sealpost/pgp/discover"
)

// peers is the file as pgp/discover sees it.
type peers struct {
	*Known
	max, aside int
}

// Peers is the file as pgp/discover sees it.
func (x *Known) Peers() discover.Peers { return peers{x, discover.MaxPeers, discover.PeersAside} }

func (x peers) account(id string) []byte { return x.name("peer account", id) }

// key binds an address to its account: one person has another name for each.
func (x peers) key(account string, a mail.Address) []byte {
	prefix := x.account(account)
	return append(prefix, x.name("peer address "+account, a.Key())...)
}

func decodePeer(key, plain []byte) (discover.Peer, error) {
	p, err := discover.DecodePeer(plain)
	if err != nil {
		return discover.Peer{}, damaged(tablePeers, key)
	}
	return p, nil
}

func (x peers) Peer(ctx context.Context, account string, a mail.Address) (discover.Peer, error) {
	key := x.key(account, a)
	plain, err := x.read(ctx, tablePeers, purposePeer, key)
	if err != nil {
		return discover.Peer{}, fmt.Errorf("read peer: %w", err)
	}
	if plain == nil {
		return discover.Peer{}, discover.ErrNoKey
	}
	return decodePeer(key, plain)
}

func (x peers) PutPeer(ctx context.Context, account string, p discover.Peer) error {
	plain, err := discover.EncodePeer(p)
	if err != nil {
		return fmt.Errorf("encode peer: %w", err)
	}
	key := x.key(account, p.Address)
	there, n, err := x.has(ctx, tablePeers, key, x.account(account))
	if err == nil && !there && n >= x.max {
		err = x.makeRoom(ctx, account)
	}
	if err == nil {
		err = x.putRow(ctx, tablePeers, key, x.seal(tablePeers, purposePeer, key, plain))
	}
	if err != nil {
		return fmt.Errorf("store peer: %w", err)
	}
	return nil
}

// makeRoom removes some of what an account learned by itself and never used.
func (x peers) makeRoom(ctx context.Context, account string) error {
	keys, all, err := x.all(ctx, account)
	if err != nil {
		return err
	}
	places, err := discover.Expendable(all, x.aside)
	if err != nil {
		return err
	}
	var old [][]byte
	for _, i := range places {
		old = append(old, keys[i])
	}
	return x.deleteRows(ctx, tablePeers, old...)
}

func (x peers) DeletePeer(ctx context.Context, account string, a mail.Address) error {
	if err := x.deleteRows(ctx, tablePeers, x.key(account, a)); err != nil {
		return fmt.Errorf("delete peer: %w", err)
	}
	return nil
}

// Peers lists them by address.
func (x peers) Peers(ctx context.Context, account string) ([]discover.Peer, error) {
	_, all, err := x.all(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("list peers: %w", err)
	}
	slices.SortFunc(all, func(a, b discover.Peer) int { return cmp.Compare(a.Address.Key(), b.Address.Key()) })
	return all, nil
}

func (x peers) all(ctx context.Context, account string) (keys [][]byte, all []discover.Peer, err error) {
	keys, plains, err := x.readAll(ctx, tablePeers, purposePeer, x.account(account))
	for i, plain := range plains {
		p, err := decodePeer(keys[i], plain)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, p)
	}
	return keys, all, err
}

// ForgetPeers removes all of an account. What was there stays in free pages until
// Compact.
func (x peers) ForgetPeers(ctx context.Context, account string) error {
	prefix := x.account(account)
	if err := x.write(ctx, tablePeers, func(p *put, b *bbolt.Bucket) { p.deleteUnder(b, prefix) }); err != nil {
		return fmt.Errorf("forget peers: %w", err)
	}
	return nil
}
