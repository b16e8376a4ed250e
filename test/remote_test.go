package test

import (
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/filestore/packs"
	"sealpost/filestore/storagetest"
	"sealpost/storage/postgres"
	"sealpost/storage/postgres/pgtest"
	"sealpost/storage/s3"
	"sealpost/test/remotes"
)

// remote is one store: a database, and a bucket with each of some providers.
type remote struct {
	database  *pgtest.Database
	client    *minio.Client
	endpoints []s3.Endpoint
	key       *nodekey.Key
	ahead     atomic.Int64 // of its nodes' clocks, nanoseconds
}

// newRemote makes a store on a server of buckets.
func newRemote(t *testing.T, all *remotes.Buckets, providers ...string) *remote {
	t.Helper()
	return &remote{database: pgtest.Take(t), client: all.Client, endpoints: all.Endpoints(t, providers...), key: nodekey.Random()}
}

// remoteNode is what one node of a store has open.
type remoteNode struct {
	*s3.Blobs
	index  packs.Index
	worker *s3.Worker
}

func (r *remote) node(t *testing.T) *remoteNode {
	t.Helper()
	d, err := postgres.Open(t.Context(), r.database.URL, postgres.Options{Connections: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	now := func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }
	b, err := s3.New(t.Context(), d.Packs(), r.endpoints, map[string]s3.Rule{"": {Copies: 2, Enough: 2}}, s3.Options{Wait: 2 * time.Millisecond, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &remoteNode{Blobs: b, index: d.Packs(), worker: &s3.Worker{Blobs: b, Leases: d.Packs()}}
}

// objects counts what lies in the buckets.
func (r *remote) objects(t *testing.T) (n int) {
	t.Helper()
	for _, e := range r.endpoints {
		n += r.at(t, e.Name)
	}
	return n
}

// at counts what lies at one endpoint.
func (r *remote) at(t *testing.T, name string) (n int) {
	t.Helper()
	i := slices.IndexFunc(r.endpoints, func(e s3.Endpoint) bool { return e.Name == name })
	for o := range r.client.ListObjectsIter(t.Context(), r.endpoints[i].Bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		n++
	}
	return n
}

// The engine of remote blobs passes its suite over an index in PostgreSQL.
func TestRemoteBlobs(t *testing.T) {
	t.Parallel()
	all := remotes.NewBuckets(t, "..")
	var mu sync.Mutex
	stores := map[*testing.T]*remote{}
	storagetest.Blobs(t, func(t *testing.T) filestore.Blobs {
		mu.Lock()
		defer mu.Unlock()
		if stores[t] == nil {
			stores[t] = newRemote(t, all, "east", "west")
		}
		return stores[t].node(t).Blobs
	})
}

// Several nodes put, read, delete and tidy up at once: what lives is read by all of them, what
// was deleted leaves the providers after its graces, and a round of one worker at a time.
func TestRemoteNodes(t *testing.T) {
	t.Parallel()
	r := newRemote(t, remotes.NewBuckets(t, ".."), "east", "west")
	var nodes []*remoteNode
	for range 3 {
		nodes = append(nodes, r.node(t))
	}
	const each = 12
	content := func(node, i int) []byte { return storagetest.Content(uint64(node*each+i), 3000+i) }
	refs := make([][]filestore.Ref, len(nodes))
	var busy sync.WaitGroup
	for k, n := range nodes {
		busy.Go(func() {
			for i := range each {
				ref, err := n.Put(t.Context(), io.WriterTo(storagetest.Source(content(k, i))))
				if err != nil {
					t.Errorf("put: %v", err)
					return
				}
				refs[k] = append(refs[k], ref...)
			}
		})
	}
	busy.Wait()
	if t.Failed() {
		return
	}
	check := func() {
		t.Helper()
		for k := range nodes {
			reader := nodes[(k+1)%len(nodes)]
			for i, ref := range refs[k] {
				if i%4 == 0 {
					storagetest.Check(t, reader, ref, content(k, i))
				} else if _, err := storagetest.Read(reader, ref.ID); !errors.Is(err, filestore.ErrNotFound) {
					t.Errorf("a deleted blob: %v", err)
				}
			}
		}
	}
	for k, n := range nodes { // each deletes what the next one put, while workers make rounds
		busy.Go(func() {
			for i, ref := range refs[(k+1)%len(nodes)] {
				if i%4 != 0 {
					if err := n.Delete(t.Context(), ref.ID); err != nil {
						t.Errorf("delete: %v", err)
					}
				}
			}
		})
	}
	r.rounds(t, nodes)
	busy.Wait()
	check()
	full := r.objects(t)
	for range 2 {
		r.ahead.Add(int64(9 * 24 * time.Hour))
		r.rounds(t, nodes)
		check()
	}
	if n := r.objects(t); n >= full || n%2 != 0 {
		t.Errorf("%d objects are left of %d, in two copies each", n, full)
	}
	for k, n := range nodes {
		for i, ref := range refs[k] {
			if i%4 == 0 {
				if err := n.Delete(t.Context(), ref.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	r.ahead.Add(int64(9 * 24 * time.Hour))
	r.rounds(t, nodes)
	if n := r.objects(t); n != 0 {
		t.Errorf("%d objects are left when all was deleted", n)
	}
	for o, err := range nodes[0].index.Objects(t.Context()) {
		t.Errorf("object %v is left, %v", o.Key, err)
	}
}

// rounds has all nodes' workers make a round at once. At least one did, and those that did not
// were told that another holds the lease.
func (r *remote) rounds(t *testing.T, nodes []*remoteNode) {
	t.Helper()
	var busy sync.WaitGroup
	var done atomic.Int64
	for _, n := range nodes {
		busy.Go(func() {
			err := n.worker.Round(t.Context())
			if err == nil {
				done.Add(1)
			} else if !errors.Is(err, packs.ErrHeld) {
				t.Errorf("round: %v", err)
			}
		})
	}
	busy.Wait()
	if done.Load() == 0 {
		t.Error("no worker made a round")
	}
}
