package config

import (
	"slices"
	"time"
)

// Cluster is how this node shares everything with others.
type Cluster struct {
	Database     string // libpq's connection string, without a password; empty: there is one machine, and all is in Data
	PasswordFile string
	Node         string   // its name in its log and among others; empty: the machine's
	Roles        []string // what it does of what all nodes could do
	NATS         []string
	Credentials  string // file
	NATSCA       string // file of certificates by which NATS is believed; empty: the machine's
	NATSCert     string // files of the certificate and key by which NATS knows this node; empty: none
	NATSKey      string
	Drain        time.Duration
}

// On says that everything is kept where other nodes reach it too.
func (c Cluster) On() bool { return c.Database != "" }

// Has says whether the node has a role. Where there is one machine it has all.
func (c Cluster) Has(role string) bool {
	return !c.On() || slices.Contains(c.Roles, role)
}

// Roles that a node may have.
const (
	RoleMX         = "mx"         // mail from other servers
	RoleSubmission = "submission" // mail from people
	RoleIMAP       = "imap"
	RoleWeb        = "web"
	RoleQueue      = "queue"        // takes from the queue what is to leave
	RoleHouse      = "housekeeping" // what one node at a time does: sweeping, reports, remote blobs
)

func allRoles() []string {
	return []string{RoleMX, RoleSubmission, RoleIMAP, RoleWeb, RoleQueue, RoleHouse}
}

// S3 is where a cluster keeps letters and files.
type S3 struct {
	Endpoints map[string]Endpoint // by name
	Rules     map[string]Rule     // by name; "" or "default" is for what no other is for
}

// Endpoint is one bucket of one provider.
type Endpoint struct {
	URL, Bucket, Region    string
	Provider, Jurisdiction string
	KeyFile                string // access key and secret key, a line each
	PathStyle              bool
	Requests               int
}

// Rule says where what is stored for somebody may lie.
type Rule struct {
	For                      []string // domains and addresses
	Copies, Enough           int
	Providers, Jurisdictions []string
}

// settingsCluster are about several nodes.
func settingsCluster() []setting {
	return []setting{
		{key: "cluster.database", value: unquoted{word{func(c *Config) *string { return &c.Cluster.Database }, emptyOr(connection), ""}}, about: "Keep everything in PostgreSQL 15 or later and in the buckets of [s3.endpoint], so that many nodes with these\n" +
			"settings are one server: such as \"postgres://sealpost@db.internal/sealpost?sslmode=verify-full\". Empty: this\nmachine is all there is. sealpost migrate moves what is there from one to the other."},
		{key: "cluster.database_password_file", value: path(func(c *Config) *string { return &c.Cluster.PasswordFile })},
		{key: "cluster.node", value: word{func(c *Config) *string { return &c.Cluster.Node }, emptyOr(label), ""},
			about: "Name of this node in its log, and under which it counts what came and went; no other node has it. Empty: the\nname of the machine."},
		{key: "cluster.roles", value: words{func(c *Config) *[]string { return &c.Cluster.Roles }, oneOf(allRoles()...), 1, ""},
			about: "What this node does. A role that no node has is not done: mail waits, houses are not kept."},
		{key: "cluster.nats", value: words{func(c *Config) *[]string { return &c.Cluster.NATS }, natsURL, 0, ""},
			about: "NATS servers by which nodes tell each other that there is something new, such as \"tls://nats.internal:4222\";\nempty: they do it by the database. What is told are hints: nothing is lost when they are."},
		{key: "cluster.nats_credentials_file", value: path(func(c *Config) *string { return &c.Cluster.Credentials })},
		{key: "cluster.nats_ca_file", value: path(func(c *Config) *string { return &c.Cluster.NATSCA }),
			about: "Certificates (PEM) of an authority of your own that vouches for the NATS servers; empty: those this machine\nknows. And the certificate and key by which they know this node, if they ask for one."},
		{key: "cluster.nats_certificate_file", value: path(func(c *Config) *string { return &c.Cluster.NATSCert })},
		{key: "cluster.nats_key_file", value: path(func(c *Config) *string { return &c.Cluster.NATSKey })},
		{key: "cluster.drain", value: span{func(c *Config) *time.Duration { return &c.Cluster.Drain }, 0, 10 * time.Minute},
			about: "How long a node that is told to stop says so at /readyz before it closes its doors."},

		{key: "s3.endpoint", value: tables[Endpoint]{func(c *Config) *map[string]Endpoint { return &c.S3.Endpoints }, (*Endpoint).fields, Endpoint.check, label},
			about: "Buckets, each a table of its own, [s3.endpoint.NAME], with url, bucket, key_file (access key and secret key, a\n" +
				"line each), and perhaps region, provider (default: NAME), jurisdiction, path_style, requests. A NAME is never\ngiven to another bucket."},
		{key: "s3.rule", value: tables[Rule]{func(c *Config) *map[string]Rule { return &c.S3.Rules }, (*Rule).fields, Rule.check, label},
			about: "Where copies may lie, each rule a table of its own, [s3.rule.NAME], with copies, enough, providers, jurisdictions,\n" +
				"and for: a list of domains and addresses. The rule \"default\" is for everybody else."},
	}
}
