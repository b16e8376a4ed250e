package config

import "time"

// ACME is how a certificate is had by itself (RFC 8555).
type ACME struct {
	On        bool
	Email     string
	Directory string
	Folder    string
}

// Screen is how mail from other servers is judged.
type Screen struct {
	On             bool
	Block, Allow   []string
	TrustedSealers []string
	Greylist       bool
	Patience       time.Duration
	PerAddress     int
	PerDomain      int
	Rspamd         string
	Milter         string
}

// Submission is the way in for this server's own people.
type Submission struct {
	ListenTLS, Listen []string
	Binding           bool
	Connections       int
	PerAddress        int
	Hold              time.Duration
	Hour, Day         int
	PasswordHour      int
	WarmUp            time.Duration
}

// Queue is where mail waits until it has left.
type Queue struct {
	Mode  string // sealed or strict
	Key   string
	Mails int
	Each  int
	Age   time.Duration
}

// Outbound is the way out.
type Outbound struct {
	Workers        int
	PerDestination int
	Port           int
	Delay          time.Duration
	Smarthost      string
	User           string
	PasswordFile   string
}

// DKIM is where the signing keys lie.
type DKIM struct{ Folder string }

// DNS names the resolvers.
type DNS struct {
	Servers []string
	Trust   bool
}

// Import is what people bring their mail in from.
type Import struct {
	Allow []string // host:port of private addresses
}

// HTTP are the doors for browsers and for what other servers fetch.
type HTTP struct {
	Listen, ListenTLS []string
	Names             []string // beside the host name
	OpenRegistration  bool
}

// MTASTS is the policy that is published for this server's domains (RFC 8461).
type MTASTS struct {
	Mode string
	Age  time.Duration
}

// Accounts is what new ones get, and what people may change about their own.
type Accounts struct {
	Quota   int64
	Aliases int
	Locked  []string
}

// Files is how long what strangers have of files lives, and whom they may write to.
type Files struct {
	Life, Longest time.Duration
	Report        string
}

// Reports are those sent to other domains: DMARC aggregate and SMTP TLS reports.
type Reports struct{ Send bool }

// Metrics is the door for Prometheus.
type Metrics struct{ Listen []string }
