// Package remotes lends tests what a node of many has instead of a data folder: a PostgreSQL
// and buckets of two providers. It is test code.
package remotes

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"sealpost/storage/postgres"
	"sealpost/storage/postgres/pgtest"
	"sealpost/storage/s3"
	"sealpost/storage/s3/s3test"
)

// Buckets is an S3 server that many stores share.
type Buckets struct {
	URL    string
	Client *minio.Client
	Root   string // a folder for each bucket
	made   atomic.Int64
}

// NewBuckets starts one from the repository in folder repo, or skips the test where it cannot
// be built.
func NewBuckets(t testing.TB, repo string) *Buckets {
	t.Helper()
	gateway, err := s3test.Start(repo, t.TempDir())
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(gateway.Stop)
	server := httptest.NewServer(gateway.Proxy(func(err error) { t.Logf("gateway: %v", err) }))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	return &Buckets{URL: server.URL, Client: client, Root: gateway.Root}
}

// Endpoints are empty buckets of a store of its own, one with each provider.
func (b *Buckets) Endpoints(t testing.TB, providers ...string) (list []s3.Endpoint) {
	t.Helper()
	store := b.made.Add(1)
	for _, provider := range providers {
		bucket := fmt.Sprintf("store-%d-%s", store, provider)
		if err := b.Client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
		list = append(list, s3.Endpoint{Name: provider, Provider: provider, Jurisdiction: "land-of-" + provider, URL: b.URL, Bucket: bucket,
			AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, PathStyle: true})
	}
	return list
}

// Cluster is what the tests within one test share.
type Cluster struct {
	name    string
	pg      *pgtest.Cluster
	buckets *Buckets
	made    atomic.Int64
}

// Start starts both for the tests within t.
func Start(t testing.TB, repo string) *Cluster {
	t.Helper()
	return &Cluster{name: t.Name() + "/", pg: pgtest.Start(t), buckets: NewBuckets(t, repo)}
}

// For says whether t is one of the tests that c was started for. C may be nil.
func (c *Cluster) For(t testing.TB) bool { return c != nil && strings.HasPrefix(t.Name(), c.name) }

// Take opens a database and buckets of the test's own.
func (c *Cluster) Take(t testing.TB, o postgres.Options) (*postgres.DB, *s3.Blobs) {
	t.Helper()
	name := fmt.Sprintf("of%d", c.made.Add(1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.pg.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "create database "+name); err != nil {
		t.Fatal(err)
	}
	o.Connections = 6 // of 200 that there are
	db, err := postgres.Open(ctx, c.pg.URL(name), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	blobs, err := s3.New(context.WithoutCancel(ctx), db.Packs(), c.buckets.Endpoints(t, "east", "west"), map[string]s3.Rule{"": {Copies: 2, Enough: 2}}, s3.Options{Wait: 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	return db, blobs
}
