// Package pgtest starts a PostgreSQL for the tests of one package, from the programs that
// Debian installs, and lends its databases to them.
//
// The cluster syncs as PostgreSQL does by itself. It listens on a Unix socket in a temporary
// folder, and goes with the process.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Main runs a package's tests and stops the cluster they started. TestMain calls it.
func Main(m *testing.M) {
	status := m.Run()
	Stop()
	os.Exit(status)
}

// Stop stops the cluster that Take started, if it did. A TestMain that does not call Main calls it.
func Stop() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster != nil {
		shared.cluster.remove()
		shared.cluster = nil
	}
}

// shared is the cluster of this process, which the first test starts.
var shared struct {
	mu      sync.Mutex
	cluster *Cluster
	made    int
	free    []string // databases that nobody has and that are empty
}

// Database is an empty database, lent until Release.
type Database struct {
	URL     string
	name    string
	cluster *Cluster
	once    sync.Once
}

// Take lends a database until the end of the test, or skips the test where PostgreSQL is not installed.
// Tables that another test made may be in it, without rows.
func Take(t testing.TB) *Database {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster == nil {
		shared.cluster = start(t)
	}
	c := shared.cluster
	d := &Database{cluster: c}
	if n := len(shared.free); n > 0 {
		d.name, shared.free = shared.free[n-1], shared.free[:n-1]
	} else {
		shared.made++
		d.name = "t" + strconv.Itoa(shared.made)
		if err := c.do("postgres", "create database "+d.name); err != nil {
			t.Fatalf("make a database: %v", err)
		}
	}
	d.URL = c.url(d.name)
	t.Cleanup(d.Release)
	return d
}

// Empty takes all rows away but those that say which tables there are.
const Empty = `begin isolation level read committed; do $$ declare t text; begin
	for t in select tablename from pg_tables where schemaname = 'public' and tablename <> 'migrations'
	loop execute 'delete from ' || t; end loop; end $$; commit`

// Keep has the database stay with who took it, beyond the test's end.
func (d *Database) Keep() { d.once.Do(func() {}) }

// Release takes the database back, and what is in it away. Whoever uses it has closed it.
func (d *Database) Release() {
	d.once.Do(func() {
		if err := d.cluster.do(d.name, Empty); err == nil {
			shared.mu.Lock()
			defer shared.mu.Unlock()
			shared.free = append(shared.free, d.name)
		}
	})
}

// Exec runs statements in the database.
func (d *Database) Exec(t testing.TB, sql string) {
	t.Helper()
	if err := d.cluster.do(d.name, sql); err != nil {
		t.Fatal(err)
	}
}

// Cluster is a PostgreSQL at work.
type Cluster struct {
	Settings []string // beside ours, such as shared_buffers=1GB

	folder string
	bin    string
	server *exec.Cmd
	log    bytes.Buffer
}

// ErrMissing says that there is no PostgreSQL on this machine.
var ErrMissing = errors.New("postgresql is not installed")

// Start starts a cluster of the test's own, which it may kill and start.
func Start(t testing.TB) *Cluster {
	t.Helper()
	return StartWith(t)
}

// StartWith is Start with settings such as "log_statement=all" besides.
func StartWith(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c := start(t, settings...)
	t.Cleanup(c.remove)
	return c
}

// Folder is where the server's socket is, .s.PGSQL.5432, its data, and what Run writes.
func (c *Cluster) Folder() string { return c.folder }

// Run runs one of PostgreSQL's programs, such as pg_dump, in the cluster's folder, as its user.
func (c *Cluster) Run(program string, args ...string) error {
	cmd, err := c.command(program, args...)
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Env = append(cmd.Env, "PGHOST="+c.folder, "PGUSER=postgres")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, said.String())
	}
	return nil
}

// URL names a database of the cluster; "postgres" is always there.
func (c *Cluster) URL(database string) string { return c.url(database) }

func (c *Cluster) url(database string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s", c.folder, database)
}

func (c *Cluster) do(database, sql string) error { return c.Do(context.Background(), database, sql) }

// Do runs statements in a database.
func (c *Cluster) Do(ctx context.Context, database, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := New()
	if errors.Is(err, ErrMissing) {
		Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Settings = settings
	if err := c.Start(); err != nil {
		c.remove()
		t.Fatalf("start postgresql: %v\n%s", err, c.log.String())
	}
	return c
}

// New makes a cluster that nobody has started: for programs that are no test. Who made it
// calls Remove.
func New() (*Cluster, error) { return NewIn("") }

// NewIn makes it in a folder of its own below one that is there.
func NewIn(parent string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(parent, "pg")
	if err != nil {
		return nil, err
	}
	c := &Cluster{folder: folder, bin: bin}
	if err := errors.Join(c.give(), c.init()); err != nil {
		c.remove()
		return nil, fmt.Errorf("make a postgresql: %w\n%s", err, c.log.String())
	}
	return c, nil
}

// programs is the folder of PostgreSQL's programs: what SEALPOST_POSTGRES says, Debian's newest,
// or where the one of PATH is.
func programs() (string, error) {
	if dir := os.Getenv("SEALPOST_POSTGRES"); dir != "" {
		return filepath.Abs(dir)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.Sort(found)
	if path, err := exec.LookPath("postgres"); err == nil && len(found) == 0 {
		found = []string{path}
	}
	if len(found) == 0 {
		return "", ErrMissing
	}
	program, err := filepath.EvalSymlinks(found[len(found)-1]) // the others lie beside the true one
	return filepath.Dir(program), err
}

// give lets the user postgres have the folder: PostgreSQL does not run as root.
func (c *Cluster) give() error {
	if os.Getuid() != 0 {
		return nil
	}
	uid, gid, err := postgresUser()
	if err != nil {
		return err
	}
	return os.Chown(c.folder, uid, gid)
}

func postgresUser() (uid, gid int, err error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, 0, err
	}
	uid, wrong := strconv.Atoi(u.Uid)
	gid, failed := strconv.Atoi(u.Gid)
	return uid, gid, errors.Join(wrong, failed)
}

func (c *Cluster) command(program string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.folder, &c.log, &c.log
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	return cmd, asPostgres(cmd)
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

func (c *Cluster) init() error {
	cmd, err := c.command("initdb", "-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	return cmd.Run()
}

// Server is the server's command, for who starts it without Start.
func (c *Cluster) Server() (*exec.Cmd, error) {
	args := []string{"-D", c.data(), "-k", c.folder, "-c", "listen_addresses=", "-c", "max_connections=200",
		"-c", "shared_buffers=64MB", "-c", "log_min_messages=warning", "-c", "log_min_error_statement=panic"}
	for _, s := range c.Settings {
		args = append(args, "-c", s)
	}
	return c.command("postgres", args...)
}

// Start starts the server again after Kill.
func (c *Cluster) Start() error {
	server, err := c.Server()
	if err != nil {
		return err
	}
	if err := startWithUs(server); err != nil {
		return err
	}
	c.server = server
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err = c.do("postgres", "select 1"); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// Kill ends the server without letting it finish anything.
func (c *Cluster) Kill() {
	if c.server == nil {
		return
	}
	quit(c.server)
	c.server.Wait()
	c.server = nil
}

// Remove ends the server, if Start started it, and takes all of it away.
func (c *Cluster) Remove() { c.remove() }

func (c *Cluster) remove() {
	c.Kill()
	os.RemoveAll(c.folder)
}

// Skip says in the list of skips what is missing, and fails in CI, where nothing may be.
func Skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s: in CI nothing may be skipped", why)
	}
	if list := os.Getenv("SEALPOST_SKIPS"); list != "" {
		if f, err := os.OpenFile(list, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			fmt.Fprintf(f, "%s: %s\n", t.Name(), why)
			f.Close()
		}
	}
	t.Skip(why)
}
