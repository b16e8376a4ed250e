// Package dav shows a drive to programs of the same machine as a network drive: WebDAV
// (RFC 4918, classes 1 and 2), with everything sealed and opened here.
//
// It holds the owner's drive, the name and password that its clients show, locks, and
// what was read of folders a moment ago; of files, a few parts that are on their way. It
// never knows the master key, a mail, or another drawer's key than the drive's; what is
// readable is in memory and goes to who showed the password, and never to a disk.
//
// Invariants: nothing is answered to who has not shown the password, or to a page in a
// browser; a file is sealed while it comes, and stands in its folder only when all of it
// came; what was there before becomes its older version or goes to the trash; only what
// was authenticated is sent, and a file that breaks off does not look whole; a folder is
// changed by compare-and-swap, however many changes are gathered; memory, requests,
// locks and waits are bounded.
package dav

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/net/webdav"

	"sealpost/webmail/api/client"
	"sealpost/webmail/api/client/files"
)

// Config is what a bridge is made of.
type Config struct {
	Drive    *files.Drive
	Root     string // a folder of the drive, shown as the topmost; empty: all of it
	User     string
	Password string
	Anywhere bool // not only loopback asks, so names of other hosts are taken that are addresses
	ReadOnly bool
	Spool    func() (*os.File, error) // a file without a name, for sealed octets; nil: of the system's place
	Log      *slog.Logger
}

const (
	mostRequests = 64 // at the same time
	mostParts    = 12 // of 8 MiB, in memory
	mostEnds     = 64 // of files, some 200 KB each
	mostXML      = 64 << 10
	mostLocks    = 1000
	longestLock  = time.Hour
	idle         = 2 * time.Minute // a body, or who takes an answer, that does not move
)

// Bridge is an http.Handler.
type Bridge struct {
	Config
	tree  *tree
	ends  *files.Ends
	small *small
	into  files.Into
	inner *webdav.Handler
	busy  chan struct{}
	usage atomic.Pointer[usage]
	wall  guard
}

// New makes a bridge to a folder that is there.
func New(ctx context.Context, c Config) (*Bridge, error) {
	if c.Spool == nil {
		c.Spool = nameless
	}
	b := &Bridge{
		Config: c, tree: newTree(c.Drive), ends: files.NewEnds(mostEnds), small: &small{drive: c.Drive},
		into: files.Into{Room: client.NewRoom(mostParts), Spool: c.Spool}, busy: make(chan struct{}, mostRequests),
	}
	b.wall = newGuard(c)
	if err := b.tree.from(ctx, c.Root); err != nil {
		return nil, err
	}
	b.inner = &webdav.Handler{FileSystem: &system{b}, LockSystem: newLocks(), Logger: b.note}
	return b, nil
}

// Server is one that serves the bridge within bounds.
func (b *Bridge) Server() *http.Server {
	return &http.Server{
		Handler: b, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
	}
}

func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "private, no-store")
	head.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("X-Content-Type-Options", "nosniff")
	if no := b.wall.refuse(w, r); no != nil {
		no.write(w)
		return
	}
	select {
	case b.busy <- struct{}{}:
		defer func() { <-b.busy }()
	default:
		refusal{http.StatusServiceUnavailable, "Too many requests at the same time."}.write(w)
		return
	}
	a := newAsked(w, r)
	if no := b.look(a, r); no != nil {
		no.write(w)
		return
	}
	defer a.end()
	r = a.request(r)
	if no := lookAtXML(r); no != nil {
		no.write(w)
		return
	}
	answer := a.answer(w)
	b.inner.ServeHTTP(answer, r)
	answer.begin()
}

// note logs what failed, without names.
func (b *Bridge) note(r *http.Request, _ error) {
	if err := askedOf(r.Context()).fault(); err != nil && b.Log != nil {
		if status, _ := statusOf(err); status >= 500 {
			b.Log.Warn("a request failed", "method", r.Method, "status", status)
		}
	}
}

// nameless is a file that has no name once it is open.
func nameless() (*os.File, error) {
	f, err := os.CreateTemp("", "sealpost-*")
	if err == nil {
		os.Remove(f.Name()) // where that fails the file has sealed octets, and the system clears it away
	}
	return f, err
}
