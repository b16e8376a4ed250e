package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	rooms "sealpost/mailstore/cabinet"
)

// CabinetList is what changed in a cabinet.
type CabinetList struct {
	Version  uint64        `json:"version" doc:"of the cabinet: ask with it as since"`
	Complete bool          `json:"complete" doc:"false: since is so old that removed boxes were forgotten, or a backup was restored; ask again with 0 and compare"`
	Items    []CabinetItem `json:"items" nullable:"false"`
}

// CabinetItem is one box, or one that was removed.
type CabinetItem struct {
	Drawer   string    `json:"drawer"`
	Name     string    `json:"name"`
	Version  uint64    `json:"version" doc:"of this box, from 1; one that comes back after it was removed goes on counting"`
	Size     int64     `json:"size"`
	Change   uint64    `json:"change" doc:"of the cabinet"`
	Modified time.Time `json:"modified"`
	Gone     bool      `json:"gone"`
}

const (
	tagCabinet = "Cabinet"
	mostBox    = 16 << 20
	boxTime    = 10 * time.Minute
	largeBox   = 1 << 20
)

type boxAsked struct {
	raw
	Drawer  string `path:"drawer" maxLength:"64" doc:"settings, contacts, drafts, pages, segments, pins, searches, templates, files, parcels, receipts, drive"`
	Name    string `path:"name" maxLength:"64" doc:"1 to 64 of A-Za-z0-9_-"`
	Match   string `header:"If-Match" maxLength:"64" doc:"the version that is replaced or removed, in quotes"`
	NoMatch string `header:"If-None-Match" maxLength:"64" doc:"*: there must be none"`
}

func (b *boxAsked) place() rooms.Place { return rooms.Place{Drawer: b.Drawer, Name: b.Name} }

func cabinetOperations(s service) {
	route(s, op{
		name: "cabinet", method: http.MethodGet, path: "/cabinet", tag: tagCabinet, access: forAccount, time: flowTime,
		about: "What an account's clients sealed for each other: all boxes, or those that changed.",
	}, func(ctx context.Context, in *struct {
		Since uint64 `query:"since" doc:"version of the cabinet; 0: all"`
	}) (*body[CabinetList], error) {
		l, err := s.Cabinet.Store.List(ctx, owner(ctx), rooms.Change(in.Since))
		out := CabinetList{Version: uint64(l.Change), Complete: l.Complete || in.Since == 0, Items: make([]CabinetItem, len(l.Boxes))}
		for i, b := range l.Boxes {
			out.Items[i] = boxItemOf(b)
		}
		return &body[CabinetList]{out}, err
	})
	const place = "/cabinet/{drawer}/{name}"
	route(s, op{
		name: "box", method: http.MethodGet, path: place, tag: tagCabinet, access: forAccount, time: flowTime,
		about: "One box; its ETag is its version.", answer: octets("application/octet-stream"),
	}, s.sendBox)
	route(s, op{
		name: "put-box", method: http.MethodPut, path: place, tag: tagCabinet, access: forAccount, time: boxTime, body: mostBox,
		accept: octets("application/octet-stream"),
		about:  `Puts a box: If-Match: "VERSION" replaces that version by the next, If-None-Match: * puts the first. A box that was removed comes back with If-Match and its last version. 412 has the version that is there as ETag.`,
	}, s.putBox)
	route(s, op{
		name: "remove-box", method: http.MethodDelete, path: place, tag: tagCabinet, access: forAccount,
		about: "Removes a box that is at the version of If-Match.",
	}, func(ctx context.Context, in *boxAsked) (*body[CabinetItem], error) {
		was, err := in.was()
		if err != nil {
			return nil, err
		}
		b, err := s.removeBox(ctx, in.place(), was)
		if err != nil {
			return nil, disputed(err)
		}
		return &body[CabinetItem]{boxItemOf(b)}, nil
	})
}

// removeBox and keepBox do with a box what its drawer asks for: parcels are boxes that
// strangers may have.
func (s service) removeBox(ctx context.Context, p rooms.Place, was rooms.Version) (rooms.Box, error) {
	if p.Drawer == parcelDrawer && s.Parcels != nil {
		return s.Parcels.Remove(ctx, owner(ctx), p.Name, was)
	}
	return s.Cabinet.Remove(ctx, owner(ctx), p, was)
}

func (s service) keepBox(ctx context.Context, p rooms.Place, was rooms.Version, box []byte) (rooms.Box, error) {
	switch {
	case p.Drawer != parcelDrawer:
		return s.Cabinet.Put(ctx, owner(ctx), p, was, box)
	case s.Parcels == nil:
		return rooms.Box{}, rooms.ErrName
	}
	return s.Parcels.Put(ctx, owner(ctx), p.Name, was, box)
}

func boxItemOf(b rooms.Box) CabinetItem {
	return CabinetItem{
		Drawer: b.Drawer, Name: b.Name, Version: uint64(b.Version), Size: b.Blob.Size, Change: uint64(b.Change), Modified: b.Modified, Gone: b.Gone,
	}
}

func tagOf(v rooms.Version) string { return `"` + strconv.FormatUint(uint64(v), 10) + `"` }

// was is the version that the caller has seen.
func (b *boxAsked) was() (rooms.Version, error) {
	switch {
	case b.Match == "" && b.NoMatch == "*":
		return 0, nil
	case b.Match == "" || b.NoMatch != "":
		return 0, problem(http.StatusPreconditionRequired, "precondition", "Say which version is replaced").
			detailed(`expected If-Match: "VERSION", or If-None-Match: *`)
	}
	v, err := strconv.ParseUint(strings.Trim(b.Match, `"`), 10, 63)
	if err != nil || v == 0 || b.Match != tagOf(rooms.Version(v)) {
		return 0, badInput(`If-Match: expected "VERSION"`)
	}
	return rooms.Version(v), nil
}

// disputed tells who lost which version won.
func disputed(err error) error {
	var c rooms.Conflict
	if !errors.As(err, &c) {
		return err
	}
	p := problem(http.StatusPreconditionFailed, "conflict", "It was changed by another of your devices")
	if c.Version > 0 {
		p.etag = tagOf(c.Version)
	}
	return p
}

func (s service) sendBox(ctx context.Context, in *boxAsked) (*stream, error) {
	leave, err := s.gates.heavy.enter(who(ctx).ID)
	if err != nil {
		return nil, err
	}
	b, blob, err := s.Cabinet.Open(ctx, owner(ctx), in.place())
	if err != nil {
		leave()
		return nil, err
	}
	return streamed(func(w http.ResponseWriter, r *http.Request) {
		defer leave()
		defer blob.Close()
		w.Header().Set("ETag", tagOf(b.Version))
		w.Header().Set("Content-Type", "application/octet-stream")
		s.serve(ctx, s.flow(w), r, "box", blob, blob.Size())
	}), nil
}

// putBox holds a box in memory while it comes: large ones are few at a time.
func (s service) putBox(ctx context.Context, in *boxAsked) (*body[CabinetItem], error) {
	was, err := in.was()
	if err != nil {
		return nil, err
	}
	if !in.place().Valid() {
		return nil, rooms.ErrName
	}
	at := &s.gates.heavy
	if in.r.ContentLength < 0 || in.r.ContentLength > largeBox {
		at = &s.gates.large
	}
	leave, err := at.enter(who(ctx).ID)
	if err != nil {
		return nil, err
	}
	defer leave()
	box, err := io.ReadAll(in.r.Body)
	if err != nil {
		return nil, unread(err)
	}
	b, err := s.keepBox(ctx, in.place(), was, box)
	if err != nil {
		return nil, disputed(err)
	}
	return &body[CabinetItem]{boxItemOf(b)}, nil
}
