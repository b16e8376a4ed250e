package bolt

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/pgp/discover"
	"sealpost/smtp/outbound/route"
)

// sealedVectors were written by an earlier release: where rows lie and what they are sealed for may
// not change (docs/formats.md). The node key is 0123456789abcdef0123456789ABCDEF.
var sealedVectors = map[table]struct{ key, octets string }{
	tableValues: {"f8f5d56c59798abe48c8c31feef49227", "Add9cZF9LPPFfzRd3+xIoltGnZxXK6aI0rBcrh5qjIB6MzKQqVI="},
	tablePapers: {
		"3146f0804b658a22fa32b1849651f8063b460c60bbb4dab8c314735a2533aa62bc12c6b74928924024a45d3447fa33fe",
		"AXppW+V0/l4AKas1vRgxSfSrORHzovaAXQoeTE8p40hUS3ECOkE=",
	},
	tablePeers: {
		"3e4651179495d56effcf3a3ad65a8c573dced6bd1c8656af42050dfb7ea5b9e0",
		"AdYjlfK3w7n9Z4CxlqEzZ6vyxXYR26aRGBP1Wwj8nonCBGuyzEC4fR2JQvs6hZJqv8AANrQ89ODstZOloGvvsYsYM+YF07Z0n41XrOXQLSwAOjdjkxNpKoDGZog/NlgLEhWxRYeOb+yzRs50TUvMXc/GXCQHNKfDAONGGDs9dlPyFIwl1ADh3LUz1r0pD6Pg",
	},
	tablePolicies: {
		"9d2e30840be7985250ae79f88594172d",
		"AZJcl8CH7TZJ66DgboZzosdQ24yfnbEgnYKnIHDxq043xwiDsxUoCAz6wnL1sxRnlQYX1Q7MjfrKVS3ahRaMelXm0E2oVl1WryUQQORlrcB6RK6XfIsA2tgZHQuK/AJ+UI0T9AwIPkKxQjj0FSdj9FVrk8aAPWE1Nw+XuRRF0VeGLpaqsRsNjVg9YVe8KRpu7fQXK9R6mZ2WfRFpWN3TgPPIGTb21ob06JP9mhg=",
	},
}

func TestRowsOfAnEarlierRelease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789ABCDEF"))), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := nodekey.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	x := openKnownAt(t, filepath.Join(dir, "known.db"), key, Options{})
	p, err := OpenPapers(filepath.Join(dir, "papers.db"), key, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	for in, v := range sealedVectors {
		file := x
		if in == tablePapers {
			file = p.known
		}
		key, bad := hex.DecodeString(v.key)
		octets, wrong := base64.StdEncoding.DecodeString(v.octets)
		if bad != nil || wrong != nil {
			t.Fatal(bad, wrong)
		}
		row := sealRow(in, key, append(newRow(len(octets)), octets...))
		if err := file.write(t.Context(), in, func(p *put, b *bbolt.Bucket) { p.put(b, key, row) }); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	bob := discover.Peer{Address: mail.Address{Local: "Bob", Domain: "Example.org"}, Source: discover.WKD, Cert: []byte{1}, Pinned: at}
	if got, err := x.Peers().Peer(t.Context(), "alice", bob.Address); err != nil || !reflect.DeepEqual(got, bob) {
		t.Errorf("peer: %+v, %v", got, err)
	}
	if all, err := x.Peers().Peers(t.Context(), "alice"); err != nil || len(all) != 1 {
		t.Errorf("%d peers, %v", len(all), err)
	}
	policy := route.Policy{Domain: "example.org", ID: "7", Mode: "enforce", MX: []string{"mx.example.org"}, Fetched: at, Expires: at}
	if got, err := x.Policies().Policy(t.Context(), "example.org"); err != nil || !reflect.DeepEqual(got, policy) {
		t.Errorf("policy: %+v, %v", got, err)
	}
	if got, err := x.Values().Get(t.Context(), "reports"); err != nil || string(got) != "value" {
		t.Errorf("value: %q, %v", got, err)
	}
	if got, err := p.Drawer("rules").Get(t.Context(), "alice", "first"); err != nil || string(got) != "paper" {
		t.Errorf("paper: %q, %v", got, err)
	}
	if all, err := p.Drawer("rules").All(t.Context(), "alice"); err != nil || len(all) != 1 {
		t.Errorf("%d papers, %v", len(all), err)
	}
}
