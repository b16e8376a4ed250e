package main

import (
	"net/http"
	"time"

	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/submission/outbox"
	"sealpost/webmail/api"
	"sealpost/webmail/api/push"
)

// newOutbox holds mail that its sender may still take back.
func (s *server) newOutbox() *outbox.Box {
	return &outbox.Box{
		Queue: s.outbox, Submit: s.outgoingMail, Strict: s.queue.Strict, Local: s.arrivals.server,
		Hostname: s.settings.Hostname, Changed: func(id string) { s.store.Bus.Publish(api.OutboxTopic(id)) }, Log: s.log, Now: time.Now,
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
	}
	s.arrivals.world.Stored, s.arrivals.people.Stored, s.arrivals.server.Stored = r.Stored, r.Stored, r.Stored
	return r
}

// pictures fetches what mail shows of others' servers, where its reader wants that.
func (s *server) pictures() *http.Client { return api.PictureClient(s.finder.HTTP) }
