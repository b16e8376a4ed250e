package config

import "time"

// settingsOut are about mail of this server's own people: submission, queue, delivery.
func settingsOut() []setting {
	return []setting{
		{key: "submission.listen_tls", value: words{func(c *Config) *[]string { return &c.Submission.ListenTLS }, listen, 0, ""},
			about: "Mail programs send here, TLS from the first byte (RFC 8314), and with STARTTLS. Both want an app\npassword. An empty list closes a door."},
		{key: "submission.listen", value: words{func(c *Config) *[]string { return &c.Submission.Listen }, listen, 0, ""}},
		{key: "submission.channel_binding", value: yes(func(c *Config) *bool { return &c.Submission.Binding }),
			about: "Offer SCRAM-SHA-256-PLUS here too, as IMAP does. mutt and other programs built on GNU SASL then choose it\nand cannot sign in on TLS 1.3."},
		{key: "submission.connections", value: count{func(c *Config) *int { return &c.Submission.Connections }, 1, 100_000},
			about: "Connections in all, and from one IPv4 address or IPv6 /64."},
		{key: "submission.connections_per_address", value: count{func(c *Config) *int { return &c.Submission.PerAddress }, 1, 100_000}},
		{key: "submission.hold", value: span{func(c *Config) *time.Duration { return &c.Submission.Hold }, 0, 365 * 24 * time.Hour},
			about: "How far ahead mail may be sent later (RFC 4865); \"0s\": not at all, as always with queue.mode = \"strict\"."},
		{key: "submission.recipients_per_hour", value: count{func(c *Config) *int { return &c.Submission.Hour }, 1, 10_000_000},
			about: "Recipients elsewhere that one account may write to, in an hour and in a day; and one app password in an\nhour. An account younger than warm_up may write to a tenth."},
		{key: "submission.recipients_per_day", value: count{func(c *Config) *int { return &c.Submission.Day }, 1, 10_000_000}},
		{key: "submission.recipients_per_hour_of_password", value: count{func(c *Config) *int { return &c.Submission.PasswordHour }, 1, 10_000_000}},
		{key: "submission.warm_up", value: span{func(c *Config) *time.Duration { return &c.Submission.WarmUp }, 0, 365 * 24 * time.Hour}},

		{key: "queue.mode", value: word{func(c *Config) *string { return &c.Queue.Mode }, oneOf("sealed", "strict"), ""},
			about: "sealed: unsent mail lies encrypted under the node key. strict: its text lives in memory only; what a\nrestart catches comes back to its sender as a sealed notice."},
		{key: "queue.key", value: path(func(c *Config) *string { return &c.Queue.Key }),
			about: "The node key: made when missing, outside the data folder, so that who takes the data or its backup\ncannot read unsent mail."},
		{key: "queue.mails", value: count{func(c *Config) *int { return &c.Queue.Mails }, 1, 10_000_000},
			about: "Mails waiting in all, and of one account."},
		{key: "queue.mails_per_account", value: count{func(c *Config) *int { return &c.Queue.Each }, 1, 10_000_000}},
		{key: "queue.age", value: span{func(c *Config) *time.Duration { return &c.Queue.Age }, time.Hour, 30 * 24 * time.Hour},
			about: "How long is tried before a mail is given up. RFC 5321 asks for four days at least."},

		{key: "outbound.workers", value: count{func(c *Config) *int { return &c.Outbound.Workers }, 1, 1000},
			about: "Mails sent at the same time, and sessions at the same time with one destination."},
		{key: "outbound.per_destination", value: count{func(c *Config) *int { return &c.Outbound.PerDestination }, 1, 100}},
		{key: "outbound.delay_notice", value: span{func(c *Config) *time.Duration { return &c.Outbound.Delay }, time.Minute, 5 * 24 * time.Hour},
			about: "When a sender is told that a mail has not left yet."},
		{key: "outbound.smarthost", value: word{func(c *Config) *string { return &c.Outbound.Smarthost }, emptyOr(hostPort), ""},
			about: "Send everything by this relay, such as \"smtp.example.net:465\", for networks that close port 25. Its\ncertificate is verified: TLS from the first byte at port 465, by STARTTLS at any other."},
		{key: "outbound.smarthost_user", value: word{func(c *Config) *string { return &c.Outbound.User }, anything, ""}},
		{key: "outbound.smarthost_password_file", value: path(func(c *Config) *string { return &c.Outbound.PasswordFile })},
		{key: "outbound.port", value: count{func(c *Config) *int { return &c.Outbound.Port }, 1, 65535},
			about: "The port other servers listen on; it is 25 but in a private test network."},

		{key: "dkim.folder", value: path(func(c *Config) *string { return &c.DKIM.Folder }),
			about: "Private keys that sign what leaves: DOMAIN/SELECTOR.pem. Made by sealpost quickstart, domain add and\ndkim rotate. Of a cluster they are in the database, sealed."},
	}
}
