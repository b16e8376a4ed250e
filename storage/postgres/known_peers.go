package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sealpost/mail"
	"sealpost/pgp/discover"
)

// peers is the database as pgp/discover sees it. Nodes that learn at once may pass max by as
// many as they are.
type peers struct {
	*Known
	max, aside int
}

// Peers is the database as pgp/discover sees it.
func (x *Known) Peers() discover.Peers { return peers{x, discover.MaxPeers, discover.PeersAside} }

func (x peers) account(id string) []byte { return x.name("peer account", id) }

// at binds an address to its account: one person has another name for each.
func (x peers) at(account string, a mail.Address) []byte {
	return append(x.account(account), x.name("peer address "+account, a.Key())...)
}

func (x peers) Peer(ctx context.Context, account string, a mail.Address) (discover.Peer, error) {
	plain, err := x.read(ctx, kindPeers, purposePeer, x.at(account, a))
	if err != nil {
		return discover.Peer{}, fmt.Errorf("read peer: %w", err)
	}
	if plain == nil {
		return discover.Peer{}, discover.ErrNoKey
	}
	return discover.DecodePeer(plain)
}

func (x peers) PutPeer(ctx context.Context, account string, p discover.Peer) error {
	plain, err := discover.EncodePeer(p)
	if err != nil {
		return fmt.Errorf("encode peer: %w", err)
	}
	key := x.at(account, p.Address)
	there, n, err := x.has(ctx, kindPeers, key, x.account(account))
	if err == nil && !there && n >= x.max {
		err = x.makeRoom(ctx, account)
	}
	if err == nil {
		err = x.put(ctx, kindPeers, purposePeer, key, plain)
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
	return x.delete(ctx, kindPeers, old...)
}

func (x peers) DeletePeer(ctx context.Context, account string, a mail.Address) error {
	if err := x.delete(ctx, kindPeers, x.at(account, a)); err != nil {
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
	keys, plains, err := x.readAll(ctx, kindPeers, purposePeer, x.account(account))
	for _, plain := range plains {
		p, err := discover.DecodePeer(plain)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, p)
	}
	return keys, all, err
}

// ForgetPeers removes all of an account.
func (x peers) ForgetPeers(ctx context.Context, account string) error {
	if err := x.deleteUnder(ctx, kindPeers, x.account(account)); err != nil {
		return fmt.Errorf("forget peers: %w", err)
	}
	return nil
}
