package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"sealpost/storage/postgres/pgtest"
	"sealpost/storage/s3/s3test"
)

// engines are what the nodes of a cluster share: a PostgreSQL and an S3 server.
type engines struct {
	rows     *pgtest.Cluster
	database *group
	version  string
	asker    *pgx.Conn // of one's own, which nobody else uses

	buckets *group
	s3      string // address
	root    string // where the S3 server keeps what it is given

	bus  *group
	nats string // its URL

	close []func() error
}

// databaseSettings are what a PostgreSQL of its own machine would be given. All else is as
// it comes: it syncs each commit.
func databaseSettings() []string { return []string{"shared_buffers=1GB", "max_wal_size=4GB"} }

const bucket = "bench"

// startEngines starts both in folders of the site.
func startEngines(ctx context.Context, s *site) (e *engines, err error) {
	e = &engines{database: newGroup("postgres"), buckets: newGroup("s3"), bus: newGroup("nats")}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.stop(ctx))
		}
	}()
	if err := e.startRows(ctx, s); err != nil {
		return e, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := e.startBuckets(ctx, s); err != nil {
		return e, fmt.Errorf("start an S3 server: %w", err)
	}
	if err := e.startBus(ctx, s); err != nil {
		return e, fmt.Errorf("start a server of NATS: %w", err)
	}
	return e, nil
}

func (e *engines) startRows(ctx context.Context, s *site) (err error) {
	if e.rows, err = pgtest.NewIn(s.dir); err != nil {
		return err
	}
	e.rows.Settings = databaseSettings()
	cmd, err := e.rows.Server()
	if err != nil {
		return err
	}
	if err := s.background(e.database, cmd, "postgres.log"); err != nil {
		return err
	}
	start, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err = await(start, 20*time.Millisecond, func() (bool, error) {
		e.asker, err = pgx.Connect(ctx, e.rows.URL("postgres"))
		return err == nil, nil // it does not listen yet
	})
	if err != nil {
		return err
	}
	return e.asker.QueryRow(ctx, "show server_version").Scan(&e.version)
}

func (e *engines) startBuckets(ctx context.Context, s *site) error {
	dir, err := s.folder("s3")
	if err != nil {
		return err
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	e.s3, e.root = loopback(ports[0]), s3test.Root(dir)
	cmd, err := s3test.Command(".", dir, e.s3)
	if err != nil {
		return err
	}
	if err := s.background(e.buckets, cmd, "s3.log"); err != nil {
		return err
	}
	client, err := minio.New(e.s3, &minio.Options{Creds: credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""), BucketLookup: minio.BucketLookupPath})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return await(ctx, 20*time.Millisecond, func() (bool, error) {
		err := client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{})
		var refused *net.OpError
		if errors.As(err, &refused) { // it does not listen yet
			return false, nil
		}
		return err == nil, err
	})
}

// background runs a program in a group, its output in a file of the site.
func (s *site) background(g *group, cmd *exec.Cmd, log string) error {
	f, err := os.Create(filepath.Join(s.dir, log))
	if err != nil {
		return err
	}
	defer f.Close()
	return g.start(cmd, f)
}

func (e *engines) stop(ctx context.Context) error {
	var errs []error
	for _, close := range e.close {
		errs = append(errs, close())
	}
	if e.asker != nil {
		errs = append(errs, e.asker.Close(ctx))
	}
	for _, g := range []*group{e.bus, e.buckets, e.database} {
		errs = append(errs, g.stop(ctx, 15*time.Second))
	}
	return errors.Join(errs...)
}

// A way is how a node reaches the engines; what is empty is where they are.
type way struct {
	database, s3 string
	listen       bool // to others by the database, and not by NATS
}

// settings has a sealpost of that name keep everything there.
func (e *engines) settings(s *site, node string, w way) (string, error) {
	keys, err := s.write(s3test.AccessKey+"\n"+s3test.SecretKey+"\n", "s3.key")
	if err != nil {
		return "", err
	}
	bus := fmt.Sprintf("nats = [%q]", e.nats)
	if w.listen {
		bus = ""
	}
	return fmt.Sprintf(`
[cluster]
database = %q
node = %q
drain = "0s"
%s
[s3.endpoint.one]
url = "http://%s"
bucket = %q
key_file = %q
path_style = true
`, cmp.Or(w.database, e.rows.URL("postgres")), node, bus, cmp.Or(w.s3, e.s3), bucket, keys), nil
}

// Gauges of a cluster, in this order.
const (
	gaugeDatabase = iota // microseconds of CPU of PostgreSQL
	gaugeS3              // and of the S3 server
	gaugeCommits         // transactions that wrote
	gaugeWAL             // octets of its log
	gaugeAll
)

// gauges reads them.
func (e *engines) gauges(ctx context.Context) ([]float64, error) {
	all := make([]float64, gaugeAll)
	var commits, wal string
	err := e.asker.QueryRow(ctx, `select pg_snapshot_xmax(pg_current_snapshot())::text, (pg_current_wal_insert_lsn() - '0/0')::text`).Scan(&commits, &wal)
	if err != nil {
		return nil, fmt.Errorf("ask PostgreSQL: %w", err)
	}
	for i, g := range []*group{gaugeDatabase: e.database, gaugeS3: e.buckets} {
		cpu, err := g.cpu()
		if err != nil {
			return nil, err
		}
		all[i] = float64(cpu.Microseconds())
	}
	if all[gaugeCommits], err = strconv.ParseFloat(commits, 64); err != nil {
		return nil, err
	}
	all[gaugeWAL], err = strconv.ParseFloat(wal, 64)
	return all, err
}

// relations are the octets of all tables, with their indexes and all else that hangs on them.
func (e *engines) relations(ctx context.Context) (map[string]int64, error) {
	rows, err := e.asker.Query(ctx, `select relname, pg_total_relation_size(oid) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`)
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	var name string
	var octets int64
	_, err = pgx.ForEachRow(rows, []any{&name, &octets}, func() error {
		all[name] = octets
		return nil
	})
	return all, err
}

// messages is how many there are in all mailboxes.
func (e *engines) messages(ctx context.Context) (n int, err error) {
	err = e.asker.QueryRow(ctx, `select count(*) from entries`).Scan(&n)
	return n, err
}

// missing says whether there can be no cluster here.
func missing(err error) bool {
	return errors.Is(err, pgtest.ErrMissing) || strings.Contains(err.Error(), "build versitygw")
}
