package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"sealpost/account"
	"sealpost/config"
	"sealpost/storage/postgres/pgtest"
	"sealpost/storage/s3/s3test"
	"sealpost/test/remotes"
)

// shared is what the nodes of a test have in common.
type shared struct {
	database *pgtest.Database
	endpoint string // of the buckets east and west
	client   *minio.Client
}

func newShared(t testing.TB) *shared {
	t.Helper()
	x := &shared{database: pgtest.Take(t)}
	buckets := remotes.NewBuckets(t, "../..")
	x.endpoint, x.client = buckets.URL, buckets.Client
	for _, bucket := range []string{"east", "west"} {
		if err := x.client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// newNode is a site whose rows and letters are the others' too. All have one node key.
func (x *shared) newNode(t testing.TB, first *site) *site {
	t.Helper()
	s := newSite(t)
	s.write(t, "s3.key", []byte(s3test.AccessKey+"\n"+s3test.SecretKey+"\n"))
	text := string(read(t, s.config)) + fmt.Sprintf("[cluster]\ndatabase = %q\ndrain = \"0s\"\n[s3.rule.default]\ncopies = 2\nenough = 2\n", x.database.URL)
	for _, name := range []string{"east", "west"} {
		text += fmt.Sprintf("[s3.endpoint.%s]\nurl = %q\nbucket = %q\nkey_file = \"s3.key\"\npath_style = true\n", name, x.endpoint, name)
	}
	s.write(t, "sealpost.toml", []byte(text))
	if first != nil {
		s.write(t, "node.key", read(t, filepath.Join(first.dir, "node.key")))
	}
	var err error
	if s.settings, err = config.Load(s.config); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTwoNodes: what one node takes the other serves, and a command at either sees all.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	east := x.newNode(t, nil)
	config := "--config=" + east.config
	secret, public := east.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	west := x.newNode(t, east)
	a, b := east.serve(t), west.serve(t)
	password := strings.TrimSpace(must(t, "password", "add", "ann@demo.test", "--name=test", "--config="+west.config))
	for i, up := range []*server{a, b, a} {
		send(t, up, "ann@demo.test", fmt.Sprintf("From: sender@example.org\r\nSubject: canary %d\r\n\r\nIn the cage.\r\n", i+1))
	}
	for i, at := range []struct {
		*site
		*server
	}{{west, b}, {east, a}, {west, b}} {
		got := fetch(t, at.imapsDoors[0].Addr().String(), filepath.Join(at.dir, "ca.pem"), "ann@demo.test", password, 1)
		if opened := do(t, string(got), "open", "--key", secret); !strings.Contains(opened.out, "Subject: canary 1") {
			t.Errorf("%d: %+v", i, opened)
		}
	}
	must(t, "password", "remove", "ann@demo.test", "--name", "test", config)
	if got := must(t, "password", "list", "ann@demo.test", "--config="+west.config); strings.Contains(got, "test") {
		t.Errorf("the other node still has a password:\n%s", got)
	}
	must(t, "account", "remove", "ann@demo.test", "--yes", config)
	if got := must(t, "account", "list", "--config="+west.config); strings.Contains(got, "ann@") {
		t.Errorf("the other node still has an account:\n%s", got)
	}
}

// TestNodesHealAccounts: who keeps house finishes what a killed command began.
func TestNodesHealAccounts(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	s := x.newNode(t, nil)
	_, public := s.keys(t, "ann@demo.test")
	var ann account.Account
	s.offline(t, func(o *office) { ann = join(t, o, "ann@demo.test", read(t, public), 7<<20) })
	up := s.serve(t)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		boxes, err := up.store.Index.Mailboxes(t.Context(), owner(ann))
		if err == nil && len(boxes) == 6 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d mailboxes, %v", len(boxes), err)
		}
	}
	send(t, up, "ann@demo.test", "Subject: hello\r\n\r\nhello\r\n")
}

// TestNodesThatMustNotStart: each says what to do.
func TestNodesThatMustNotStart(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	first := x.newNode(t, nil)
	must(t, "account", "list", "--config="+first.config)

	other := x.newNode(t, nil)
	fails(t, exitFailed, []string{"another node key", "copy its file to " + filepath.Join(other.dir, "node.key")}, "account", "list", "--config="+other.config)
	if _, err := os.Stat(filepath.Join(other.dir, "node.key")); !os.IsNotExist(err) {
		t.Errorf("a key that is nobody's stays: %v", err)
	}

	lone := newSite(t)
	must(t, "account", "list", "--config="+lone.config)
	_, public := lone.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, "--config="+lone.config)
	whole := string(read(t, lone.config))
	clustered := strings.ReplaceAll(string(read(t, first.config)), `"s3.key"`, fmt.Sprintf("%q", filepath.Join(first.dir, "s3.key")))
	lone.write(t, "sealpost.toml", []byte(clustered))
	fails(t, exitFailed, []string{"holds the mail of a server", "sealpost migrate"}, "account", "list", "--config="+lone.config)
	lone.write(t, "sealpost.toml", []byte(whole))
	must(t, "account", "list", "--config="+lone.config)

	first.write(t, "sealpost.toml", []byte(whole))
	fails(t, exitFailed, []string{"cluster.database is not set"}, "account", "list", "--config="+first.config)

	first.write(t, "sealpost.toml", []byte(strings.Replace(clustered, "[queue]", "[queue]\nmode = \"strict\"", 1)))
	fails(t, exitFailed, []string{"queue.mode: strict"}, "account", "list", "--config="+first.config)
}

// TestDatabaseAway: a command says so and ends, and no name of what is in there.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	s := x.newNode(t, nil)
	x.database.URL = "host=" + t.TempDir() + " dbname=nowhere connect_timeout=2"
	s = x.newNode(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := openOffice(ctx, s.settings, newLog(s.settings.Log, os.Stderr)); err == nil || !strings.Contains(err.Error(), "open database") {
		t.Errorf("without its database: %v", err)
	}
}
