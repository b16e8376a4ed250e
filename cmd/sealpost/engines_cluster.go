package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"sealpost/config"
	"sealpost/filestore/placement"
	"sealpost/storage/disk"
	"sealpost/storage/postgres"
	"sealpost/storage/s3"
)

// A cluster is the engines that many nodes share: rows in PostgreSQL, blobs in buckets.
type cluster struct {
	db     *postgres.DB
	known  *postgres.Known
	blobs  *s3.Blobs
	worker *s3.Worker
	places *placement.Finder
}

var errClustered = errors.New("this server's rows are in PostgreSQL and its letters in buckets: base backups and WAL of the one, and copies at two providers of the other, are its backup (docs/cluster-backup.md). sealpost migrate makes a copy in a data folder, which sealpost backup takes")

// Blobs of queues are in spaces of their own: whoever sweeps one sees no others.
const (
	spaceLeaving = 1
	spaceHeld    = 2
)

// clusterMark lies in the data folder of a node, and says that what it serves is elsewhere.
const clusterMark = "CLUSTER"

// openCluster opens them. The data folder is the node's own: for its control socket, and
// for mail on its way, encrypted.
func (e *engines) openCluster(ctx context.Context, settings config.Config, log *slog.Logger) (err error) {
	c := new(cluster)
	e.cluster = c
	if err := clustered(settings); err != nil {
		return err
	}
	lock, err := disk.OS{}.Lock(filepath.Join(settings.Data, "lock"))
	if err != nil {
		return err
	}
	e.opened(lock.Close)
	if err := e.openDatabase(ctx, settings, log); err != nil {
		return err
	}
	if err := e.openKnown(ctx, settings); err != nil {
		return err
	}
	e.index, e.accounts, e.signIns, e.drive, e.cabinet = c.db.Index(), c.db.Accounts(), c.db.SignIns(), c.db.Drive(), c.db.Cabinet()
	e.peers, e.policies, e.values, e.papers = c.known.Peers(), c.known.Policies(), c.known.Values(), c.known.Papers()
	return e.openRemote(ctx, settings, log)
}

// openDatabase opens the database, and nothing else.
func (e *engines) openDatabase(ctx context.Context, settings config.Config, log *slog.Logger) error {
	password, err := oneLine(settings.Cluster.PasswordFile)
	if err != nil {
		return fmt.Errorf("cluster.database_password_file: %w", err)
	}
	if e.cluster.db, err = postgres.Open(ctx, settings.Cluster.Database, postgres.Options{Password: password, Log: log}); err != nil {
		return err
	}
	e.opened(e.cluster.db.Close)
	return nil
}

// openKnown opens what is sealed under the node key: under that of the first node.
func (e *engines) openKnown(ctx context.Context, settings config.Config) (err error) {
	_, missing := os.Stat(settings.Queue.Key)
	if e.key, err = nodeKey(settings); err != nil {
		return err
	}
	e.cluster.known, err = e.cluster.db.Known(ctx, e.key)
	if errors.Is(err, postgres.ErrOtherKey) && errors.Is(missing, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%w: copy its file to %s", err, settings.Queue.Key), os.Remove(settings.Queue.Key))
	}
	if err != nil {
		return fmt.Errorf("%w (node key: %s)", err, settings.Queue.Key)
	}
	e.secret, err = e.cluster.known.Secret(ctx)
	return err
}

// openRemote opens the blobs, and the queues that keep their texts there.
func (e *engines) openRemote(ctx context.Context, settings config.Config, log *slog.Logger) error {
	c := e.cluster
	endpoints, err := s3Endpoints(settings.S3.Endpoints)
	if err != nil {
		return err
	}
	if c.blobs, err = s3.New(ctx, c.db.Packs(), endpoints, s3Rules(settings.S3.Rules), s3.Options{Log: log}); err != nil {
		return fmt.Errorf("open buckets: %w", err)
	}
	e.opened(c.blobs.Close)
	if c.places, err = newPlaces(e.accounts, settings.S3.Rules); err != nil {
		return err
	}
	e.blobs = placement.Blobs{Ruled: c.blobs, Finder: c.places}
	c.worker = &s3.Worker{Blobs: c.blobs, Leases: c.db.Packs(), Log: log}
	for _, q := range []struct {
		name  string
		space byte
		to    *shelf
	}{{"queue", spaceLeaving, &e.leaving}, {"outbox", spaceHeld, &e.held}} {
		rows, err := c.db.Queue(ctx, q.name, e.key)
		if err != nil {
			return err
		}
		*q.to = shelf{rows: rows, texts: placement.Blobs{Ruled: c.blobs.Space(q.space), Finder: c.places}, now: rows.Now}
	}
	return nil
}

// clustered refuses settings that many nodes cannot have, and a folder that holds a server's
// mail, which would be served no more; and marks the folder as a node's.
func clustered(settings config.Config) error {
	if err := clusterable(settings); err != nil {
		return err
	}
	mark := filepath.Join(settings.Data, clusterMark)
	if _, err := os.Stat(mark); err == nil { // every command opens the folder, and writing waits for the disk
		return nil
	}
	return writeAside(mark, []byte("What this node serves is where cluster.database says.\n"), 0o600)
}

func clusterable(settings config.Config) error {
	if settings.Queue.Mode == "strict" {
		return errors.New("queue.mode: strict keeps mail in the memory of one machine: expected sealed where cluster.database is set")
	}
	if len(settings.S3.Endpoints) == 0 {
		return errors.New("s3.endpoint: expected at least one bucket where cluster.database is set")
	}
	if info, err := os.Stat(filepath.Join(settings.Data, "index.db")); err == nil && info.Size() > 0 {
		return fmt.Errorf("%s holds the mail of a server without cluster.database: sealpost migrate moves it", settings.Data)
	}
	return nil
}

// notClustered refuses to begin an empty server where a node of a cluster was.
func notClustered(data string) error {
	if _, err := os.Stat(filepath.Join(data, clusterMark)); err != nil {
		return nil
	}
	if info, err := os.Stat(filepath.Join(data, "index.db")); err == nil && info.Size() > 0 {
		return nil
	}
	return fmt.Errorf("%s is the folder of a node, and cluster.database is not set: set it, or, to begin anew, remove %s", data, filepath.Join(data, clusterMark))
}

func s3Endpoints(from map[string]config.Endpoint) (all []s3.Endpoint, err error) {
	for name, e := range from {
		access, secret, err := keyPair(e.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("s3.endpoint.%s.key_file: %w", name, err)
		}
		provider := e.Provider
		if provider == "" {
			provider = name
		}
		all = append(all, s3.Endpoint{
			Name: name, Provider: provider, Jurisdiction: e.Jurisdiction, URL: e.URL, Bucket: e.Bucket, Region: e.Region,
			AccessKey: access, SecretKey: s3.Secret(secret), PathStyle: e.PathStyle, Requests: e.Requests,
		})
	}
	return all, nil
}

// defaultRule is the name of the rule of whom no other is for.
const defaultRule = "default"

func s3Rules(from map[string]config.Rule) map[string]s3.Rule {
	all := map[string]s3.Rule{"": {}}
	for name, r := range from {
		all[ruleName(name)] = s3.Rule{Copies: r.Copies, Enough: r.Enough, Providers: r.Providers, Jurisdictions: r.Jurisdictions}
	}
	return all
}

// ruleName is what a rule of the settings is called where things are placed.
func ruleName(name string) string {
	if name == defaultRule {
		return ""
	}
	return name
}

// keyPair reads the two lines of a key file.
func keyPair(file string) (access, secret string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	lines := strings.Fields(string(text))
	if len(lines) != 2 {
		return "", "", fmt.Errorf("%s: expected an access key and a secret key, a line each", file)
	}
	return lines[0], lines[1], nil
}

// oneLine reads a secret that is one line; no file is no secret.
func oneLine(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	return strings.TrimRight(string(text), "\r\n"), err
}

// keepRemote tidies up remote blobs, one node at a time, until ctx ends.
func (s *server) keepRemote(ctx context.Context) {
	if s.cluster == nil || !s.settings.Cluster.Has(config.RoleHouse) {
		return
	}
	_ = s.cluster.worker.Run(ctx) // ends with ctx alone
}
