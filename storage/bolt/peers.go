package bolt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/mail"
	"sealpost/pgp/discover"
)

// maxPeers bounds what one account may learn. When it is reached, those whose key
// was never used and who were not seen for longest make room.
const (
	maxPeers   = 10_000
	peersAside = maxPeers / 10
)

// errPeersFull says that an account knows as many people as it may.
var errPeersFull = errors.New("no room for another peer of this account")

// peerRow is the JSON of a peer before it is sealed. Its names are the format.
type peerRow struct {
	Address     addressRow  `json:"address"`
	Cert        []byte      `json:"cert,omitempty"`
	Source      string      `json:"source,omitempty"`
	Pinned      time.Time   `json:"pinned,omitzero"`
	Prefer      bool        `json:"prefer,omitempty"`
	AutocryptAt time.Time   `json:"autocrypt_at,omitzero"`
	SeenAt      time.Time   `json:"seen_at,omitzero"`
	Changes     []changeRow `json:"changes,omitempty"`
}

type changeRow struct {
	At          time.Time `json:"at"`
	Source      string    `json:"source"`
	Fingerprint string    `json:"fingerprint"`
	Cert        []byte    `json:"cert,omitempty"`
}

// peers is the file as pgp/discover sees it.
type peers struct {
	*Known
	max, aside int
}

// Peers is the file as pgp/discover sees it.
func (x *Known) Peers() discover.Peers { return peers{x, maxPeers, peersAside} }

func (x peers) account(id string) []byte { return x.name("peer account", id) }

// key binds an address to its account: one person has another name for each.
func (x peers) key(account string, a mail.Address) []byte {
	prefix := x.account(account)
	return append(prefix, x.name("peer address "+account, a.Key())...)
}

func encodePeer(p discover.Peer) ([]byte, error) {
	row := peerRow{
		Address: addressRow(p.Address), Cert: p.Cert, Source: string(p.Source), Pinned: p.Pinned,
		Prefer: p.Prefer, AutocryptAt: p.AutocryptAt, SeenAt: p.SeenAt,
	}
	for _, c := range p.Changes {
		row.Changes = append(row.Changes, changeRow{c.At, string(c.Source), c.Fingerprint, c.Cert})
	}
	return json.Marshal(row)
}

func decodePeer(key, plain []byte) (discover.Peer, error) {
	var row peerRow
	if json.Unmarshal(plain, &row) != nil { // the error would quote the row
		return discover.Peer{}, damaged(tablePeers, key)
	}
	p := discover.Peer{
		Address: mail.Address(row.Address), Cert: row.Cert, Source: discover.Source(row.Source), Pinned: row.Pinned,
		Prefer: row.Prefer, AutocryptAt: row.AutocryptAt, SeenAt: row.SeenAt,
	}
	for _, c := range row.Changes {
		p.Changes = append(p.Changes, discover.Change{At: c.At, Source: discover.Source(c.Source), Fingerprint: c.Fingerprint, Cert: c.Cert})
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
	plain, err := encodePeer(p)
	if err != nil {
		return errors.New("encode peer") // its error might quote it
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

// makeRoom removes some of what an account learned by itself and never used: a pin
// that went would be made anew, unseen, with whatever key is shown then.
func (x peers) makeRoom(ctx context.Context, account string) error {
	keys, all, err := x.all(ctx, account)
	if err != nil {
		return err
	}
	var learned []int
	for i, p := range all {
		if p.Pinned.IsZero() {
			learned = append(learned, i)
		}
	}
	if len(learned) == 0 {
		return errPeersFull
	}
	slices.SortFunc(learned, func(i, j int) int { return cmp.Or(all[i].SeenAt.Compare(all[j].SeenAt), cmp.Compare(i, j)) })
	var old [][]byte
	for _, i := range learned[:min(len(learned), x.aside)] {
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
