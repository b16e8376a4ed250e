// Package config holds the settings of one sealpost: a TOML file with a table
// of everything that may stand in it.
//
// It never knows what a setting is for; only cmd imports it, and hands plain
// values to the rooms.
//
// Invariants: every setting has a safe default and an example; what the table
// does not know is an error with its line, and so is a value out of range;
// secrets are named by file and never stand in a Config.
package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// Config is all settings of a server. Paths are absolute once Load returned.
type Config struct {
	File string // it was read from; empty: none

	Data       string   // folder of everything the server keeps
	Hostname   string   // its name in greetings and Received lines
	Domains    []string // mail domains it is for
	Postmaster string   // address that gets postmaster@; empty: the oldest account

	Listen     Listen
	TLS        TLS
	ACME       ACME
	SMTP       SMTP
	Screen     Screen
	Submission Submission
	Queue      Queue
	Outbound   Outbound
	DKIM       DKIM
	DNS        DNS
	Import     Import
	IMAP       IMAP
	HTTP       HTTP
	MTASTS     MTASTS
	Accounts   Accounts
	Files      Files
	Reports    Reports
	Metrics    Metrics
	Spool      Spool
	Log        Log
	Cluster    Cluster
	S3         S3
}

// Listen is what all doors have in common.
type Listen struct {
	Balancers []string // networks from which a connection begins with a header of the PROXY protocol
}

// TLS names the files of the certificate chain and its key, both PEM.
type TLS struct{ Certificate, Key string }

// SMTP is the way in for mail from other servers.
type SMTP struct {
	Listen      []string
	MessageSize int64
	Recipients  int
	Connections int
	PerAddress  int
	Errors      int
	Idle        time.Duration
	Total       time.Duration
}

// IMAP is the way mail clients read.
type IMAP struct {
	ListenTLS   []string // TLS from the first byte
	Listen      []string // STARTTLS
	Connections int
	PerAddress  int
	Idle        time.Duration
	Zone        string // of the dates that are told
}

// Spool is where arriving mail waits while it is sealed.
type Spool struct {
	Folder string
	Memory int64
}

// Log is how the server speaks on standard error.
type Log struct{ Level, Format string }

// Default is the configuration of a file that sets only what must be set.
func Default() Config {
	return Config{
		Data:   "/var/lib/sealpost",
		Listen: Listen{Balancers: []string{}},
		TLS:    TLS{"/etc/sealpost/tls.pem", "/etc/sealpost/tls.key"},
		SMTP: SMTP{
			Listen:      []string{":25"},
			MessageSize: 50 << 20,
			Recipients:  100,
			Connections: 1000,
			PerAddress:  50,
			Errors:      10,
			Idle:        5 * time.Minute,
			Total:       time.Hour,
		},
		ACME: ACME{Directory: "https://acme-v02.api.letsencrypt.org/directory"},
		Screen: Screen{
			On:             true,
			Block:          []string{},
			Allow:          []string{},
			TrustedSealers: []string{},
			PerAddress:     2000,
			PerDomain:      2000,
		},
		Submission: Submission{
			ListenTLS:    []string{":465"},
			Listen:       []string{":587"},
			Connections:  1000,
			PerAddress:   50,
			Hold:         7 * 24 * time.Hour,
			Hour:         200,
			Day:          1000,
			PasswordHour: 200,
			WarmUp:       72 * time.Hour,
		},
		Queue: Queue{
			Mode:  "sealed",
			Key:   "/etc/sealpost/node.key",
			Mails: 100_000,
			Each:  5000,
			Age:   5 * 24 * time.Hour,
		},
		Outbound: Outbound{Workers: 20, PerDestination: 5, Port: 25, Delay: 4 * time.Hour},
		DKIM:     DKIM{Folder: "/etc/sealpost/dkim"},
		DNS:      DNS{Servers: []string{}},
		Import:   Import{Allow: []string{}},
		HTTP:     HTTP{Listen: []string{":80"}, ListenTLS: []string{":443"}, Names: []string{}},
		MTASTS:   MTASTS{Mode: "enforce", Age: 7 * 24 * time.Hour},
		Accounts: Accounts{Quota: 50_000_000_000, Aliases: 10, Locked: []string{}},
		Files:    Files{Life: 7 * 24 * time.Hour, Longest: 90 * 24 * time.Hour},
		Reports:  Reports{Send: true},
		Metrics:  Metrics{Listen: []string{}},
		IMAP: IMAP{
			ListenTLS:   []string{":993"},
			Listen:      []string{},
			Connections: 5000,
			PerAddress:  100,
			Idle:        30 * time.Minute,
			Zone:        "UTC",
		},
		Spool:   Spool{Memory: 1 << 20},
		Log:     Log{"info", "text"},
		Cluster: Cluster{Roles: allRoles(), NATS: []string{}, Drain: 5 * time.Second},
		S3:      S3{Endpoints: map[string]Endpoint{}, Rules: map[string]Rule{}},
	}
}

// Load reads a configuration file. Relative paths in it start at its own folder.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Parse(path, string(text))
	if err != nil {
		return Config{}, err
	}
	if c.File, err = filepath.Abs(path); err != nil {
		return Config{}, fmt.Errorf("find folder of configuration: %w", err)
	}
	return c.Resolved(filepath.Dir(c.File)), nil
}

// Resolved makes relative paths start at folder and fills in what follows from
// other settings.
func (c Config) Resolved(folder string) Config {
	for _, p := range []*string{
		&c.Data, &c.TLS.Certificate, &c.TLS.Key, &c.Spool.Folder,
		&c.ACME.Folder, &c.Queue.Key, &c.DKIM.Folder, &c.Outbound.PasswordFile,
		&c.Cluster.PasswordFile, &c.Cluster.Credentials, &c.Cluster.NATSCA, &c.Cluster.NATSCert, &c.Cluster.NATSKey,
	} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
	endpoints := maps.Clone(c.S3.Endpoints)
	for name, e := range endpoints {
		if !filepath.IsAbs(e.KeyFile) {
			e.KeyFile = filepath.Join(folder, e.KeyFile)
		}
		endpoints[name] = e
	}
	c.S3.Endpoints = endpoints
	if c.Spool.Folder == "" {
		c.Spool.Folder = filepath.Join(c.Data, "tmp")
	}
	if c.ACME.Folder == "" {
		c.ACME.Folder = filepath.Join(c.Data, "acme")
	}
	return c
}
