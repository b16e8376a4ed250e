package config

import (
	"slices"
	"time"
)

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
	return slices.Concat(settingsHere(), settingsIn(), settingsOut(), settingsRead(), settingsLast(), settingsCluster())
}

// settingsHere are about the server itself.
func settingsHere() []setting {
	return []setting{
		{key: "data", value: path(func(c *Config) *string { return &c.Data }),
			about: "Folder of everything the server keeps: accounts, index, sealed mail. Made when missing,\nreadable by nobody else. Relative paths in this file start at the file's own folder."},
		{key: "hostname", must: true, value: name{word{func(c *Config) *string { return &c.Hostname }, hostname, `"mail.example.org"`}},
			about: "Full name of this machine, as its DNS and TLS certificate have it."},
		{key: "domains", must: true, value: words{func(c *Config) *[]string { return &c.Domains }, hostname, 1, `["example.org"]`},
			about: "Mail domains this server is for. Mail to any other is refused."},
		{key: "postmaster", value: word{func(c *Config) *string { return &c.Postmaster }, emptyOr(address), ""},
			about: "Address of the account that gets mail for postmaster@ of every domain; empty: the oldest account."},

		{key: "listen.proxy_protocol_from", value: words{func(c *Config) *[]string { return &c.Listen.Balancers }, network, 0, ""},
			about: "Networks of your balancers, such as [\"10.0.0.4/32\"]: a connection from there must begin with a header of the\nPROXY protocol (version 1 or 2, before TLS), and who it names is who is judged, counted and slowed down.\nNobody else is asked for one, nor believed. It is so at every door but metrics.listen. Empty: off."},

		{key: "tls.certificate", value: path(func(c *Config) *string { return &c.TLS.Certificate }),
			about: "Certificate chain and its key, two PEM files. sealpost reload, or SIGHUP, reads them again."},
		{key: "tls.key", value: path(func(c *Config) *string { return &c.TLS.Key })},

		{key: "acme.on", value: yes(func(c *Config) *bool { return &c.ACME.On }),
			about: "Get certificates by ACME (RFC 8555) for hostname and the names of each domain, instead of the files\nof [tls]. on = true says that you agree to the terms of the authority that directory names. It needs\n:80 or :443 reachable from outside."},
		{key: "acme.email", value: word{func(c *Config) *string { return &c.ACME.Email }, emptyOr(address), ""},
			about: "Whom the authority may write to; may stay empty."},
		{key: "acme.directory", value: word{func(c *Config) *string { return &c.ACME.Directory }, secureURL, ""}},
		{key: "acme.folder", value: path(func(c *Config) *string { return &c.ACME.Folder }),
			about: "Where account key and certificates are kept; empty: acme in the data folder. Of a cluster\nthey are in the database, sealed."},
	}
}

// settingsIn are about mail from other servers.
func settingsIn() []setting {
	return []setting{
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

		{key: "screen.on", value: yes(func(c *Config) *bool { return &c.Screen.On }),
			about: "Judge mail from other servers: SPF, DKIM, DMARC, ARC, host name, rates. The verdict is written\ninside the seal."},
		{key: "screen.block_lists", value: words{func(c *Config) *[]string { return &c.Screen.Block }, hostname, 0, ""},
			about: "DNS lists (RFC 5782) of servers whose mail goes to Junk, such as \"zen.spamhaus.org\"; and lists of servers\nthat are believed against those, and never greylisted. Read their terms before you use them."},
		{key: "screen.allow_lists", value: words{func(c *Config) *[]string { return &c.Screen.Allow }, hostname, 0, ""}},
		{key: "screen.trusted_sealers", value: words{func(c *Config) *[]string { return &c.Screen.TrustedSealers }, hostname, 0, ""},
			about: "Domains whose ARC seals (RFC 8617) may overrule a DMARC failure, such as a forwarder of yours."},
		{key: "screen.greylist", value: yes(func(c *Config) *bool { return &c.Screen.Greylist }),
			about: "Ask strangers to come again in five minutes. Delays honest mail too."},
		{key: "screen.patience", value: span{func(c *Config) *time.Duration { return &c.Screen.Patience }, 0, 20 * time.Second},
			about: "Wait this long before the banner; who talks first is refused."},
		{key: "screen.mails_per_hour", value: count{func(c *Config) *int { return &c.Screen.PerAddress }, 0, 10_000_000},
			about: "Mails an hour from one address (IPv6: /64), and for one sender domain from one network (/24, IPv6: /64).\n0: no bound."},
		{key: "screen.mails_per_hour_of_domain", value: count{func(c *Config) *int { return &c.Screen.PerDomain }, 0, 10_000_000}},
		{key: "screen.rspamd", value: word{func(c *Config) *string { return &c.Screen.Rspamd }, emptyOr(anyURL), ""},
			about: "Filters: rspamd, such as \"http://127.0.0.1:11333/checkv2\", and a milter, \"unix:/path\" or \"inet:host:port\";\nempty: none. A filter sees each mail in plaintext before it is sealed. What it logs or learns is its own."},
		{key: "screen.milter", value: word{func(c *Config) *string { return &c.Screen.Milter }, emptyOr(milter), ""}},
	}
}

// settingsRead are about the doors that mail clients and browsers use.
func settingsRead() []setting {
	return []setting{
		{key: "imap.listen_tls", value: words{func(c *Config) *[]string { return &c.IMAP.ListenTLS }, listen, 0, ""},
			about: "Mail clients, TLS from the first byte. An empty list closes this door."},
		{key: "imap.listen", value: words{func(c *Config) *[]string { return &c.IMAP.Listen }, listen, 0, ""},
			about: "Mail clients that insist on STARTTLS, usually on \":143\". Closed by default: TLS from the\nfirst byte leaves nothing to strip (RFC 8314)."},
		{key: "imap.connections", value: count{func(c *Config) *int { return &c.IMAP.Connections }, 1, 100_000},
			about: "Connections in all, and from one IPv4 address or IPv6 /64. A phone may hold five."},
		{key: "imap.connections_per_address", value: count{func(c *Config) *int { return &c.IMAP.PerAddress }, 1, 100_000}},
		{key: "imap.idle", value: span{func(c *Config) *time.Duration { return &c.IMAP.Idle }, 30 * time.Minute, 24 * time.Hour},
			about: "Longest silence; RFC 9051 asks for 30 minutes at least."},
		{key: "imap.zone", value: word{func(c *Config) *string { return &c.IMAP.Zone }, zone, ""},
			about: "Where a day begins, for clients that search by the date a mail came: such as \"Europe/Helsinki\", or\n\"Local\" for this machine's own."},

		{key: "http.listen_tls", value: words{func(c *Config) *[]string { return &c.HTTP.ListenTLS }, listen, 0, ""},
			about: "Browsers, and what other servers and programs fetch: keys (WKD), MTA-STS policy, autoconfiguration."},
		{key: "http.listen", value: words{func(c *Config) *[]string { return &c.HTTP.Listen }, listen, 0, ""},
			about: "Plain HTTP: answers ACME and sends everything else to TLS."},
		{key: "http.names", value: words{func(c *Config) *[]string { return &c.HTTP.Names }, hostname, 0, ""},
			about: "Names beside hostname that the webmail and its API answer to, such as \"webmail.example.org\"."},
		{key: "http.open_registration", value: yes(func(c *Config) *bool { return &c.HTTP.OpenRegistration }),
			about: "Let anybody open an account on the webmail's page. Without it, accounts are opened by the operator or\nby invitation (sealpost invite)."},

		{key: "accounts.quota", value: size{func(c *Config) *int64 { return &c.Accounts.Quota }, 0, 1 << 50},
			about: "How much a new account may store, mail and files together; \"0\": no limit. sealpost account set --quota\nsets another for one of them."},
		{key: "accounts.aliases", value: count{func(c *Config) *int { return &c.Accounts.Aliases }, 0, 1000},
			about: "How many addresses of your domains people may add to their account by themselves. sealpost account set\n--aliases sets another number for one of them."},
		{key: "accounts.locked", value: words{func(c *Config) *[]string { return &c.Accounts.Locked }, oneOf("encrypt", "headers"), 0, ""},
			about: "What people may not change for themselves: \"encrypt\" (when mail they send must be encrypted), \"headers\"\n(what stays visible of a sealed mail)."},

		{key: "import.allow", value: words{func(c *Config) *[]string { return &c.Import.Allow }, endpoint, 0, ""},
			about: "People bring their mail in from other IMAP servers on the internet; a private address is only reached\nif it stands here with its port, such as that of a server you move away from: \"10.0.0.5:993\"."},

		{key: "files.link_life", value: span{func(c *Config) *time.Duration { return &c.Files.Life }, time.Hour, 365 * 24 * time.Hour},
			about: "How long a link to a file lives if nobody says, and how long at most; the same of upload requests."},
		{key: "files.longest_link", value: span{func(c *Config) *time.Duration { return &c.Files.Longest }, time.Hour, 365 * 24 * time.Hour}},
		{key: "files.report", value: word{func(c *Config) *string { return &c.Files.Report }, emptyOr(address), ""},
			about: "Address that pages of links name for reports of abuse; empty: none. sealpost link kill ends one."},

		{key: "mta_sts.mode", value: word{func(c *Config) *string { return &c.MTASTS.Mode }, oneOf("enforce", "testing", "none"), ""},
			about: "What other servers shall do when they cannot verify our TLS (RFC 8461): enforce, testing or none,\nand how long they shall remember it."},
		{key: "mta_sts.max_age", value: span{func(c *Config) *time.Duration { return &c.MTASTS.Age }, time.Hour, 365 * 24 * time.Hour}},
	}
}

// settingsLast are about what nobody outside sees.
func settingsLast() []setting {
	return []setting{
		{key: "spool.folder", value: path(func(c *Config) *string { return &c.Spool.Folder }),
			about: "Where mail larger than spool.memory waits while it is sealed, encrypted under a key that\nexists only in memory; empty: tmp in the data folder."},
		{key: "spool.memory", value: size{func(c *Config) *int64 { return &c.Spool.Memory }, 4 << 10, 64 << 20}},

		{key: "dns.servers", value: words{func(c *Config) *[]string { return &c.DNS.Servers }, listen, 0, ""},
			about: "Resolvers, such as \"127.0.0.1:53\"; empty: those of /etc/resolv.conf."},
		{key: "dns.trust", value: yes(func(c *Config) *bool { return &c.DNS.Trust }),
			about: "Say true when these resolvers validate DNSSEC and the way to them is this machine's own: then DANE\n(RFC 7672) protects mail that leaves."},

		{key: "reports.send", value: yes(func(c *Config) *bool { return &c.Reports.Send }),
			about: "Send DMARC aggregate and SMTP TLS reports (RFC 9990, RFC 8460) to domains that ask, once a day.\nThey hold domains, addresses of servers and numbers."},

		{key: "metrics.listen", value: words{func(c *Config) *[]string { return &c.Metrics.Listen }, listen, 0, ""},
			about: "Numbers for Prometheus at /metrics, and /healthz, in plain HTTP: keep it on a private address, such as\n\"127.0.0.1:9110\"."},

		{key: "log.level", value: word{func(c *Config) *string { return &c.Log.Level }, oneOf("debug", "info", "warn", "error"), ""},
			about: "What is told on standard error: debug, info, warn or error. No level names an address or a subject."},
		{key: "log.format", value: word{func(c *Config) *string { return &c.Log.Format }, oneOf("text", "json"), ""},
			about: "text or json."},
	}
}
