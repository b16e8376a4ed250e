package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"sealpost/storage/postgres/pgtest"
	"sealpost/storage/s3/s3test"
)

// options are what differs between clusters.
type options struct {
	repo   string // root of the project, of which all is built
	base   int    // the ports of node 1 begin there, those of each other one 1000 later
	enough int    // with how many of two copies a mail is accepted
	step   func(what string) (done func())

	standby bool // PostgreSQL has a synchronous one
}

// A cluster is three nodes and what they share, in one folder.
type cluster struct {
	options
	dir      string
	rows     *pgtest.Cluster
	postgres *process
	second   *process // the standby, or nil
	nats     *process
	buckets  []*process // east and west, two providers
	nodes    []*node
	people   []person
}

// node is one `sealpost serve`.
type node struct {
	*process
	number int
	base   int
	config string // file
}

// person is one account, as demo.json gives it.
type person struct {
	Address    string `json:"address"`
	Password   string `json:"password"`
	SecretKey  string `json:"secret_key"`
	Passphrase string `json:"passphrase"`
	Kit        string `json:"kit"`
}

// doors are the ports of a node, from its base; the last is for its numbers and its health.
var doors = []int{25, 143, 443, 465, 587, 993, 910}

// providers are the two that have the buckets.
var providers = []string{"east", "west"}

// Ports of what nodes share, from the base of node 1.
const (
	natsPort   = 422
	bucketPort = 901
)

func (c *cluster) at(port int) string { return local(c.base + port) }

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (n *node) at(port int) string { return local(n.base + port) }

// open starts all of it. What it started and made goes with close, also after an error.
func open(ctx context.Context, o options) (c *cluster, err error) {
	c = &cluster{options: o}
	if c.dir, err = os.MkdirTemp("", "sealpost-cluster-"); err != nil { // short: sockets are in there
		return c, err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"build sealpost and the servers of S3 and NATS", c.build},
		{"start PostgreSQL", c.startPostgres},
		{"start S3, two providers", c.startBuckets},
		{"start NATS", c.startNATS},
		{"make the accounts alice and bob", c.settle},
		{"start three nodes", c.startNodes},
	} {
		done := o.step(step.what)
		if err := step.do(ctx); err != nil {
			return c, fmt.Errorf("%s: %w", step.what, err)
		}
		done()
	}
	return c, nil
}

// all are the processes, in the order of their start.
func (c *cluster) all() (all []*process) {
	all = append(all, c.postgres, c.nats)
	all = append(all, c.buckets...)
	for _, n := range c.nodes {
		all = append(all, n.process)
	}
	return all
}

// close ends everything, nodes first, and leaves nothing behind.
func (c *cluster) close() error {
	var nodes sync.WaitGroup
	for _, n := range c.nodes {
		nodes.Go(func() { n.stop(10 * time.Second) })
	}
	nodes.Wait()
	for _, p := range append([]*process{c.nats, c.second, c.postgres}, c.buckets...) {
		if p != nil {
			p.stop(10 * time.Second)
		}
	}
	if c.rows != nil {
		c.rows.Remove()
	}
	if c.dir == "" {
		return nil
	}
	return os.RemoveAll(c.dir)
}

// build makes the three programs, each of the modules that pin it.
func (c *cluster) build(ctx context.Context) error {
	own := []string{"build", "-o", c.program("sealpost")}
	if overlay := os.Getenv("SEALPOST_OVERLAY"); overlay != "" {
		own = append(own, "-overlay", overlay)
	}
	var all sync.WaitGroup
	errs := make([]error, 3)
	for i, b := range []struct {
		in   string
		args []string
	}{
		{".", append(own, "./cmd/sealpost")},
		{".", []string{"build", "-modfile=test/versitygw/gateway.mod", "-o", c.program("versitygw"), "./test/versitygw/main.go"}},
		{"test/natsserver", []string{"build", "-o", c.program("nats-server"), "github.com/nats-io/nats-server/v2"}},
	} {
		all.Go(func() {
			cmd := exec.CommandContext(ctx, "go", b.args...)
			cmd.Dir = filepath.Join(c.repo, b.in)
			if text, err := cmd.CombinedOutput(); err != nil {
				errs[i] = fmt.Errorf("go %s: %w\n%s", strings.Join(b.args, " "), err, text)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c *cluster) program(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) process(name string, goodbye syscall.Signal, answers func(context.Context) error, command func() (*exec.Cmd, error)) *process {
	return &process{name: name, folder: c.dir, command: command, answers: answers, goodbye: goodbye}
}

func running(args ...string) func() (*exec.Cmd, error) {
	return func() (*exec.Cmd, error) { return exec.Command(args[0], args[1:]...), nil }
}

// listening answers for a program that has nothing to say at first.
func listening(at string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", at)
		if err == nil {
			conn.Close()
		}
		return err
	}
}

// startPostgres starts it on a socket that nobody but this user and its own can open.
func (c *cluster) startPostgres(ctx context.Context) (err error) {
	if c.rows, err = pgtest.New(); err != nil {
		return err
	}
	c.postgres = c.process("postgres", syscall.SIGQUIT, func(ctx context.Context) error { return c.rows.Do(ctx, "postgres", "select 1") }, c.rows.Server)
	if err := c.postgres.start(ctx); err != nil {
		return err
	}
	if err := c.rows.Do(ctx, "postgres", "create database sealpost"); err != nil || !c.standby {
		return err
	}
	return c.startStandby(ctx)
}

func (c *cluster) database() string {
	if c.standby {
		return fmt.Sprintf("host=%s,%s user=postgres dbname=sealpost target_session_attrs=read-write connect_timeout=5", c.rows.Folder(), c.standbyFolder())
	}
	return c.rows.URL("sealpost")
}

func (c *cluster) bucketAt(i int) string { return c.at(bucketPort + i) }

func (c *cluster) startBuckets(ctx context.Context) error {
	if err := os.WriteFile(c.keyFile(), []byte(s3test.AccessKey+"\n"+s3test.SecretKey+"\n"), 0o600); err != nil {
		return err
	}
	for i, name := range providers {
		root, beside := filepath.Join(c.dir, "s3-"+name), filepath.Join(c.dir, "beside-"+name)
		if err := errors.Join(os.Mkdir(root, 0o700), os.Mkdir(beside, 0o700)); err != nil {
			return err
		}
		at := c.bucketAt(i)
		p := c.process(name, syscall.SIGTERM, listening(at), running(c.program("versitygw"), root, beside, at))
		c.buckets = append(c.buckets, p)
		if err := p.start(ctx); err != nil {
			return err
		}
		client, err := minio.New(at, &minio.Options{Creds: credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""), BucketLookup: minio.BucketLookupPath})
		if err != nil {
			return err
		}
		if err := client.MakeBucket(ctx, name, minio.MakeBucketOptions{}); err != nil {
			return fmt.Errorf("make bucket %s: %w", name, err)
		}
	}
	return nil
}

func (c *cluster) keyFile() string { return filepath.Join(c.dir, "s3.key") }

func (c *cluster) startNATS(ctx context.Context) error {
	at := c.at(natsPort)
	host, port, _ := net.SplitHostPort(at)
	c.nats = c.process("nats", syscall.SIGTERM, listening(at), running(c.program("nats-server"), "--addr", host, "--port", port))
	return c.nats.start(ctx)
}

// settings are what makes the demo's server a node.
func (c *cluster) settings() []string {
	set := []string{
		fmt.Sprintf("cluster.database=%q", c.database()), `cluster.node="node1"`, `cluster.drain="0s"`,
		fmt.Sprintf("cluster.nats=[%q]", "nats://"+c.at(natsPort)),
		fmt.Sprintf("metrics.listen=[%q]", c.at(910)),
		fmt.Sprintf("s3.rule.default={ copies = 2, enough = %d }", c.enough),
	}
	for i, name := range providers {
		set = append(set, fmt.Sprintf("s3.endpoint.%s={ url = %q, bucket = %q, key_file = %q, path_style = true }", name, "http://"+c.bucketAt(i), name, c.keyFile()))
	}
	return set
}

// settle has `sealpost demo` make certificates, accounts, keys and sign-ins, as node 1; that
// node's folder is what the others are made of.
func (c *cluster) settle(ctx context.Context) error {
	args := []string{c.program("sealpost"), "demo", "--dir", c.dir, "--port-base", fmt.Sprint(c.base)}
	for _, s := range c.settings() {
		args = append(args, "--set", s)
	}
	facts := filepath.Join(c.dir, "demo.json")
	demo := c.process("accounts", syscall.SIGTERM, func(context.Context) error {
		text, err := os.ReadFile(facts)
		if err != nil {
			return err
		}
		told := struct{ Accounts *[]person }{&c.people}
		return json.Unmarshal(text, &told)
	}, running(args...))
	err := demo.start(ctx)
	demo.stop(15 * time.Second)
	if err != nil {
		return err
	}
	first := filepath.Join(c.dir, "node1")
	if err := errors.Join(os.Remove(facts), os.Rename(filepath.Join(c.dir, "server"), first)); err != nil {
		return err
	}
	for i := range 3 {
		n := &node{number: i + 1, base: c.base + 1000*i}
		folder := filepath.Join(c.dir, fmt.Sprintf("node%d", n.number))
		n.config = filepath.Join(folder, "sealpost.toml")
		n.process = c.process(fmt.Sprintf("node%d", n.number), syscall.SIGTERM, n.healthy, running(c.program("sealpost"), "serve", "--config", n.config))
		c.nodes = append(c.nodes, n)
		if i > 0 {
			if err := c.copyNode(first, folder, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyNode makes a node's folder of the first one's: what all have, and no data.
func (c *cluster) copyNode(first, folder string, n *node) error {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"tls.pem", "tls.key", "node.key", "sealpost.toml"} {
		text, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			return err
		}
		if name == "sealpost.toml" {
			text = []byte(n.itsOwn(string(text), c.base))
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(first, "dkim")); err != nil {
		return nil
	}
	return os.CopyFS(filepath.Join(folder, "dkim"), os.DirFS(filepath.Join(first, "dkim")))
}

// itsOwn is the first node's configuration with a node's own name and ports.
func (n *node) itsOwn(text string, base int) string {
	change := []string{`"node1"`, fmt.Sprintf("%q", n.name)}
	for _, d := range doors {
		change = append(change, fmt.Sprintf("%q", local(base+d)), fmt.Sprintf("%q", n.at(d)))
	}
	return strings.NewReplacer(change...).Replace(text)
}

// healthy asks a node whether it can serve.
func (n *node) healthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, "GET", "http://"+n.at(910)+"/healthz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	return nil
}

func (c *cluster) startNodes(ctx context.Context) error {
	errs := make([]error, len(c.nodes))
	var all sync.WaitGroup
	for i, n := range c.nodes {
		all.Go(func() { errs[i] = n.start(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}
