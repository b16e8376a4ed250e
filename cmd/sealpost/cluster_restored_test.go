package main

import (
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

// TestClusterRestored: after it a mail has a UID far from the last, and what waited to leave waits
// for a word, unless it is to go.
func TestClusterRestored(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	s := x.newNode(t, nil)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	s.offline(t, func(o *office) {
		waiting(t, o, false, "bob@far.example")
		waiting(t, o, true, "eve@far.example")
	})
	if out := must(t, "cluster", "restored", "--send", config); strings.Contains(out, "held") {
		t.Errorf("with --send: %s", out)
	}
	if list := must(t, "queue", "list", config); strings.Count(list, " held ") != 1 {
		t.Errorf("with --send the queue is\n%s", list)
	}
	if out := must(t, "cluster", "restored", config); !strings.Contains(out, "left out.\n1 mail is held, which may have left") {
		t.Errorf("it says %q", out)
	}
	if list := must(t, "queue", "list", config); strings.Count(list, " held ") != 2 {
		t.Errorf("the queue is\n%s", list)
	}
	s.offline(t, func(o *office) {
		all, err := o.book.Accounts(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%d accounts, %v", len(all), err)
		}
		boxes, err := o.index.Mailboxes(t.Context(), owner(all[0]))
		if err != nil || len(boxes) == 0 || boxes[0].UIDNext < 1<<20 {
			t.Errorf("mailboxes %+v, %v", boxes, err)
		}
	})
	fails(t, exitFailed, []string{"base backups and WAL", "docs/cluster-backup.md"}, "backup", t.TempDir(), config)
	lone := newSite(t)
	fails(t, exitFailed, []string{"cluster.database is not set", "sealpost restore"}, "cluster", "restored", "--config="+lone.config)
}

// TestVerifyCluster: one copy of each letter is enough, and none is wrong.
func TestVerifyCluster(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	s := x.newNode(t, nil)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	up := s.serve(t)
	for range 3 {
		send(t, up, "ann@demo.test", "From: sender@example.org\r\nSubject: canary\r\n\r\nIn the cage.\r\n")
	}
	for _, bucket := range []string{"", "east"} {
		empty(t, x.client, bucket)
		if out := must(t, "verify", config); !strings.Contains(out, "1 account, 3 messages") || !strings.Contains(out, "All is well") {
			t.Errorf("without %q verify says\n%s", bucket, out)
		}
	}
	empty(t, x.client, "west")
	fails(t, exitFailed, []string{"things wrong"}, "verify", config)
}

// empty removes all objects of a bucket, as a provider that lost them.
func empty(t *testing.T, client *minio.Client, bucket string) {
	t.Helper()
	if bucket == "" {
		return
	}
	for o := range client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true}) {
		if err := client.RemoveObject(t.Context(), bucket, o.Key, minio.RemoveObjectOptions{}); err != nil || o.Err != nil {
			t.Fatal(o.Err, err)
		}
	}
}
