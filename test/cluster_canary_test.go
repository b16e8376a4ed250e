package test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	natsgo "github.com/nats-io/nats.go"

	"sealpost/cmd/sealpost/prove"
	"sealpost/storage/nats/natstest"
	"sealpost/storage/postgres/pgtest"
	"sealpost/storage/s3/s3test"
)

// control is a word that stands in the clear, on purpose, wherever the canaries must not: so
// each search is seen to find.
const control = "Thylacine0Control"

// watchedCluster is two nodes of one domain over engines that write down all they are told.
type watchedCluster struct {
	pg       *pgtest.Cluster
	buckets  string // folder of the S3 server
	requests string // folder of all that was asked of it, bodies too
	client   *minio.Client
	url      string
	bus      *natsgo.Conn
	far      *sink
	nodes    []*house
	out      string // folder of what nodes say
}

// loud are the settings by which PostgreSQL keeps whatever it hears.
var loud = []string{"logging_collector=on", "log_directory=../log", "log_min_messages=debug1", "log_statement=all", "log_parameter_max_length=-1", "log_parameter_max_length_on_error=-1",
	"log_min_error_statement=error", "log_error_verbosity=verbose", "log_temp_files=0", "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all", "pg_stat_statements.save=on",
	"track_activity_query_size=1MB"}

func newWatchedCluster(t *testing.T) *watchedCluster {
	t.Helper()
	x := &watchedCluster{pg: pgtest.StartWith(t, loud...), requests: t.TempDir(), out: t.TempDir()}
	x.exec(t, "postgres", "create database sealpost")
	x.exec(t, "sealpost", "create extension pg_stat_statements")
	x.openBuckets(t)
	at := x.openBus(t)
	c := newCountry(t, "a.test", inDomain+".test", "nobody.test")
	x.far = c.houses[1].sink(t, func(s *sink) { s.quote = inReply })
	first := c.houses[0]
	x.settle(t, first, "a", "")
	first.open(t, inAddress)
	first.sealpost(t, "account", "set", first.person.Address, "--headers=minimal")
	second := &house{domain: first.domain, ip: "127.0.0.4", dir: filepath.Join(t.TempDir(), "b"), country: c, person: first.person}
	if err := os.CopyFS(second.file("dkim"), os.DirFS(first.file("dkim"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tls.pem", "tls.key", "node.key"} {
		text, err := os.ReadFile(first.file(name))
		if err != nil {
			t.Fatal(err)
		}
		second.write(t, name, text)
	}
	x.settle(t, second, "b", fmt.Sprintf("nats = [%q]\n", at))
	second.configure(t)
	second.serve(t)
	x.nodes = []*house{first, second}
	return x
}

// openBus starts a server of NATS and keeps all that comes over it. One node tells others by it,
// the other one by the database, where it is a statement like all.
func (x *watchedCluster) openBus(t *testing.T) (at string) {
	t.Helper()
	server := natstest.Start(t, nil)
	kept, err := os.Create(filepath.Join(x.out, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	if x.bus, err = natsgo.Connect(server.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.bus.Close(); kept.Close() })
	_, err = x.bus.Subscribe(">", func(m *natsgo.Msg) { fmt.Fprintf(kept, "\n%s %v\n%s", m.Subject, m.Header, m.Data) })
	if err != nil {
		t.Fatal(err)
	}
	return server.URL()
}

// settle gives a node its settings of the cluster, and more of that table.
func (x *watchedCluster) settle(t *testing.T, h *house, name, more string) {
	t.Helper()
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	h.bin = bin
	h.edits = []string{"[http]", "[http]\nnames = [\"localhost\"]"}
	h.write(t, "s3.key", []byte(s3test.AccessKey+"\n"+s3test.SecretKey+"\n"))
	metrics := fmt.Sprintf("127.0.0.1:%d", freeOn(t, "127.0.0.1"))
	h.settings = fmt.Sprintf("[log]\nlevel = \"debug\"\n[metrics]\nlisten = [%[1]q]\n[cluster]\ndatabase = %[2]q\nnode = %[3]q\ndrain = \"0s\"\n%[6]s[s3.rule.default]\ncopies = 2\nenough = 2\n[s3.rule.%[4]s]\ncopies = 2\nenough = 2\nfor = [\"%[5]s@a.test\"]\n",
		metrics, x.pg.URL("sealpost"), name, inPlacement, inAddress, more)
	for _, bucket := range []string{"east", "west"} {
		h.settings += fmt.Sprintf("[s3.endpoint.%s]\nurl = %q\nbucket = %q\nkey_file = \"s3.key\"\npath_style = true\n", bucket, x.url, bucket)
	}
	tmp := filepath.Join(h.dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	h.env = []string{"TMPDIR=" + tmp, "METRICS=" + metrics}
}

// openBuckets starts the S3 server behind a door that keeps all requests.
func (x *watchedCluster) openBuckets(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "s3-") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	gateway, err := s3test.Start("..", dir)
	if err != nil {
		skip(t, err.Error())
	}
	t.Cleanup(gateway.Stop)
	x.buckets = gateway.Root
	kept, err := os.Create(filepath.Join(x.requests, "requests"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	var mu sync.Mutex
	through := gateway.Proxy(func(err error) { t.Logf("gateway: %v", err) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		fmt.Fprintf(kept, "\n%s %s %v\n", r.Method, r.URL, r.Header)
		kept.Write(body)
		mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	x.url = server.URL
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	x.client, err = minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	for _, bucket := range []string{"east", "west"} {
		err = errors.Join(err, x.client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// exec runs statements in a database, and gives what they return as text.
func (x *watchedCluster) exec(t *testing.T, database, sql string) (said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, x.pg.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		for _, row := range r.Rows {
			said += string(bytes.Join(row, []byte(" "))) + "\n"
		}
	}
	return said
}

// plant puts the control word wherever a canary could be, in the clear.
func (x *watchedCluster) plant(t *testing.T) {
	t.Helper()
	x.exec(t, "sealpost", fmt.Sprintf(`create table if not exists control (word text); insert into control values ('%[1]s'); select 1 as "%[1]s"`, control))
	ctx, text := t.Context(), []byte("there is "+control)
	_, err := x.client.PutObject(ctx, "east", "control", bytes.NewReader(text), int64(len(text)), minio.PutObjectOptions{UserMetadata: map[string]string{"Word": control}})
	core := minio.Core{Client: x.client}
	begun, failed := core.NewMultipartUpload(ctx, "west", "unfinished", minio.PutObjectOptions{})
	if failed == nil {
		_, failed = core.PutObjectPart(ctx, "west", "unfinished", begun, 1, bytes.NewReader(text), int64(len(text)), minio.PutObjectPartOptions{})
	}
	for _, h := range x.nodes {
		err = errors.Join(err, os.WriteFile(h.file("data/control"), text, 0o600))
	}
	if err := errors.Join(err, failed, x.bus.Publish("control", text), x.bus.Flush()); err != nil {
		t.Fatal(err)
	}
}

// look looks for the words wherever anybody but the nodes' memory has anything of them, and for
// the control word, which is everywhere.
func (x *watchedCluster) look(t *testing.T, when string, words []string) {
	t.Helper()
	x.plant(t)
	folder := x.pg.Folder()
	for _, made := range []string{"dump", "backup"} {
		if err := os.RemoveAll(filepath.Join(folder, made)); err != nil {
			t.Fatal(err)
		}
	}
	x.exec(t, "sealpost", "checkpoint")
	if err := errors.Join(x.pg.Run("pg_dumpall", "-f", filepath.Join(folder, "dump")),
		x.pg.Run("pg_basebackup", "-D", filepath.Join(folder, "backup"), "-X", "stream", "-c", "fast")); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{
		"database": filepath.Join(folder, "data"), "statements that were logged": filepath.Join(folder, "log"), "dump": filepath.Join(folder, "dump"),
		"backup": filepath.Join(folder, "backup"), "statistics": x.say(t, "statistics", x.exec(t, "sealpost", "select query from pg_stat_statements")),
		"objects": x.buckets, "requests": x.requests, "bus": filepath.Join(x.out, "bus"),
	}
	for _, h := range x.nodes {
		name := "node " + h.ip
		places[name+"'s folder"], places[name+"'s temporary files"] = h.file("data"), x.say(t, name+".tmp", control, h.file("tmp"))
		said := h.log.String()
		if !strings.Contains(said, "level=DEBUG") || !strings.Contains(said, "mail stored") {
			t.Errorf("%s: %s logs nothing: this test looks in the wrong place", when, name)
		}
		places[name+"'s log"] = x.say(t, name+".log", said+"\n"+control)
		places[name+"'s metrics"] = x.say(t, name+".metrics", h.metrics(t)+"\n"+control)
	}
	words = append(words, x.keys(t)...)
	if heard, err := os.ReadFile(places["bus"]); err != nil || bytes.Count(heard, []byte("sealpost.")) < 3 {
		t.Errorf("%s: little came over the bus, %v: this test looks in the wrong place", when, err)
	}
	for name, place := range places {
		some := words
		if !slices.Contains([]string{"database", "statements that were logged", "dump", "backup"}, name) {
			some = append(some, inAddress, inPlacement) // which are the database's own to know
		}
		x.search(t, when+", in "+name, place, some)
	}
}

// keys are the secrets of nodes and of who signs in.
func (x *watchedCluster) keys(t *testing.T) []string {
	t.Helper()
	h := x.nodes[0]
	text, err := os.ReadFile(h.file("node.key"))
	if err != nil {
		t.Fatal(err)
	}
	node, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(node) != 32 {
		t.Fatalf("the node key has %d octets, %v", len(node), err)
	}
	all := []string{s3test.SecretKey, h.person.Password, string(node)}
	for name, private := range map[string]func(n int) int{ // where in PKCS #8 octets are that no public key has
		"tls.key":             func(int) int { return 40 },
		"dkim/a.test/s1e.pem": func(int) int { return 20 },
		"dkim/a.test/s1r.pem": func(n int) int { return n - 200 },
	} {
		text, err := os.ReadFile(h.file(name))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		if block == nil {
			t.Fatalf("%s is no PEM", name)
		}
		at := private(len(block.Bytes))
		all = append(all, string(block.Bytes[at:at+24]))
	}
	return all
}

// say keeps what was said in a file, with a folder's files beside it if there is one.
func (x *watchedCluster) say(t *testing.T, name, text string, beside ...string) string {
	t.Helper()
	dir := filepath.Join(x.out, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "said"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range beside {
		if err := os.RemoveAll(filepath.Join(dir, "beside")); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(dir, "beside"), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// search looks through one place, for a part of the words at a time, and then for the control.
func (x *watchedCluster) search(t *testing.T, where, place string, words []string) {
	t.Helper()
	scan := func(words ...string) prove.Report {
		report, err := prove.Scan(timeout(t, 5*time.Minute), []string{place}, words)
		if err != nil || len(report.Unread) > 0 {
			t.Fatal(err, report.Unread)
		}
		return report
	}
	for some := range slices.Chunk(words, 16) {
		for _, hit := range scan(some...).Hits {
			t.Errorf("F01: %s: %s", where, hit)
		}
	}
	if r := scan(control); len(r.Hits) == 0 {
		t.Errorf("%s: the control word is not found among %d octets: this search shows nothing", where, r.Bytes)
	}
}

// metrics is what a node tells of itself in numbers.
func (h *house) metrics(t *testing.T) string {
	t.Helper()
	for _, e := range h.env {
		if at, ok := strings.CutPrefix(e, "METRICS="); ok {
			resp, err := http.Get("http://" + at + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil || !bytes.Contains(text, []byte("sealpost_")) {
				t.Fatalf("metrics: %v\n%s", err, text)
			}
			return string(text)
		}
	}
	t.Fatal("the node has no metrics")
	return ""
}
