// Package s3 keeps blobs in buckets of any provider that speaks S3: small ones many to an
// object, large ones in objects of their own, each object with as many copies on different
// providers as a rule asks for.
//
// It never knows what a blob is, and no more does a provider: an object's name is random, it
// has no metadata, and its octets were encrypted before they came here. Which blob lies where
// is in a database, behind filestore/packs.
//
// Invariants: what Put returned is stored at enough endpoints and in the index; what a
// provider gives back is served only when its tag, made with a secret no provider has, says
// that it is what was stored, at that place of that blob; an object is written once and
// removed only after the index said that nothing is needed of it.
//
//	BUCKET/STORE/KEY    one object; STORE is the index's, KEY is random, both in hex
package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// Options change what the zero value decides.
type Options struct {
	Small   int           // larger blobs become objects of their own, octets; 1 MiB, at most that
	Pack    int           // a pack is sent when it has that many octets; 8 MiB, at most that
	Wait    time.Duration // or when its first blob has waited that long; 10 ms
	Packs   int           // that are sent at once, for each rule; 4
	Large   int           // Puts at once that hold more than 64 KiB, others wait; 16
	Try     time.Duration // one request's time, and a second more for each MiB; 10 s
	Backoff time.Duration // before the second try, doubled for each other, with jitter; 100 ms
	Sick    time.Duration // an endpoint that failed is asked last for that long, and up to a minute; 2 s
	Log     *slog.Logger  // none
	Now     func() time.Time
}

func (o Options) withDefaults() Options {
	o.Small = bounded(o.Small, 1<<20, 1<<20)
	o.Pack = bounded(o.Pack, 8<<20, 8<<20)
	o.Packs = bounded(o.Packs, 4, 64)
	o.Large = bounded(o.Large, 16, 1024)
	o.Wait = bounded(o.Wait, 10*time.Millisecond, time.Second)
	o.Try = bounded(o.Try, 10*time.Second, time.Minute)
	o.Backoff = bounded(o.Backoff, 100*time.Millisecond, 10*time.Second)
	o.Sick = bounded(o.Sick, 2*time.Second, time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// bounded is n, or what stands for zero, and at most largest.
func bounded[N int | time.Duration](n, zero, largest N) N {
	if n <= 0 {
		return zero
	}
	return min(n, largest)
}

// Blobs is a filestore.Blobs over buckets.
type Blobs struct {
	o         Options
	index     packs.Index
	store     packs.Store
	endpoints map[string]*endpoint
	rules     map[string]*rule
	packers   map[string]*packer
	tokens    chan struct{} // held by a Put that has more than a little in memory
	noted     *lru.Cache[packs.Key, time.Time]

	closing sync.Once
	closed  atomic.Bool
}

var (
	_ filestore.Blobs    = (*Blobs)(nil)
	_ filestore.Gatherer = (*Blobs)(nil)
)

// New makes the engine over those endpoints. Rules has at least the one called "", by which
// Put places what no other rule was named for. No endpoint needs to be there yet. What is
// under way when ctx ends is finished; Close ends it.
func New(ctx context.Context, index packs.Index, endpoints []Endpoint, rules map[string]Rule, o Options) (*Blobs, error) {
	o = o.withDefaults()
	store, err := index.Store(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the index for its store: %w", err)
	}
	noted, err := lru.New[packs.Key, time.Time](4096)
	if err != nil {
		return nil, err
	}
	b := &Blobs{
		o: o, index: index, store: store, noted: noted,
		endpoints: map[string]*endpoint{},
		rules:     map[string]*rule{},
		packers:   map[string]*packer{},
		tokens:    make(chan struct{}, o.Large),
	}
	for _, e := range endpoints {
		if err := b.connect(e); err != nil {
			return nil, fmt.Errorf("endpoint %q: %w", e.Name, err)
		}
	}
	if _, ok := rules[""]; !ok {
		return nil, errors.New("there is no rule for what has none")
	}
	for name, r := range rules {
		if b.rules[name], err = b.newRule(name, r); err != nil {
			return nil, fmt.Errorf("rule %q: %w", name, err)
		}
	}
	for name, r := range b.rules {
		b.packers[name] = newPacker(b, r)
		go b.packers[name].run(context.WithoutCancel(ctx))
	}
	return b, nil
}

// Close sends what is queued. Blobs that are open stay readable.
func (b *Blobs) Close() error {
	b.closed.Store(true)
	b.closing.Do(func() {
		for _, p := range b.packers {
			p.close()
		}
		for _, e := range b.endpoints {
			e.transport.CloseIdleConnections()
		}
	})
	return nil
}

// usable says whether a call may begin.
func (b *Blobs) usable(ctx context.Context) error {
	if b.closed.Load() {
		return os.ErrClosed
	}
	return ctx.Err()
}

// Put stores by the rule called "".
func (b *Blobs) Put(ctx context.Context, sources ...io.WriterTo) ([]filestore.Ref, error) {
	return b.put(ctx, b.rules[""], 0, sources)
}

// Open opens a blob for reading. Of a blob of up to 256 KiB all was read and checked when
// Open returns; of a longer one the beginning was.
func (b *Blobs) Open(ctx context.Context, id filestore.ID) (filestore.Blob, error) {
	o := b.OpenAll(ctx, []filestore.ID{id})[0]
	return o.Blob, o.Err
}

// Delete marks blobs as deleted: they cannot be opened any more. Their octets are removed by
// a Worker when its grace is over.
func (b *Blobs) Delete(ctx context.Context, ids ...filestore.ID) error {
	if err := b.usable(ctx); err != nil {
		return err
	}
	if len(ids) == 0 {
		return nil
	}
	if err := b.index.Delete(ctx, b.now(), ids); err != nil {
		return fmt.Errorf("delete blobs: %w", err)
	}
	return nil
}

// All lists every blob of space 0, from the index.
func (b *Blobs) All(ctx context.Context) iter.Seq2[filestore.Info, error] { return b.all(ctx, 0) }

func (b *Blobs) all(ctx context.Context, space byte) iter.Seq2[filestore.Info, error] {
	return func(yield func(filestore.Info, error) bool) {
		if err := b.usable(ctx); err != nil {
			yield(filestore.Info{}, fmt.Errorf("list blobs: %w", err))
			return
		}
		for info, err := range b.index.All(ctx, space) {
			if err != nil {
				err = fmt.Errorf("list blobs: %w", err)
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// now is the time in whole seconds, as the index keeps it.
func (b *Blobs) now() time.Time { return b.o.Now().Truncate(time.Second) }

// Under is the same blobs, but what is put is placed by the rule of that name. It fails when
// there is none.
func (b *Blobs) Under(rule string) (filestore.Blobs, error) {
	return b.Space(0).Under(rule)
}

// Space is the same blobs, but those of one space: ids of what is put begin with its number,
// and All lists no others. So whoever looks for orphans among his own sees nobody else's. Blobs
// itself is space 0.
func (b *Blobs) Space(number byte) View { return View{b, b.rules[""], number} }

// View is blobs of one space, put under one rule.
type View struct {
	*Blobs
	rule  *rule
	space byte
}

// Under is the same space, but what is put is placed by the rule of that name.
func (v View) Under(rule string) (filestore.Blobs, error) {
	r, ok := v.rules[rule]
	if !ok {
		return nil, fmt.Errorf("there is no rule %q", rule)
	}
	return View{v.Blobs, r, v.space}, nil
}

// Put stores in the view's space, by its rule.
func (v View) Put(ctx context.Context, sources ...io.WriterTo) ([]filestore.Ref, error) {
	return v.put(ctx, v.rule, v.space, sources)
}

// All lists every blob of the view's space.
func (v View) All(ctx context.Context) iter.Seq2[filestore.Info, error] { return v.all(ctx, v.space) }

func newKey() (k packs.Key, err error) {
	if _, err := rand.Read(k[:]); err != nil {
		return k, fmt.Errorf("make object key: %w", err)
	}
	return k, nil
}

func newID(space byte) (id filestore.ID, err error) {
	if _, err := rand.Read(id[:]); err != nil {
		return id, fmt.Errorf("make blob id: %w", err)
	}
	id[0] = space
	return id, nil
}
