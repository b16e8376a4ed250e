package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const least = "hostname = \"mail.example.org\"\ndomains = [\"example.org\"]\n"

func TestSampleIsTheDefaults(t *testing.T) {
	t.Parallel()
	got, err := Parse("sample.toml", Sample())
	if err != nil {
		t.Fatalf("the sample is refused:\n%v\n%s", err, Sample())
	}
	want := Default()
	want.Hostname, want.Domains = "mail.example.org", []string{"example.org"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the sample is not the defaults:\n got %+v\nwant %+v", got, want)
	}
	short, err := Parse("short.toml", least)
	if err != nil || !reflect.DeepEqual(short, want) {
		t.Errorf("a file that sets only what it must: %+v, %v", short, err)
	}
}

// Every setting must reach the Config: a table whose entries point at the same
// field twice, or at none, is a bug nobody sees.
func TestEverySettingCounts(t *testing.T) {
	t.Parallel()
	for _, s := range settings() {
		before, after := Default(), Default()
		changed := map[string]any{
			"log.level": "warn", "log.format": "json", "postmaster": "a@example.org", "files.report": "a@example.org", "files.link_life": "2h", "files.longest_link": "2h",
			"listen.proxy_protocol_from": []any{"10.0.0.0/8"},
			"hostname":                   "other.example.org", "domains": []any{"other.example.org"},
			"acme.email": "a@example.org", "acme.directory": "https://ca.example/dir",
			"screen.block_lists": []any{"dnsbl.example"}, "screen.allow_lists": []any{"dnswl.example"},
			"screen.trusted_sealers": []any{"lists.example"}, "screen.patience": "3s",
			"screen.rspamd": "http://127.0.0.1:11333", "screen.milter": "unix:/run/milter",
			"submission.listen_tls": []any{":1465"}, "submission.listen": []any{":1587"},
			"queue.mode": "strict", "outbound.smarthost": "relay.example:465", "outbound.smarthost_user": "me",
			"dns.servers": []any{"127.0.0.1:53"}, "http.listen_tls": []any{":8443"}, "http.listen": []any{":8080"}, "http.names": []any{"webmail.example.org"}, "accounts.locked": []any{"encrypt"}, "import.allow": []any{"10.0.0.5:993"},
			"mta_sts.mode": "testing", "mta_sts.max_age": "48h", "queue.age": "48h", "outbound.delay_notice": "1h5m",
			"smtp.listen": []any{":2525"}, "metrics.listen": []any{":9110"}, "imap.listen": []any{":143"}, "imap.listen_tls": []any{":9993"}, "imap.zone": "Europe/Helsinki",
			"cluster.database": "host=db dbname=sealpost", "cluster.node": "east", "cluster.roles": []any{"mx"}, "cluster.nats": []any{"nats://bus:4222"}, "cluster.drain": "55s",
			"s3.endpoint": map[string]any{"east": map[string]any{"url": "https://east.example", "bucket": "b", "key_file": "k"}}, "s3.rule": map[string]any{"eu": map[string]any{"copies": int64(2)}},
		}[s.key]
		if changed == nil {
			switch v := s.value.(type) {
			case word:
				changed = "/elsewhere"
			case count:
				changed = int64(7)
			case size:
				changed = "128KiB"
			case span:
				changed = "55m"
			case yes:
				changed = !*v(&before)
			}
		}
		if err := s.value.read(&after, changed); err != nil {
			t.Errorf("%s = %v: %v", s.key, changed, err)
		}
		if reflect.DeepEqual(before, after) {
			t.Errorf("%s changes nothing", s.key)
		}
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"10.0.0.5:993": true, "[fd00::5]:993": true, "10.0.0.5": false, ":993": false, "10.0.0.5:0": false, "10.0.0.5:70000": false,
		"imap.example.net:993": false, "10.0.0.0/8": false, "[::ffff:10.0.0.5]:993 ": false, "[FD00::5]:993": false, "": false,
	} {
		if got := endpoint(s) == ""; got != ok {
			t.Errorf("%q: taken: %v, want %v", s, got, ok)
		}
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"10.0.0.0/8": true, "192.0.2.7/32": true, "fd00::/64": true, "2001:db8::7/128": true,
		"10.0.0.4/8": false, "192.0.2.7": false, "0.0.0.0/0": false, "::/0": false, "::ffff:10.0.0.0/104": false, "10.0.0.0/33": false, "fe80::%eth0/64": false, "balancer": false, "": false,
	} {
		if got := network(s) == ""; got != ok {
			t.Errorf("%q: taken: %v, want %v", s, got, ok)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []string
	}{
		{"unknown", least + "\n[smtp]\nlisten = []\nrecipient = 5\n",
			[]string{"f.toml:6: smtp.recipient: no such setting; did you mean smtp.recipients?"}},
		{"unknown at the top", least + "hostnam = \"x.example\"\n",
			[]string{"f.toml:3: hostnam: no such setting; did you mean hostname?"}},
		{"in the wrong table", least + "message_size = 5\n",
			[]string{"f.toml:3: message_size: no such setting; did you mean smtp.message_size?"}},
		{"unknown table", least + "[smpt]\nlisten = []\n",
			[]string{"f.toml:3: smpt: no such setting; did you mean [smtp]?"}},
		{"like nothing", least + "wingspan = 3\n",
			[]string{"f.toml:3: wingspan: no such setting; `sealpost config` lists all"}},
		{"case matters", least + "Data = \"/x\"\n",
			[]string{"f.toml:3: Data: no such setting; did you mean data?"}},
		{"wrong type", "hostname = 5\ndomains = \"example.org\"\n",
			[]string{"f.toml:1: hostname: expected a string in quotes, got 5",
				"f.toml:2: domains: expected a list of strings, [\"…\", \"…\"], got \"example.org\""}},
		{"value for a table", least + "smtp = 25\n",
			[]string{"f.toml:3: smtp: expected a table, [smtp], got 25"}},
		{"array of tables", least + "[[smtp]]\n",
			[]string{"f.toml:3: smtp: expected a table, [smtp], got a table"}},
		{"out of range", least + "[smtp]\nrecipients = 0\nmessage_size = \"5TiB\"\nidle = \"1ms\"\n",
			[]string{"f.toml:4: smtp.recipients: expected a whole number from 1 to 10000, got 0",
				"f.toml:5: smtp.message_size: expected a size from \"64KiB\" to \"1GiB\", got \"5TiB\"",
				"f.toml:6: smtp.idle: expected a time from \"1s\" to \"1h\", got \"1ms\""}},
		{"time as a number", least + "[smtp]\nidle = 5\n",
			[]string{"f.toml:4: smtp.idle: expected a time from \"1s\" to \"1h\", got 5"}},
		{"bad address", least + "[imap]\nlisten_tls = [\":993\",\n  \"993\"]\n",
			[]string{"f.toml:4: imap.listen_tls: expected an address to listen on such as \":25\", \"192.0.2.1:25\" or \"[::1]:25\", got \"993\""}},
		{"balancers everywhere", least + "[listen]\nproxy_protocol_from = [\"0.0.0.0/0\"]\n",
			[]string{"f.toml:4: listen.proxy_protocol_from: expected a network of some addresses such as \"10.0.0.0/24\", \"192.0.2.7/32\" or \"fd00::/64\", got \"0.0.0.0/0\""}},
		{"no domains", "hostname = \"mail.example.org\"\ndomains = []\n",
			[]string{"f.toml:2: domains: expected at least 1 entry in the list"}},
		{"missing", "data = \"/x\"\n",
			[]string{"f.toml: hostname is missing; expected a line such as hostname = \"mail.example.org\"",
				"f.toml: domains is missing; expected a line such as domains = [\"example.org\"]"}},
		{"no TOML", least + "\n\ndata = /x\n", []string{"f.toml:5: "}},
		{"twice", least + "hostname = \"b.example\"\n", []string{"f.toml:3: "}},
		{"password in an address", least + "[cluster]\ndatabase = \"postgres://me:pass@db/mail\"\n",
			[]string{"f.toml:4: cluster.database: expected an address such as \"postgres://sealpost@host/sealpost\" without a password; its file is cluster.database_password_file"}},
		{"half a bucket", least + "[s3.endpoint.east]\nurl = \"https://s3.example\"\nbucket = \"b\"\n",
			[]string{"f.toml: s3.endpoint: east: expected key_file = a file with access key and secret key, a line each"}},
		{"unknown in a bucket", least + "[s3.endpoint.east]\nurls = \"https://s3.example\"\n",
			[]string{"f.toml: s3.endpoint: east: urls: no such setting; expected one of bucket, jurisdiction, key_file, path_style, provider, region, requests, url"}},
		{"more than there are", least + "[s3.rule.eu]\ncopies = 1\nenough = 2\n", []string{"f.toml: s3.rule: eu: expected enough of at most 1, as many as there are copies"}},
		{"for nobody", least + "[s3.rule.eu]\nfor = [\"@\"]\n", []string{"f.toml: s3.rule: eu: expected for = domains and addresses such as \"example.org\" and \"alice@example.org\""}},
		{"level", least + "[log]\nlevel = \"loud\"\n",
			[]string{"f.toml:4: log.level: expected one of debug, info, warn, error, got \"loud\""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("f.toml", tt.text)
			var got Mistakes
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want mistakes", err)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got:\n%v\nwant %d mistakes", err, len(tt.want))
			}
			for i, m := range got {
				if !strings.HasPrefix(m.Error(), tt.want[i]) {
					t.Errorf("got  %s\nwant %s", m, tt.want[i])
				}
			}
		})
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "1024": 1024, "50MiB": 50 << 20, "50 MiB": 50 << 20, "2GB": 2e9, "1.5KiB": 1536, "7b": 7, "1gib": 1 << 30,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "5 parsecs", "1e9", "NaN", "inf", "99999999TiB", "0x10", "1.2.3"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", text, got)
		}
	}
	for n, want := range map[int64]string{0: "0", 1: "1B", 1536: "1536B", 50 << 20: "50MiB", 2e9: "2GB", 1 << 30: "1GiB"} {
		if got := FormatSize(n); got != want {
			t.Errorf("FormatSize(%d) = %q, want %q", n, got, want)
		}
		if back, err := ParseSize(want); err != nil || back != n {
			t.Errorf("%q reads back as %d, %v", want, back, err)
		}
	}
}

func TestLoadResolvesPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "sealpost.toml")
	text := "data = \"data\"\n" + least + "[tls]\nkey = \"/abs/key\"\ncertificate = \"tls.pem\"\n[smtp]\nidle = \"90s\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		c.Data:            filepath.Join(dir, "data"),
		c.TLS.Certificate: filepath.Join(dir, "tls.pem"),
		c.TLS.Key:         "/abs/key",
		c.Spool.Folder:    filepath.Join(dir, "data", "tmp"),
	} {
		if got != want {
			t.Errorf("got path %q, want %q", got, want)
		}
	}
	if c.SMTP.Idle != 90*time.Second {
		t.Errorf("smtp.idle is %v", c.SMTP.Idle)
	}
	if _, err := Load(filepath.Join(dir, "none.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// The name of the server is kept as the DNS has it, however it is spelled: the field
// with our verdict has it so, and forged ones are known by that.
func TestHostnameIsAsInTheDNS(t *testing.T) {
	t.Parallel()
	for spelled, want := range map[string]string{
		"Mail.Example.ORG": "mail.example.org", "mail.bücher.example": "mail.xn--bcher-kva.example",
		"MAIL.BÜCHER.example": "mail.xn--bcher-kva.example", "r3---a.example": "r3---a.example",
	} {
		c, err := Parse("f.toml", strings.Replace(least, "mail.example.org", spelled, 1))
		if err != nil || c.Hostname != want {
			t.Errorf("%s is kept as %s, %v", spelled, c.Hostname, err)
		}
	}
	if _, err := Parse("f.toml", strings.Replace(least, "mail.example.org", "mail.\u0301a.example", 1)); err == nil {
		t.Error("takes a name that no DNS has")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Sample())
	f.Add(least)
	f.Add("[smtp]\nlisten = [[]]\n[smtp.listen]\nx.y.z = {a = 1}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		if _, err := Parse("f.toml", text); err != nil {
			var m Mistakes
			if !errors.As(err, &m) || len(m) == 0 {
				t.Errorf("an error that names no mistake: %v", err)
			}
		}
	})
}

// What a file says of buckets and rules is all of it taken, and told apart by Changed.
func TestTables(t *testing.T) {
	t.Parallel()
	text := least + `
[s3.endpoint.east]
url = "https://east.example"
bucket = "mail"
key_file = "east.key"
provider = "a company"
jurisdiction = "fi"
region = "eu-north-1"
path_style = true
requests = 8
[s3.rule.eu]
for = ["example.org", "alice@example.org"]
copies = 2
providers = ["a company"]
jurisdictions = ["fi"]
`
	c, err := Parse("f.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	want := S3{
		Endpoints: map[string]Endpoint{"east": {URL: "https://east.example", Bucket: "mail", Region: "eu-north-1", Provider: "a company", Jurisdiction: "fi", KeyFile: "east.key", PathStyle: true, Requests: 8}},
		Rules:     map[string]Rule{"eu": {For: []string{"example.org", "alice@example.org"}, Copies: 2, Providers: []string{"a company"}, Jurisdictions: []string{"fi"}}},
	}
	if !reflect.DeepEqual(c.S3, want) {
		t.Errorf("got %+v", c.S3)
	}
	if at := c.Resolved("/etc/sealpost").S3.Endpoints["east"].KeyFile; at != "/etc/sealpost/east.key" || c.S3.Endpoints["east"].KeyFile != "east.key" {
		t.Errorf("the key is looked for at %s", at)
	}
	other, err := Parse("f.toml", strings.Replace(text, "copies = 2", "copies = 1", 1))
	if got := Changed(c, other); err != nil || !slices.Equal(got, []string{"s3.rule"}) {
		t.Errorf("changed are %v, %v", got, err)
	}
}
