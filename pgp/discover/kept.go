package discover

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sealpost/filestore/kept"
	"sealpost/mail"
)

// What the sealing of a peer is for.
const purposePeer = "peer"

// Kept are the Peers that an engine keeps, sealed in rows. An account has up to Max, and Aside of
// them make room for others. Nodes that learn at once may pass Max by as many as they are.
type Kept struct {
	Rows       kept.Rows
	Max, Aside int
}

// Keep keeps up to MaxPeers of an account in rows.
func Keep(rows kept.Rows) Kept { return Kept{rows, MaxPeers, PeersAside} }

func (x Kept) account(id string) []byte { return x.Rows.Name("peer account", id) }

// key binds an address to its account: one person has another name for each.
func (x Kept) key(account string, a mail.Address) []byte {
	return append(x.account(account), x.Rows.Name("peer address "+account, a.Key())...)
}

// Peer fails with ErrNoKey if there is none.
func (x Kept) Peer(ctx context.Context, account string, a mail.Address) (Peer, error) {
	key := x.key(account, a)
	octets, err := x.Rows.Get(ctx, kept.TablePeers, purposePeer, key)
	if err != nil {
		return Peer{}, fmt.Errorf("read peer: %w", err)
	}
	if octets == nil {
		return Peer{}, ErrNoKey
	}
	return x.decode(key, octets)
}

func (x Kept) decode(key, octets []byte) (Peer, error) {
	p, err := DecodePeer(octets)
	if err != nil {
		return Peer{}, x.Rows.Damaged(kept.TablePeers, key)
	}
	return p, nil
}

// PutPeer puts a peer in the place of what was known of the address.
func (x Kept) PutPeer(ctx context.Context, account string, p Peer) error {
	octets, err := EncodePeer(p)
	if err != nil {
		return fmt.Errorf("encode peer: %w", err)
	}
	key := x.key(account, p.Address)
	there, n, err := x.Rows.Has(ctx, kept.TablePeers, key, x.account(account))
	if err == nil && !there && n >= x.Max {
		err = x.makeRoom(ctx, account)
	}
	if err == nil {
		err = x.Rows.Put(ctx, kept.TablePeers, purposePeer, key, octets)
	}
	if err != nil {
		return fmt.Errorf("store peer: %w", err)
	}
	return nil
}

// makeRoom removes some of what an account learned by itself and never used.
func (x Kept) makeRoom(ctx context.Context, account string) error {
	keys, all, err := x.all(ctx, account)
	if err != nil {
		return err
	}
	places, err := Expendable(all, x.Aside)
	if err != nil {
		return err
	}
	var old [][]byte
	for _, i := range places {
		old = append(old, keys[i])
	}
	return x.Rows.Delete(ctx, kept.TablePeers, old...)
}

// DeletePeer forgets what is known of an address.
func (x Kept) DeletePeer(ctx context.Context, account string, a mail.Address) error {
	if err := x.Rows.Delete(ctx, kept.TablePeers, x.key(account, a)); err != nil {
		return fmt.Errorf("delete peer: %w", err)
	}
	return nil
}

// Peers lists them by address.
func (x Kept) Peers(ctx context.Context, account string) ([]Peer, error) {
	_, all, err := x.all(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("list peers: %w", err)
	}
	slices.SortFunc(all, func(a, b Peer) int { return cmp.Compare(a.Address.Key(), b.Address.Key()) })
	return all, nil
}

func (x Kept) all(ctx context.Context, account string) (keys [][]byte, all []Peer, err error) {
	keys, octets, err := x.Rows.Under(ctx, kept.TablePeers, purposePeer, x.account(account))
	for i := range octets {
		p, err := x.decode(keys[i], octets[i])
		if err != nil {
			return nil, nil, err
		}
		all = append(all, p)
	}
	return keys, all, err
}

// ForgetPeers removes all of an account. An engine that keeps one file has what was there in free
// pages until it is compacted.
func (x Kept) ForgetPeers(ctx context.Context, account string) error {
	if err := x.Rows.DeleteUnder(ctx, kept.TablePeers, x.account(account)); err != nil {
		return fmt.Errorf("forget peers: %w", err)
	}
	return nil
}
