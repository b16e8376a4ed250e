package config

import "time"

// A setting is one line of a configuration file.
type setting struct {
	key   string // dotted: the part before the last dot is its [table]
	about string // what it is for, and what may stand there
	must  bool   // has no default
	value value
}

// value reads one kind of setting. read's error says what was expected.
type value interface {
	read(c *Config, from any) error
	write(c *Config) string // as TOML
}

// settings are all there are, in the order of the sample.
func settings() []setting {
	return []setting{
		{key: "data", value: path(func(c *Config) *string { return &c.Data }),
			about: "Folder of everything the server keeps: accounts, index, sealed mail. Made when missing,\nreadable by nobody else. Relative paths in this file start at the file's own folder."},
		{key: "hostname", must: true, value: word{func(c *Config) *string { return &c.Hostname }, hostname, `"mail.example.org"`},
			about: "Full name of this machine, as its DNS and TLS certificate have it."},
		{key: "domains", must: true, value: words{func(c *Config) *[]string { return &c.Domains }, hostname, 1, `["example.org"]`},
			about: "Mail domains this server is for. Mail to any other is refused."},
		{key: "postmaster", value: word{func(c *Config) *string { return &c.Postmaster }, emptyOr(address), ""},
			about: "Address of the account that gets mail for postmaster@ of every domain; empty: the oldest account."},

		{key: "tls.certificate", value: path(func(c *Config) *string { return &c.TLS.Certificate }),
			about: "Certificate chain and its key, two PEM files. SIGHUP reads them again."},
		{key: "tls.key", value: path(func(c *Config) *string { return &c.TLS.Key })},

		{key: "smtp.listen", value: words{func(c *Config) *[]string { return &c.SMTP.Listen }, listen, 0, ""},
			about: "Mail from other servers, with STARTTLS. An empty list closes this door."},
		{key: "smtp.message_size", value: size{func(c *Config) *int64 { return &c.SMTP.MessageSize }, 64 << 10, 1 << 30},
			about: "Largest mail that is taken. Sizes: 1024, \"50MiB\", \"2GB\"."},
		{key: "smtp.recipients", value: count{func(c *Config) *int { return &c.SMTP.Recipients }, 1, 10_000},
			about: "Recipients of one mail; RFC 5321 asks for 100 at least."},
		{key: "smtp.connections", value: count{func(c *Config) *int { return &c.SMTP.Connections }, 1, 100_000},
			about: "Connections in all, and from one IPv4 address or IPv6 /64."},
		{key: "smtp.connections_per_address", value: count{func(c *Config) *int { return &c.SMTP.PerAddress }, 1, 100_000}},
		{key: "smtp.errors", value: count{func(c *Config) *int { return &c.SMTP.Errors }, 1, 1000},
			about: "Refused commands before a connection is closed."},
		{key: "smtp.idle", value: span{func(c *Config) *time.Duration { return &c.SMTP.Idle }, time.Second, time.Hour},
			about: "Longest silence, and longest connection in all. Times: \"30s\", \"5m\", \"1h\"."},
		{key: "smtp.total", value: span{func(c *Config) *time.Duration { return &c.SMTP.Total }, time.Minute, 24 * time.Hour}},

		{key: "imap.listen_tls", value: words{func(c *Config) *[]string { return &c.IMAP.ListenTLS }, listen, 0, ""},
			about: "Mail clients, TLS from the first byte. An empty list closes this door."},
		{key: "imap.listen", value: words{func(c *Config) *[]string { return &c.IMAP.Listen }, listen, 0, ""},
			about: "Mail clients that insist on STARTTLS, usually on \":143\". Closed by default: TLS from the\nfirst byte leaves nothing to strip (RFC 8314)."},
		{key: "imap.connections", value: count{func(c *Config) *int { return &c.IMAP.Connections }, 1, 100_000},
			about: "Connections in all, and from one IPv4 address or IPv6 /64. A phone may hold five."},
		{key: "imap.connections_per_address", value: count{func(c *Config) *int { return &c.IMAP.PerAddress }, 1, 100_000}},
		{key: "imap.idle", value: span{func(c *Config) *time.Duration { return &c.IMAP.Idle }, 30 * time.Minute, 24 * time.Hour},
			about: "Longest silence; RFC 9051 asks for 30 minutes at least."},

		{key: "spool.folder", value: path(func(c *Config) *string { return &c.Spool.Folder }),
			about: "Where mail larger than spool.memory waits while it is sealed, encrypted under a key that\nexists only in memory; empty: tmp in the data folder."},
		{key: "spool.memory", value: size{func(c *Config) *int64 { return &c.Spool.Memory }, 4 << 10, 64 << 20}},

		{key: "log.level", value: word{func(c *Config) *string { return &c.Log.Level }, oneOf("debug", "info", "warn", "error"), ""},
			about: "What is told on standard error: debug, info, warn or error. No level names an address or a subject."},
		{key: "log.format", value: word{func(c *Config) *string { return &c.Log.Format }, oneOf("text", "json"), ""},
			about: "text or json."},
	}
}
