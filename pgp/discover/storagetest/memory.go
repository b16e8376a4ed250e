package storagetest

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"

	"sealpost/mail"
	"sealpost/pgp/discover"
)

// Memory is a discover.Peers that forgets everything with its process.
type Memory struct {
	mu       sync.Mutex
	accounts map[string]map[string]discover.Peer
}

// NewMemory is an empty one.
func NewMemory() *Memory { return &Memory{accounts: map[string]map[string]discover.Peer{}} }

func (m *Memory) Peer(_ context.Context, account string, a mail.Address) (discover.Peer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.accounts[account][a.Key()]
	if !ok {
		return discover.Peer{}, discover.ErrNoKey
	}
	return clone(p), nil
}

func (m *Memory) PutPeer(_ context.Context, account string, p discover.Peer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.accounts[account] == nil {
		m.accounts[account] = map[string]discover.Peer{}
	}
	m.accounts[account][p.Address.Key()] = clone(p)
	return nil
}

func (m *Memory) DeletePeer(_ context.Context, account string, a mail.Address) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.accounts[account], a.Key())
	return nil
}

func (m *Memory) Peers(_ context.Context, account string) ([]discover.Peer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []discover.Peer
	for _, p := range m.accounts[account] {
		all = append(all, clone(p))
	}
	slices.SortFunc(all, func(a, b discover.Peer) int { return strings.Compare(a.Address.Key(), b.Address.Key()) })
	return all, nil
}

func (m *Memory) ForgetPeers(_ context.Context, account string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.accounts, account)
	return nil
}

func clone(p discover.Peer) discover.Peer {
	p.Cert = bytes.Clone(p.Cert)
	p.Changes = slices.Clone(p.Changes)
	for i := range p.Changes {
		p.Changes[i].Cert = bytes.Clone(p.Changes[i].Cert)
	}
	return p
}
