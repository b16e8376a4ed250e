package main

import (
	"context"
	"net/http"
	"time"

	"sealpost/account"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/submission/outbox"
	"sealpost/webmail/api"
	"sealpost/webmail/api/parcels"
	"sealpost/webmail/api/push"
)

// newOutbox holds mail that its sender may still take back.
func (s *server) newOutbox() *outbox.Box {
	return &outbox.Box{
		Queue: s.outbox, Submit: s.outgoingMail, Strict: s.queue.Strict, Local: s.arrivals.server,
		Hostname: s.settings.Hostname, Changed: func(id string) { s.store.Bus.Publish(api.OutboxTopic(id)) },
		Names: s.papers.Drawer("sendings"), Log: s.log, Now: time.Now,
	}
}

// newRules does what people asked for with mail that arrives, but for the server's own
// notices.
func (s *server) newRules() *rules.Room {
	r := &rules.Room{
		Rules: s.papers.Drawer("rules"), Heard: s.papers.Drawer("heard"), Book: s.book, Keys: s.finder, Queue: s.queue,
		Local: s.arrivals.people, Spool: s.settings.Spool.Folder, Log: s.log, Now: time.Now,
	}
	s.arrivals.world.Rules, s.arrivals.people.Rules = r, r
	return r
}

// newPush knocks at browsers when mail reached an INBOX.
func (s *server) newPush() *push.Room {
	r := &push.Room{
		Places: s.papers.Drawer("push"), Key: s.papers.Drawer("push key"), HTTP: s.finder.HTTP,
		About: "mailto:postmaster@" + asciiName(s.settings.Domains[0]), Log: s.log, Now: time.Now,
		Live: func(ctx context.Context, id, session string) (bool, error) {
			return s.desk.Lives(ctx, account.ID(id), session)
		},
	}
	s.arrivals.world.Stored, s.arrivals.people.Stored, s.arrivals.server.Stored = r.Stored, r.Stored, r.Stored
	return r
}

// newParcels hands out what people sealed under a password for somebody outside.
func (s *server) newParcels() *parcels.Room {
	kept := &cabinet.Cabinet{Store: s.cabinet, Blobs: s.blobs, Bus: s.store.Bus, Log: s.log}
	return &parcels.Room{Cabinet: kept, Answers: s.papers.Drawer("parcel"), Now: time.Now}
}

// endParcels removes the parcels that have ended.
func (s *server) endParcels(ctx context.Context) error {
	all, err := s.book.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		if _, err := s.handed.Tidy(ctx, mailstore.Owner(a.ID)); err != nil {
			return err
		}
	}
	return nil
}

// pictures fetches what mail shows of others' servers, where its reader wants that.
func (s *server) pictures() *http.Client { return api.PictureClient(s.finder.HTTP) }
