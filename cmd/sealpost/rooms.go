package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"sealpost/account"
	"sealpost/config"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/move"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/smtp"
	"sealpost/smtp/dns"
	"sealpost/smtp/inbound"
	"sealpost/smtp/inbound/screen"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/outbound"
	"sealpost/smtp/outbound/route"
	"sealpost/smtp/submission"
	"sealpost/webmail"
	"sealpost/webmail/api"
	"sealpost/webmail/ui"
)

func newResolver(c config.DNS) *dns.Resolver {
	return &dns.Resolver{Servers: c.Servers, Trust: c.Trust, Now: time.Now}
}

// newInbound is the way in for people of this server, with nobody screened.
func (o *office) newInbound() *inbound.Handler {
	c := o.settings
	return &inbound.Handler{
		Book:     o.book,
		Store:    o.store,
		Hostname: c.Hostname,
		Domain:   c.Domains[0],
		Spool:    c.Spool.Folder,
		Memory:   c.Spool.Memory,
		Message:  c.SMTP.MessageSize,
		Look:     mail.DefaultLimits,
		Cutter:   o.newCutter(),
		Time:     sealTime,
		Log:      o.log,
		Mark:     o.mark,
		Now:      time.Now,
	}
}

// newScreen judges mail of strangers, or is nil where the settings say so.
func (s *server) newScreen() *screen.Screen {
	c := s.settings.Screen
	if !c.On {
		return nil
	}
	return &screen.Screen{
		Auth:     &mailauth.Checker{DNS: s.resolver, Now: time.Now},
		DNS:      s.resolver,
		Block:    c.Block,
		Allow:    c.Allow,
		Greylist: c.Greylist,
		Rspamd:   rspamdURL(c.Rspamd),
		Milter:   c.Milter,
		Rates:    screen.Rates{PerAddress: c.PerAddress, PerDomain: c.PerDomain},
		Shared:   s.limits,
		Authserv: s.settings.Hostname,
		Sealers:  c.TrustedSealers,
		Log:      s.log,
		Now:      time.Now,
	}
}

// newFinder finds other people's keys.
func (o *office) newFinder() *discover.Finder {
	return &discover.Finder{
		Peers: o.peers,
		HTTP:  discover.NewHTTP(lookup(newResolver(o.settings.DNS)), nil),
		Own:   o.ownKey,
		Log:   o.log,
		Now:   time.Now,
	}
}

// lookup finds addresses by the servers of dns.servers.
func lookup(r *dns.Resolver) discover.Lookup {
	return func(ctx context.Context, host string) ([]netip.Addr, error) {
		found, err := r.IP(ctx, host)
		if err != nil {
			return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: errors.Is(err, dns.ErrNotFound)}
		}
		return found.Records, nil
	}
}

// ownKey is the certificate of a person of this server.
func (o *office) ownKey(ctx context.Context, a mail.Address) (*pgp.Cert, error) {
	if !o.book.Local(a.Domain) {
		return nil, discover.ErrNoKey
	}
	found, err := o.book.Find(ctx, a)
	if errors.Is(err, account.ErrUnknown) {
		return nil, discover.ErrNoKey
	}
	if err != nil {
		return nil, err
	}
	cert, err := pgp.ParseCert(found.Cert)
	if err != nil {
		return nil, err
	}
	// Other addresses of the account are nobody's business; a key that does not name this
	// one is its key all the same.
	only, err := cert.For(discover.Names(a))
	if errors.Is(err, pgp.ErrNoKey) {
		return cert, nil
	}
	return only, err
}

// learn is what inbound tells of mail whose sender is proved.
func (s *server) learn(ctx context.Context, account string, from mail.Address, h mail.Header, date time.Time) {
	if err := s.finder.Learn(ctx, account, from, h, date); err != nil {
		s.log.Warn("an Autocrypt header was not learned", "account", account, "error", err)
	}
}

func (s *server) newSubmission() *submission.Handler {
	c := s.settings
	return &submission.Handler{
		Book:       s.book,
		Account:    s.accounts.Account,
		Store:      s.store,
		Queue:      s.queue,
		Keys:       s.finder,
		Local:      s.arrivals.people,
		Hostname:   c.Hostname,
		Spool:      c.Spool.Folder,
		Memory:     c.Spool.Memory,
		Message:    c.SMTP.MessageSize,
		Recipients: c.SMTP.Recipients,
		Limits: submission.Limits{
			Hour: c.Submission.Hour, Day: c.Submission.Day, PasswordHour: c.Submission.PasswordHour, WarmUp: c.Submission.WarmUp,
		},
		Cutter: s.newCutter(),
		Time:   sealTime,
		Log:    s.log,
		Mark:   s.mark,
		Now:    time.Now,
	}
}

func (s *server) newRouter() (*route.Router, error) {
	c := s.settings.Outbound
	r := &route.Router{
		DNS:      s.resolver,
		Hostname: s.settings.Hostname,
		Self:     ownAddress(s.settings),
		Port:     c.Port,
		Policies: s.policies,
		Results:  s.reports.tls,
		Now:      time.Now,
	}
	if c.Smarthost == "" {
		return r, nil
	}
	_, port, err := net.SplitHostPort(c.Smarthost)
	if err != nil {
		return nil, fmt.Errorf("outbound.smarthost: %w", err)
	}
	r.Smart = &route.Smarthost{Address: c.Smarthost, Implicit: port == "465", User: c.User}
	if r.Smart.Password, err = oneLine(c.PasswordFile); err != nil {
		return nil, fmt.Errorf("outbound.smarthost_password_file: %w", err)
	}
	return r, nil
}

// ownAddress says which addresses lead back to this server, if its doors are at
// the port that others are asked at.
func ownAddress(c config.Config) func(net.IP) bool {
	var at []net.IP
	everywhere := false
	for _, l := range c.SMTP.Listen {
		host, port, err := net.SplitHostPort(l)
		if err != nil || port != strconv.Itoa(c.Outbound.Port) {
			continue
		}
		ip := net.ParseIP(host)
		everywhere = everywhere || ip == nil || ip.IsUnspecified()
		at = append(at, ip)
	}
	return func(ip net.IP) bool {
		return everywhere && (ip.IsLoopback() || isOurs(ip)) || slices.ContainsFunc(at, ip.Equal)
	}
}

func isOurs(ip net.IP) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	})
}

func (s *server) newSender(local smtp.Handler) (*outbound.Sender, error) {
	router, err := s.newRouter()
	if err != nil {
		return nil, err
	}
	c := s.settings
	return &outbound.Sender{
		Queue:          s.queue,
		Router:         router,
		Hostname:       c.Hostname,
		Local:          local,
		IsLocal:        s.book.Local,
		Signer:         s.signers.of,
		Sent:           s.outgoingMail.Sent,
		Workers:        c.Outbound.Workers,
		PerDestination: c.Outbound.PerDestination,
		Delay:          c.Outbound.Delay,
		Log:            s.log,
		Now:            time.Now,
	}, nil
}

// connect has the DNS lists asked while a client waits for the banner.
func connect(s *screen.Screen) func(context.Context, net.Addr) *smtp.Reply {
	if s == nil {
		return nil
	}
	return func(ctx context.Context, client net.Addr) *smtp.Reply {
		if at, err := netip.ParseAddrPort(client.String()); err == nil {
			s.Connect(ctx, at.Addr().Unmap())
		}
		return nil
	}
}

// newAPI is what the webmail and other programs ask.
func (s *server) newAPI() *api.API {
	return &api.API{
		Imports:  s.imports,
		Hostname: s.settings.Hostname,
		Version:  version(),
		Book:     s.book,
		Store:    s.store,
		Cabinet:  s.handed.Cabinet,
		SignIns:  s.desk,
		Throttle: s.throttle,
		Open:     s.settings.HTTP.OpenRegistration,
		Own:      api.OwnRules{Aliases: s.settings.Accounts.Aliases, Locked: s.settings.Accounts.Locked},
		Log:      s.log,
		Now:      time.Now,
		Sending: api.Sending{
			Outbox: s.waiting, Keys: s.finder, Rules: s.sorting, Push: s.knocking, Images: s.pictures(),
			Spool: s.settings.Spool.Folder, Mail: s.settings.SMTP.MessageSize,
		},
		Admin:   s.newAdmin(),
		Parcels: s.handed,
		Files:   s.files,
		Report:  s.settings.Files.Report,
	}
}

// newImports are imports that people ask for in the webmail.
func (o *office) newImports() *move.Imports {
	return &move.Imports{
		Store: o.store, Key: o.key, Alone: o.cluster == nil, Folder: filepath.Join(o.settings.Data, "imports"),
		Spool: o.settings.Spool.Folder, Log: o.log, Now: o.held.now, // the database's, where nodes share it
		Seal: func(ctx context.Context, id mailstore.Owner) (pgp.Recipient, error) {
			a, err := o.book.Account(ctx, account.ID(id))
			if err != nil {
				return pgp.Recipient{}, err
			}
			return o.book.Recipient(ctx, a)
		},
	}
}

// importFrom starts imports that end with ctx, and reach no private address but those
// that the operator named, at the port that stands there.
func (s *server) importFrom(ctx context.Context) func(mailstore.Owner, move.Remote) error {
	find, named := lookup(s.resolver), s.settings.Import.Allow
	return func(o mailstore.Owner, r move.Remote) error {
		_, port, err := net.SplitHostPort(r.Address)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		r.Dial = importDialer(find, named, port)
		return s.imports.Start(ctx, o, r)
	}
}

func importDialer(find discover.Lookup, named []string, port string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return discover.Dialer(find, func(ip string) bool { return slices.Contains(named, net.JoinHostPort(ip, port)) })
}

// newDoor is the HTTP door.
func (o *office) newDoor(secret []byte) (*webmail.Door, error) {
	c := o.settings
	app, err := ui.Built()
	if err != nil {
		return nil, err
	}
	published := &webmail.Index{List: o.publishedAddresses, Cert: o.ownKey, Now: time.Now}
	return &webmail.Door{
		Hostname:    c.Hostname,
		Names:       c.HTTP.Names,
		App:         app,
		Local:       o.book.Local,
		Certificate: published.Certificate,
		STS:         webmail.STS{Mode: c.MTASTS.Mode, MX: []string{c.Hostname}, MaxAge: c.MTASTS.Age},
		Ports: webmail.Ports{
			IMAPS: firstPort(c.IMAP.ListenTLS), SMTPS: firstPort(c.Submission.ListenTLS), Submission: firstPort(c.Submission.Listen),
		},
		Health: o.healthy,
		Secret: secret,
		Log:    o.log,
		Now:    time.Now,
	}, nil
}

// publishedAddresses are those whose keys the world may fetch: all but catch-alls.
func (o *office) publishedAddresses(ctx context.Context) (all []mail.Address, err error) {
	accounts, err := o.book.Accounts(ctx)
	for _, a := range accounts {
		all = append(all, a.Addresses...)
	}
	return all, err
}

func firstPort(listen []string) int {
	for _, at := range listen {
		if _, port, err := net.SplitHostPort(at); err == nil {
			n, _ := strconv.Atoi(port)
			return n
		}
	}
	return 0
}

// healthy says whether mail can be taken: the index answers.
func (o *office) healthy(ctx context.Context) error {
	err := answers(ctx, o.store.Index)
	if o.moving != nil {
		err = errors.Join(err, answers(ctx, o.moving.to.index))
	}
	return err
}

func answers(ctx context.Context, x mailstore.Index) error {
	_, err := x.Usage(ctx, mailstore.Owner("nobody"))
	if errors.Is(err, mailstore.ErrNoOwner) {
		return nil
	}
	return err
}

// rspamdURL is where mail is shown to rspamd: at its own place for that, unless
// the setting names another.
func rspamdURL(setting string) string {
	u, err := url.Parse(setting)
	if err != nil || setting == "" || u.Path != "" && u.Path != "/" {
		return setting
	}
	return u.JoinPath("checkv2").String()
}
