package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	rooms "sealpost/mailstore/cabinet"
)

const (
	heartbeat   = 20 * time.Second // keeps proxies from taking a stream for dead, and finds out who left
	streamTime  = time.Hour        // after it the client comes again, from where it was
	eventPause  = 100 * time.Millisecond
	retryMillis = 2000
)

// OutboxTopic and AccountTopic are where changes of an account's outbox, and of the
// account itself, are published on the bus for its streams of events.
func OutboxTopic(account string) string  { return "outbox " + account }
func AccountTopic(account string) string { return "account " + account }

type eventsAsked struct {
	raw
	Last      string `query:"last" maxLength:"64" doc:"as Last-Event-ID, for who cannot set headers"`
	LastEvent string `header:"Last-Event-ID" maxLength:"64" doc:"MODSEQ.VERSION of what is known"`
}

func eventOperations(s service) {
	route(s, op{
		name: "events", method: http.MethodGet, path: "/events", tag: tagMail, access: forAccount, time: -1,
		about: "A stream of hints that something changed: mail {modseq}, cabinet {version}, outbox {}, brought {} (a file, by a stranger), account {}, and bye {} when the session is over. " +
			"The id of each is MODSEQ.VERSION.",
		answer: octets("text/event-stream"),
	}, func(ctx context.Context, in *eventsAsked) (*stream, error) {
		leave, err := s.gates.stream.enter(who(ctx).ID)
		if err != nil {
			return nil, err
		}
		l := &listener{API: s.API, owner: owner(ctx), request: in.r}
		l.told = readMark(in.LastEvent)
		if in.LastEvent == "" {
			l.told = readMark(in.Last)
		}
		return streamed(func(w http.ResponseWriter, r *http.Request) {
			defer leave()
			l.w, l.control = w, http.NewResponseController(w)
			l.run(r.Context())
		}), nil
	})
}

// mark is what a client knows.
type mark struct{ modseq, version uint64 }

// readMark reads MODSEQ.VERSION; what is not that knows nothing.
func readMark(text string) (m mark) {
	a, b, _ := strings.Cut(text, ".")
	modseq, err1 := strconv.ParseUint(a, 10, 63)
	version, err2 := strconv.ParseUint(b, 10, 63)
	if err1 != nil || err2 != nil {
		return mark{}
	}
	return mark{modseq, version}
}

// listener is one stream.
type listener struct {
	*API
	owner   mailstore.Owner
	request *http.Request
	w       http.ResponseWriter
	control *http.ResponseController
	told    mark
	first   bool
}

// run tells until the client leaves, the session ends or it is time to come again. A
// wake-up says only that something changed: what did is always read.
func (l *listener) run(ctx context.Context) {
	mail, end := l.Store.Bus.Subscribe(string(l.owner))
	defer end()
	boxes, end := l.Store.Bus.Subscribe(rooms.Topic(l.owner))
	defer end()
	outbox, end := l.Store.Bus.Subscribe(OutboxTopic(string(l.owner)))
	defer end()
	changed, end := l.Store.Bus.Subscribe(AccountTopic(string(l.owner)))
	defer end()
	revoked, end := l.Store.Bus.Subscribe(account.Topic(account.ID(l.owner)))
	defer end()
	brought, end := l.Store.Bus.Subscribe(drive.Topic(drive.Owner(l.owner)))
	defer end()
	beat := time.NewTicker(l.beatEvery())
	defer beat.Stop()
	over := time.NewTimer(streamTime)
	defer over.Stop()

	h := l.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	l.first = true
	if !l.say("retry: %d\n\n", retryMillis) || !l.news(ctx) {
		return
	}
	for ok := true; ok; {
		select {
		case <-ctx.Done():
			return
		case <-l.stopped:
			return
		case <-over.C:
			return
		case <-mail:
			ok = l.news(ctx)
		case <-boxes:
			ok = l.news(ctx)
		case <-outbox:
			ok = l.tell("outbox", "{}")
		case <-brought:
			ok = l.tell("brought", "{}")
		case <-changed:
			ok = l.alive() && l.tell("account", "{}")
		case <-revoked:
			ok = l.alive()
		case <-beat.C:
			ok = l.alive() && l.say(": \n\n")
		}
	}
}

func (a *API) beatEvery() time.Duration {
	if a.heartbeat > 0 {
		return a.heartbeat
	}
	return heartbeat
}

// news reads how far mail and cabinet have come, and tells what moved. Changes come in
// swarms: the next look waits a moment.
func (l *listener) news(ctx context.Context) bool {
	if !l.first {
		select {
		case <-time.After(eventPause):
		case <-ctx.Done():
			return false
		}
	}
	modseq, err := l.Store.Index.Modseq(ctx, l.owner)
	if err != nil {
		return false
	}
	shelf, err := l.Cabinet.Store.Shelf(ctx, l.owner)
	if err != nil {
		return false
	}
	was := l.told
	l.told = mark{uint64(modseq), uint64(shelf.Change)}
	ok := true
	if was.modseq != l.told.modseq { // less: a backup was restored
		ok = l.tell("mail", fmt.Sprintf(`{"modseq":%d}`, l.told.modseq))
	}
	if was.version != l.told.version {
		ok = ok && l.tell("cabinet", fmt.Sprintf(`{"version":%d}`, l.told.version))
	}
	l.first = false
	return ok
}

func (l *listener) tell(event, data string) bool {
	return l.say("event: %s\nid: %d.%d\ndata: %s\n\n", event, l.told.modseq, l.told.version, data)
}

func (l *listener) say(format string, args ...any) bool {
	_ = l.control.SetWriteDeadline(time.Now().Add(l.beatEvery() * 3 / 4)) // the clock of the sockets
	defer func() { _ = l.control.SetWriteDeadline(time.Time{}) }()        // HTTP/2 ends a stream at it, written to or not
	if _, err := fmt.Fprintf(l.w, format, args...); err != nil {
		return false
	}
	return l.control.Flush() == nil
}

// alive asks again who this is: a session that was revoked, an app password that is
// gone, an account that was removed end the stream.
func (l *listener) alive() bool {
	c, known := maybe(l.request.Context())
	r, p := l.identify(l.request.WithContext(context.WithValue(l.request.Context(), callerKey{}, nil)))
	now, still := maybe(r.Context())
	if p != nil && p.Status == http.StatusTooManyRequests {
		return true // not known; the next beat asks again
	}
	if p == nil && known && still && now.ID == c.ID && now.Session == c.Session && now.Password == c.Password {
		return true
	}
	l.tell("bye", "{}")
	return false
}
