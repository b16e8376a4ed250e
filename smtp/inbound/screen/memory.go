package screen

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"net/netip"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"sealpost/account/limit"
)

const (
	shards     = 16
	maxRates   = 64 << 10 // senders whose rate is known
	maxGrey    = 64 << 10 // triplets, about 150 octets each
	maxKnown   = 64 << 10 // senders who once got through
	maxListed  = 16 << 10 // addresses whose listing is known
	listsAtOne = 32       // clients that lists are asked about at the same time
)

// state is what a Screen remembers until it ends. All of it may be lost.
type state struct {
	key    []byte
	rates  *memory[bucket]
	grey   *memory[triplet]
	known  *memory[int64] // Unix seconds of the last mail
	listed *memory[listing]
	asking chan struct{}

	// What other nodes hear, and tell.
	perAddress, perDomain, waits, proven *limit.Kind
}

func (s *Screen) open() {
	s.key = make([]byte, 32)
	rand.Read(s.key)
	s.share()
	s.rates = newMemory[bucket](maxRates)
	s.grey = newMemory[triplet](maxGrey)
	s.known = newMemory[int64](maxKnown)
	s.listed = newMemory[listing](maxListed)
	s.asking = make(chan struct{}, listsAtOne)
	if s.Client == nil {
		s.Client = newClient()
	}
}

// A mark stands for what was remembered. It is made under a key of this process, or one that
// nodes share, so it tells nothing to who reads the memory later.
type mark = limit.Mark

// mark is of a purpose and some words.
func (s *Screen) mark(words ...string) (m mark) {
	h := hmac.New(sha256.New, s.key)
	for _, w := range words {
		io.WriteString(h, w)
		h.Write([]byte{0})
	}
	copy(m[:], h.Sum(nil))
	return m
}

// memory is a map that forgets what was not used for longest. Its locks are many,
// so that nobody waits for all.
type memory[V any] struct {
	shard [shards]struct {
		sync.Mutex
		lru *simplelru.LRU[mark, V]
	}
}

func newMemory[V any](size int) *memory[V] {
	m := new(memory[V])
	for i := range m.shard {
		// It fails for sizes under one only.
		m.shard[i].lru, _ = simplelru.NewLRU[mark, V](max(size/shards, 1), nil)
	}
	return m
}

// update changes the value of k, or makes one; change returns what is kept.
func (m *memory[V]) update(k mark, change func(v V, known bool) V) {
	s := &m.shard[k[0]%shards]
	s.Lock()
	defer s.Unlock()
	v, known := s.lru.Get(k)
	s.lru.Add(k, change(v, known))
}

func (m *memory[V]) get(k mark) (V, bool) {
	s := &m.shard[k[0]%shards]
	s.Lock()
	defer s.Unlock()
	return s.lru.Get(k)
}

// netOf is who counts as one client: for whoever has one address of an IPv6 /64
// has them all. Large senders try again from a neighbour, hence wide.
func netOf(ip netip.Addr, wide bool) string {
	ip = ip.Unmap().WithZone("")
	bits := 64
	switch {
	case ip.Is4() && wide:
		bits = 24
	case ip.Is4():
		bits = 32
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
