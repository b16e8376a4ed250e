package discover

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"sealpost/mail"
)

// peerRow is the JSON of a peer, which engines seal. Its names are the format.
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

type addressRow struct {
	Local  string `json:"local"`
	Domain string `json:"domain"`
}

type changeRow struct {
	At          time.Time `json:"at"`
	Source      string    `json:"source"`
	Fingerprint string    `json:"fingerprint"`
	Cert        []byte    `json:"cert,omitempty"`
}

// ErrRow says that a row is not what EncodePeer made. It quotes nothing of it.
var ErrRow = errors.New("row is not a peer")

// EncodePeer makes of a peer what an engine seals and keeps.
func EncodePeer(p Peer) ([]byte, error) {
	row := peerRow{
		Address: addressRow(p.Address), Cert: p.Cert, Source: string(p.Source), Pinned: p.Pinned,
		Prefer: p.Prefer, AutocryptAt: p.AutocryptAt, SeenAt: p.SeenAt,
	}
	for _, c := range p.Changes {
		row.Changes = append(row.Changes, changeRow{c.At, string(c.Source), c.Fingerprint, c.Cert})
	}
	b, err := json.Marshal(row)
	if err != nil { // it might quote the peer
		return nil, ErrRow
	}
	return b, nil
}

// DecodePeer reads what EncodePeer made, or fails with ErrRow.
func DecodePeer(b []byte) (Peer, error) {
	var row peerRow
	if json.Unmarshal(b, &row) != nil { // the error would quote the row
		return Peer{}, ErrRow
	}
	p := Peer{
		Address: mail.Address(row.Address), Cert: row.Cert, Source: Source(row.Source), Pinned: row.Pinned,
		Prefer: row.Prefer, AutocryptAt: row.AutocryptAt, SeenAt: row.SeenAt,
	}
	for _, c := range row.Changes {
		p.Changes = append(p.Changes, Change{At: c.At, Source: Source(c.Source), Fingerprint: c.Fingerprint, Cert: c.Cert})
	}
	return p, nil
}

// What one account may learn is bounded. When MaxPeers is reached, PeersAside make room.
const (
	MaxPeers   = 10_000
	PeersAside = MaxPeers / 10
)

// ErrFull says that an account knows as many people as it may.
var ErrFull = errors.New("no room for another peer of this account")

// Expendable are the places in all of at most n peers that make room for others: those
// whose key was only offered, and that were not seen for longest. A pin that went would be made
// anew, unseen, with whatever key is shown then. It fails with ErrFull when all are pinned.
func Expendable(all []Peer, n int) ([]int, error) {
	var learned []int
	for i, p := range all {
		if p.Pinned.IsZero() {
			learned = append(learned, i)
		}
	}
	if len(learned) == 0 {
		return nil, ErrFull
	}
	slices.SortFunc(learned, func(i, j int) int { return cmp.Or(all[i].SeenAt.Compare(all[j].SeenAt), cmp.Compare(i, j)) })
	return learned[:min(len(learned), n)], nil
}
