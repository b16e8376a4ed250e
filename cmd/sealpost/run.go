package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"sealpost/account"
	"sealpost/config"
	"sealpost/imap"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/inbound"
)

// patience is how long a stop waits for mail that is being received and for
// clients to hear goodbye.
const patience = 30 * time.Second

// sealTime bounds looking at, sealing and storing one mail that has come.
const sealTime = 5 * time.Minute

// A server is an office with its doors open.
type server struct {
	*office
	identity identity
	smtp     *smtp.Server
	imap     *imap.Server
	control  *http.Server

	smtpDoors, imapDoors, imapsDoors []net.Listener
	running                          sync.WaitGroup // what ends with the server's context
	failed                           chan error     // a door that fell shut by itself
}

// occasions are what a caller may do along a start.
type occasions struct {
	prepare func(context.Context, *office) error // before the doors open
	ready   func(*server) error                  // once everything answers
}

// serve runs a server until a signal or the end of ctx.
func serve(ctx context.Context, settings config.Config, log *slog.Logger, on occasions) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	s, err := newServer(ctx, settings, log)
	if err != nil {
		return err
	}
	alive, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	err = s.heal(ctx)
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
	if on.ready != nil {
		err = on.ready(s)
	} else {
		log.Info("ready", "smtp", addresses(s.smtpDoors), "imap", addresses(s.imapDoors), "imaps", addresses(s.imapsDoors))
	}
	if err == nil {
		err = s.wait(ctx, signals)
	}
	s.stop(signals)
	end()
	s.running.Wait()
	return errors.Join(err, s.office.Close())
}

// newServer builds everything once.
func newServer(ctx context.Context, settings config.Config, log *slog.Logger) (*server, error) {
	s := &server{identity: identity{files: settings.TLS}, failed: make(chan error, 1)}
	if err := s.identity.reload(); err != nil {
		return nil, err
	}
	var err error
	if s.office, err = openOffice(ctx, settings, log); err != nil {
		return nil, err
	}
	s.smtp = &smtp.Server{
		Handler: &inbound.Handler{
			Book:     s.book,
			Store:    s.store,
			Hostname: settings.Hostname,
			Domain:   settings.Domains[0],
			Spool:    settings.Spool.Folder,
			Memory:   settings.Spool.Memory,
			Message:  settings.SMTP.MessageSize,
			Look:     mail.DefaultLimits,
			Time:     sealTime,
			Log:      log,
			Now:      time.Now,
		},
		Hostname: settings.Hostname,
		TLS:      s.identity.config(),
		Limits:   smtpLimits(settings.SMTP),
		Log:      log,
	}
	s.imap = &imap.Server{
		Book:     s.book,
		Store:    s.store,
		Throttle: account.NewThrottle(account.DefaultPaces(), time.Now),
		TLS:      s.identity.config(),
		Log:      log,
		Now:      time.Now,
		Spool:    settings.Spool.Folder,
		Limits:   imapLimits(settings),
	}
	return s, nil
}

func smtpLimits(c config.SMTP) smtp.Limits {
	l := smtp.DefaultLimits
	l.Message, l.Recipients, l.Connections, l.PerAddress = c.MessageSize, c.Recipients, c.Connections, c.PerAddress
	l.Errors, l.Idle, l.Total = c.Errors, c.Idle, c.Total
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
		at  []string
		ls  *[]net.Listener
		key string
	}{
		{c.SMTP.Listen, &s.smtpDoors, "smtp.listen"},
		{c.IMAP.Listen, &s.imapDoors, "imap.listen"},
		{c.IMAP.ListenTLS, &s.imapsDoors, "imap.listen_tls"},
	} {
		for _, at := range door.at {
			l, err := net.Listen("tcp", at)
			if err != nil {
				return fmt.Errorf("%s: %w", door.key, err)
			}
			*door.ls = append(*door.ls, l)
		}
	}
	control, err := listenControl(c.Data)
	if err != nil {
		return err
	}
	s.control = serveControl(ctx, control, s.office)
	s.open(s.smtpDoors, func(l net.Listener) error { return s.smtp.Serve(ctx, l) })
	s.open(s.imapDoors, func(l net.Listener) error { return s.imap.Serve(ctx, l, false) })
	s.open(s.imapsDoors, func(l net.Listener) error { return s.imap.Serve(ctx, l, true) })
	s.running.Go(func() { s.keepHouse(ctx) })
	s.running.Go(func() { forget(ctx) })
	return nil
}

func (s *server) open(doors []net.Listener, serve func(net.Listener) error) {
	for _, l := range doors {
		s.running.Go(func() {
			if err := serve(l); err != nil && !errors.Is(err, imap.ErrClosed) {
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
	for _, doors := range [][]net.Listener{s.smtpDoors, s.imapDoors, s.imapsDoors} {
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
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				s.log.Info("stopping", "signal", sig.String())
				return nil
			}
			if err := s.identity.reload(); err != nil {
				s.log.Error("the TLS certificate stays as it was", "error", err)
			} else {
				s.log.Info("the TLS certificate was read again")
			}
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
	for _, shut := range []func(context.Context) error{s.smtp.Shutdown, s.imap.Shutdown, s.control.Shutdown} {
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
