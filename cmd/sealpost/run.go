package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sealpost/account"
	"sealpost/account/limit"
	"sealpost/cmd/sealpost/proxyproto"
	"sealpost/config"
	"sealpost/imap"
	"sealpost/move"
	"sealpost/pgp/discover"
	"sealpost/smtp"
	"sealpost/smtp/dns"
	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/outbound"
	"sealpost/smtp/submission"
	"sealpost/smtp/submission/outbox"
	"sealpost/webmail"
	"sealpost/webmail/api"
	"sealpost/webmail/api/parcels"
	"sealpost/webmail/api/push"
)

// patience is how long a stop waits for mail that is being received and for
// clients to hear goodbye.
const patience = 30 * time.Second

// sealTime bounds looking at, sealing and storing one mail that has come.
const sealTime = 5 * time.Minute

// A server is an office with its doors open.
type server struct {
	*office
	identity *identity
	resolver *dns.Resolver
	finder   *discover.Finder
	signers  *signers
	reports  *reports

	smtp         *smtp.Server
	submission   *smtp.Server
	outgoingMail *submission.Handler
	sender       *outbound.Sender
	waiting      *outbox.Box
	sorting      *rules.Room
	knocking     *push.Room
	handed       *parcels.Room
	imap         *imap.Server
	door         *webmail.Door
	api          *api.API
	imports      *move.Imports
	web, plain   *http.Server
	metricsWeb   *http.Server
	control      *http.Server
	began        time.Time
	throttle     *account.Throttle
	arrivals     arrivals
	stored       atomic.Pointer[holdings]
	live         liveSettings
	keyWatch     *keyWatch
	limits       *limit.Ledger // nil on one machine
	jobs         jobs
	hours        *hours

	smtpDoors, imapDoors, imapsDoors []net.Listener
	submitDoors, submitsDoors        []net.Listener
	httpDoors, httpsDoors            []net.Listener
	metricsDoors                     []net.Listener
	sending                          context.CancelFunc
	running                          sync.WaitGroup // what ends with the server's context
	failed                           chan error     // a door that fell shut by itself
	leaving                          chan struct{}  // somebody asked the server to go
	phase                            phase
}

// occasions are what a caller may do along a start.
type occasions struct {
	prepare func(context.Context, *office) error // before the doors open
	ready   func(*server) error                  // once everything answers
	level   *slog.LevelVar                       // of the log, to change it; nil: it stays
	open    opener                               // of the engines; nil: as the settings say
}

// serve runs a server until a signal or the end of ctx.
func serve(ctx context.Context, settings config.Config, log *slog.Logger, on occasions) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	if on.open == nil {
		on.open = openEngines
	}
	if name := nodeName(settings.Cluster); name != "" {
		log = log.With("node", name)
	}
	s, err := newServer(ctx, settings, log, on.open)
	if err != nil {
		return err
	}
	s.live.level = on.level
	alive, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	if s.folder != nil { // in a cluster whoever keeps house does it: a start must not wait for all accounts
		err = s.heal(ctx)
	}
	if err == nil && on.prepare != nil {
		err = on.prepare(ctx, s.office)
	}
	if err == nil {
		err = s.openDoors(alive)
	}
	if err != nil {
		s.closeDoors()
		return errors.Join(err, s.office.Close())
	}
	s.phase.Store(serving)
	if on.ready != nil {
		err = on.ready(s)
	} else {
		log.Info("ready", "smtp", addresses(s.smtpDoors), "submission", addresses(s.submitDoors), "submissions", addresses(s.submitsDoors),
			"imap", addresses(s.imapDoors), "imaps", addresses(s.imapsDoors), "http", addresses(s.httpDoors), "https", addresses(s.httpsDoors), "metrics", addresses(s.metricsDoors))
	}
	if err == nil {
		err = s.wait(ctx, signals)
	}
	if err == nil && ctx.Err() == nil {
		s.drain(signals)
	}
	s.phase.Store(draining)
	s.stop(signals)
	end()
	s.running.Wait()
	s.imports.Wait()
	return errors.Join(err, s.office.Close())
}

// newServer builds everything once.
func newServer(ctx context.Context, settings config.Config, log *slog.Logger, open opener) (*server, error) {
	s := &server{began: time.Now(), failed: make(chan error, 1), leaving: make(chan struct{}, 1), resolver: newResolver(settings.DNS)}
	var err error
	if s.office, err = openOfficeOn(ctx, settings, log, open); err != nil {
		return nil, err
	}
	s.live.held = settings
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(err, s.office.Close())
	}
	return s, nil
}

func (s *server) build(ctx context.Context) error {
	c, keys := s.settings, s.roomOf(s.settings)
	s.finder, s.limits = s.newFinder(), s.newLedger()
	var err error
	if s.reports, err = s.newReports(); err != nil {
		return err
	}
	if s.door, err = s.newDoor(s.secret); err != nil {
		return err
	}
	s.identity, s.signers = newIdentity(c, keys.certs, s.door.Serves, s.log), &signers{rack: keys.dkim}
	if s.cluster != nil {
		s.identity.turn = s.acmeTurn
	}
	if err := errors.Join(s.identity.reload(), s.signers.reload(ctx)); err != nil {
		return err
	}
	strangers, judge := s.newInbound(), s.newScreen()
	strangers.Screen, strangers.Report, strangers.Received, strangers.Learn = judge, s.reports.dmarc, s.reports.received, s.learn
	s.arrivals = arrivals{strangers, s.newInbound(), s.newInbound()}
	s.sorting, s.knocking, s.handed = s.newRules(), s.newPush(), s.newParcels()
	s.smtp = &smtp.Server{
		Handler: strangers, Hostname: c.Hostname, TLS: s.identity.config(), Limits: smtpLimits(c.SMTP), Log: s.log, Mark: s.mark,
		Connect: connect(judge), Patience: c.Screen.Patience,
	}
	s.throttle = account.SharedThrottle(account.DefaultPaces(), time.Now, s.limits, "sign-in")
	s.desk.Throttle, s.desk.Limits = s.throttle, s.limits
	s.imports = s.newImports()
	s.outgoingMail = s.newSubmission()
	s.outgoingMail.Share(s.limits)
	s.reports.post = s.outgoingMail.System
	s.keyWatch = s.newKeyWatch()
	s.submission = &smtp.Server{
		Handler: s.outgoingMail, Hostname: c.Hostname, TLS: s.identity.config(), Limits: submissionLimits(c), Log: s.log, Mark: s.mark,
		SignIn: submission.SignIn{Door: account.Door{Book: s.book, Throttle: s.throttle, Scope: account.ScopeSMTP}, Unbound: !c.Submission.Binding},
	}
	if !s.queue.Strict {
		s.submission.Hold = c.Submission.Hold
	}
	if s.sender, err = s.newSender(s.arrivals.server); err != nil {
		return err
	}
	s.drop, s.readAgain, s.leave = s.sender.Drop, s.reload, s.askToLeave
	s.takes()
	s.waiting = s.newOutbox()
	s.hours = &hours{traffic: s.traffic, node: nodeName(c.Cluster), rows: s.papers.Drawer("hours"), log: s.log, now: time.Now}
	s.api = s.newAPI()
	s.door.API, s.door.Spec, s.door.Ready = s.api.Handler(), s.api.Spec, s.ready
	zone, err := time.LoadLocation(c.IMAP.Zone)
	if err != nil {
		return fmt.Errorf("imap.zone: %w", err)
	}
	s.imap = &imap.Server{
		Book: s.book, Store: s.store, Throttle: s.throttle, TLS: s.identity.config(), Key: s.vault.key, Log: s.log, Now: time.Now,
		Spool: c.Spool.Folder, Limits: imapLimits(c), Mark: s.mark, Zone: zone,
	}
	s.web = webmail.NewServer(s.door, s.log)
	s.web.RegisterOnShutdown(s.api.EndStreams)
	s.web.TLSConfig = s.identity.web()
	s.plain = webmail.NewServer(s.door.Plain(s.identity.challenges()), s.log)
	s.metricsWeb = webmail.NewServer(s.metricsDoor(), s.log)
	return nil
}

func smtpLimits(c config.SMTP) smtp.Limits {
	l := smtp.DefaultLimits
	l.Message, l.Recipients, l.Connections, l.PerAddress = c.MessageSize, c.Recipients, c.Connections, c.PerAddress
	l.Errors, l.Idle, l.Total = c.Errors, c.Idle, c.Total
	return l
}

func submissionLimits(c config.Config) smtp.Limits {
	l := smtpLimits(c.SMTP)
	l.Connections, l.PerAddress = c.Submission.Connections, c.Submission.PerAddress
	return l
}

func imapLimits(c config.Config) imap.Limits {
	l := imap.DefaultLimits
	l.Message, l.Connections, l.PerAddress, l.Idle = c.SMTP.MessageSize, c.IMAP.Connections, c.IMAP.PerAddress, c.IMAP.Idle
	return l
}

// openDoors listens everywhere before it serves anywhere: a port that is taken
// stops a start before any mail was accepted.
func (s *server) openDoors(ctx context.Context) error {
	c := s.settings
	for _, door := range []struct {
		role string // of the node, without which it stays shut; empty: any
		at   []string
		ls   *[]net.Listener
		key  string
	}{
		{config.RoleMX, c.SMTP.Listen, &s.smtpDoors, "smtp.listen"},
		{config.RoleIMAP, c.IMAP.Listen, &s.imapDoors, "imap.listen"},
		{config.RoleIMAP, c.IMAP.ListenTLS, &s.imapsDoors, "imap.listen_tls"},
		{config.RoleSubmission, c.Submission.Listen, &s.submitDoors, "submission.listen"},
		{config.RoleSubmission, c.Submission.ListenTLS, &s.submitsDoors, "submission.listen_tls"},
		{config.RoleWeb, c.HTTP.Listen, &s.httpDoors, "http.listen"},
		{config.RoleWeb, c.HTTP.ListenTLS, &s.httpsDoors, "http.listen_tls"},
		{"", c.Metrics.Listen, &s.metricsDoors, "metrics.listen"},
	} {
		if door.role != "" && !c.Cluster.Has(door.role) {
			continue
		}
		for _, at := range door.at {
			l, err := net.Listen("tcp", at)
			if err != nil {
				return fmt.Errorf("%s: %w", door.key, err)
			}
			if door.role != "" { // what asks how a node is comes to it by itself
				l = proxyproto.Listen(ctx, l, balancers(c), s.log)
			}
			*door.ls = append(*door.ls, l)
		}
	}
	if err := s.returnLost(ctx); err != nil { // before anybody puts new mail beside it
		return err
	}
	control, err := listenControl(c.Data)
	if err != nil {
		return err
	}
	s.control = serveControl(ctx, control, s.office)
	s.api.Import = s.importFrom(ctx)
	s.hours.read(ctx)
	s.open(s.smtpDoors, func(l net.Listener) error { return s.smtp.Serve(ctx, l) })
	s.open(s.imapDoors, func(l net.Listener) error { return s.imap.Serve(ctx, l, false) })
	s.open(s.imapsDoors, func(l net.Listener) error { return s.imap.Serve(ctx, l, true) })
	s.open(s.submitDoors, func(l net.Listener) error { return s.submission.Serve(ctx, l) })
	s.open(s.submitsDoors, func(l net.Listener) error { return s.submission.Serve(ctx, tls.NewListener(l, s.identity.config())) })
	s.open(s.httpDoors, func(l net.Listener) error { return s.plain.Serve(l) })
	s.open(s.httpsDoors, func(l net.Listener) error { return s.web.ServeTLS(l, "", "") })
	s.open(s.metricsDoors, func(l net.Listener) error { return s.metricsWeb.Serve(l) })
	sending, stop := context.WithCancel(ctx)
	s.sending = stop
	if c.Cluster.Has(config.RoleQueue) {
		s.running.Go(func() { s.send(sending) })
		s.running.Go(func() { s.waiting.Run(sending) })
	}
	s.running.Go(func() { s.knocking.Run(ctx) })
	s.running.Go(func() { s.shareLimits(ctx) })
	s.running.Go(func() { s.keepNode(ctx) })
	s.running.Go(func() { s.alone(ctx, jobHouse, s.keepHouse) })
	s.running.Go(func() { s.keepRemote(ctx) })
	s.running.Go(func() { s.moveAway(ctx) })
	s.running.Go(func() { s.followKeys(ctx, lookAgain) })
	s.running.Go(func() { forget(ctx) })
	s.running.Go(func() { s.hours.run(ctx) })
	go s.identity.warm(ctx) // no stop waits for an authority
	s.running.Go(func() { s.reports.run(ctx) })
	s.running.Go(func() { s.alone(ctx, jobReports, s.reports.send) })
	s.running.Go(func() { s.alone(ctx, jobKeys, s.keyWatch.run) })
	return nil
}

func (s *server) open(doors []net.Listener, serve func(net.Listener) error) {
	for _, l := range doors {
		s.running.Go(func() {
			if err := serve(l); err != nil && !errors.Is(err, imap.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
				select {
				case s.failed <- err:
				default:
				}
			}
		})
	}
}

// closeDoors undoes an openDoors that failed halfway.
func (s *server) closeDoors() {
	for _, doors := range [][]net.Listener{s.smtpDoors, s.imapDoors, s.imapsDoors, s.submitDoors, s.submitsDoors, s.httpDoors, s.httpsDoors, s.metricsDoors} {
		for _, l := range doors {
			l.Close()
		}
	}
}

// wait returns when it is time to stop.
func (s *server) wait(ctx context.Context, signals <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return err
		case <-s.leaving:
			s.log.Info("stopping", "asked", "drain")
			return nil
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				s.log.Info("stopping", "signal", sig.String())
				return nil
			}
			s.reload(ctx)
		}
	}
}

// stop closes the doors at once and lets those who are inside finish, until
// patience or a second signal ends.
func (s *server) stop(signals <-chan os.Signal) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case sig := <-signals:
				if sig != syscall.SIGHUP {
					cancel()
				}
			}
		}
	}()
	var all sync.WaitGroup
	s.sending()
	for _, shut := range []func(context.Context) error{
		s.smtp.Shutdown, s.submission.Shutdown, s.imap.Shutdown, s.web.Shutdown, s.plain.Shutdown, s.metricsWeb.Shutdown, s.control.Shutdown,
	} {
		all.Go(func() {
			if err := shut(ctx); err != nil {
				s.log.Warn("somebody was cut off", "error", err)
			}
		})
	}
	all.Wait()
	s.log.Info("stopped")
}

func addresses(doors []net.Listener) []string {
	all := []string{}
	for _, l := range doors {
		all = append(all, l.Addr().String())
	}
	return all
}

// send empties the queue until ctx ends.
func (s *server) send(ctx context.Context) {
	if err := s.sender.Run(ctx); err != nil && ctx.Err() == nil {
		select {
		case s.failed <- fmt.Errorf("send mail: %w", err):
		default:
		}
	}
}

// returnLost gives people back the mail that an earlier process of strict mode
// took and could not send. What cannot go back now goes at the next start.
func (s *server) returnLost(ctx context.Context) error {
	lost, err := s.queue.Lost(ctx)
	if err != nil {
		return fmt.Errorf("look for mail whose text is lost: %w", err)
	}
	for _, m := range lost {
		err := s.outgoingMail.Return(ctx, m)
		if err == nil {
			err = s.queue.Forget(ctx, m.ID)
		}
		if err != nil {
			s.log.Error("unsent mail could not go back to its sender", "mail", string(m.ID), "error", err)
		}
	}
	if len(lost) > 0 {
		s.log.Warn("unsent mail went back to its senders", "count", len(lost))
	}
	if !s.queue.Strict {
		return nil
	}
	return s.tidyOutboxes(ctx)
}

// tidyOutboxes removes the notices that no mail of the queue needs any more. While
// one is there that was not returned, or cannot be read, all stay.
func (s *server) tidyOutboxes(ctx context.Context) error {
	waiting, err := s.queue.List(ctx)
	if err != nil {
		return fmt.Errorf("look for mail that needs a notice: %w", err)
	}
	for _, m := range waiting {
		if m.Outbox != "" || len(m.Recipient) == 0 {
			return nil
		}
	}
	everybody, err := s.book.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	left := 0
	for _, a := range everybody {
		n, err := s.outgoingMail.Tidy(ctx, a.ID)
		if err != nil {
			s.log.Warn("notices stay in an Outbox", "account", string(a.ID), "error", err)
		}
		left += n
	}
	if left > 0 {
		s.log.Info("notices that nobody needs were removed", "count", left)
	}
	return nil
}
