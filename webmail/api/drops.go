package api

import (
	"context"
	"net/http"
	"time"

	"sealpost/filestore/drive"
)

// FileRequest is a link by which somebody without an account brings files.
type FileRequest struct {
	ID        string    `json:"id"`
	Box       []byte    `json:"box"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
	MostFiles int64     `json:"most_files"`
	MostBytes int64     `json:"most_bytes"`
	Files     int64     `json:"files" doc:"that came or are on their way"`
	Bytes     int64     `json:"bytes" doc:"of them"`
	State     string    `json:"state" enum:"open,expired,revoked"`
}

// NewFileRequest is one to be made.
type NewFileRequest struct {
	Box       []byte     `json:"box" maxLength:"5464" doc:"sealed for who has the request's secret: the words of its page, and the owner's key; at most 4 KiB"`
	Expires   *time.Time `json:"expires,omitempty" doc:"at most 90 days from now; else in 7"`
	MostFiles int64      `json:"most_files" minimum:"1" maximum:"10000"`
	MostBytes int64      `json:"most_bytes" minimum:"1" doc:"in all, sealed and padded"`
}

// FileRequestChange changes a request; what is not there stays.
type FileRequestChange struct {
	Expires   *time.Time `json:"expires,omitempty"`
	MostFiles *int64     `json:"most_files,omitempty"`
	MostBytes *int64     `json:"most_bytes,omitempty"`
	Revoked   *bool      `json:"revoked,omitempty" doc:"true: for good"`
}

// FileRequests are those of an account.
type FileRequests struct {
	Requests []FileRequest `json:"requests" nullable:"false"`
}

// Drop is what a request's page is told.
type Drop struct {
	Box     []byte    `json:"box"`
	Expires time.Time `json:"expires"`
	Files   int64     `json:"files" doc:"that may still come"`
	Bytes   int64     `json:"bytes" doc:"that they may have in all"`
	Report  string    `json:"report,omitempty" doc:"where abuse of this page may be reported"`
}

// DropHead goes with a file that is complete.
type DropHead struct {
	Head []byte `json:"head" minLength:"1" maxLength:"5464" doc:"sealed for the owner; at most 4 KiB"`
}

const tagRequests = "Upload requests"

func requestOperations(s service) {
	if s.Files == nil {
		return
	}
	const one = "/requests/{id}"
	route(s, op{
		name: "make-request", method: http.MethodPost, path: "/requests", tag: tagRequests, access: forAccount, status: http.StatusCreated,
		about: "Makes a link by which somebody without an account brings files.",
	}, func(ctx context.Context, in *struct{ Body NewFileRequest }) (*body[FileRequest], error) {
		r := drive.Request{Box: in.Body.Box, MostFiles: in.Body.MostFiles, MostBytes: in.Body.MostBytes}
		if in.Body.Expires != nil {
			r.Expires = *in.Body.Expires
		}
		r, err := s.Files.Request(ctx, driveOwner(ctx), r)
		return &body[FileRequest]{s.requestOf(r)}, err
	})
	route(s, op{
		name: "requests", method: http.MethodGet, path: "/requests", tag: tagRequests, access: forAccount,
		about: "The upload requests of an account. What came by them is listed by /files?brought=true.",
	}, func(ctx context.Context, _ *struct{}) (*body[FileRequests], error) {
		all, err := s.Files.Store.Requests(ctx, driveOwner(ctx))
		out := FileRequests{Requests: []FileRequest{}}
		for _, r := range all {
			out.Requests = append(out.Requests, s.requestOf(r))
		}
		return &body[FileRequests]{out}, err
	})
	route(s, op{
		name: "change-request", method: http.MethodPatch, path: one, tag: tagRequests, access: forAccount,
		about: "Changes when a request ends and what it takes, or revokes it.",
	}, func(ctx context.Context, in *struct {
		InFile
		Body FileRequestChange
	}) (*body[FileRequest], error) {
		id, err := in.file()
		if err != nil {
			return nil, err
		}
		w := drive.ChangeRequest{
			ID: id, Expires: in.Body.Expires, MostFiles: in.Body.MostFiles, MostBytes: in.Body.MostBytes, Revoke: in.Body.Revoked != nil && *in.Body.Revoked,
		}
		r, err := s.Files.ChangeRequest(ctx, driveOwner(ctx), w)
		return &body[FileRequest]{s.requestOf(r)}, err
	})
	route(s, op{
		name: "remove-request", method: http.MethodDelete, path: one, tag: tagRequests, access: forAccount,
		about: "Ends a request and forgets it. What came by it stays.",
	}, func(ctx context.Context, in *InFile) (*struct{}, error) {
		id, err := in.file()
		if err == nil {
			err = s.Files.RemoveRequest(ctx, driveOwner(ctx), id)
		}
		return nil, err
	})
}

func (a *API) requestOf(r drive.Request) FileRequest {
	out := FileRequest{
		ID: r.ID.String(), Box: r.Box, Created: r.Created, Expires: r.Expires, MostFiles: r.MostFiles, MostBytes: r.MostBytes,
		Files: r.Files, Bytes: r.Bytes, State: "open",
	}
	switch {
	case r.Revoked:
		out.State = "revoked"
	case !r.Open(a.Now()):
		out.State = "expired"
	}
	return out
}

// InDrop names a file that a stranger brings. Its id is known to him alone.
type InDrop struct {
	ID   string `path:"id" maxLength:"64"`
	File string `path:"file" maxLength:"64"`
}

type dropAsked struct {
	raw
	InDrop
}

type dropPart struct {
	raw
	InDrop
	N int `path:"n" minimum:"0" doc:"from 0"`
}

func dropOperations(s service) {
	if s.Files == nil {
		return
	}
	const one, file = "/drops/{id}", "/drops/{id}/files/{file}"
	route(s, op{
		name: "drop", method: http.MethodGet, path: one, tag: tagRequests, access: forAnybody,
		about: "What a request's page needs. 404 if the request is over, was taken back, or never was.",
	}, func(ctx context.Context, in *sharedAsked) (*body[Drop], error) {
		r, leave, err := s.asked(ctx, in.r, in.ID, s.strangers)
		if err != nil {
			return nil, err
		}
		defer leave()
		return &body[Drop]{Drop{Box: r.Box, Expires: r.Expires, Files: max(r.MostFiles-r.Files, 0), Bytes: max(r.MostBytes-r.Bytes, 0), Report: s.Report}}, nil
	})
	route(s, op{
		name: "begin-drop", method: http.MethodPost, path: one + "/files", tag: tagRequests, access: forAnybody, status: http.StatusCreated,
		about: "Declares a file that a stranger brings. It counts against the request and the owner's quota. With an Idempotency-Key it is declared once, however often it is asked.",
	}, func(ctx context.Context, in *struct {
		raw
		InFile
		Body NewFile
	}) (*body[File], error) {
		r, leave, err := s.asked(ctx, in.r, in.ID, s.bringers)
		if err != nil {
			return nil, err
		}
		defer leave()
		o, err := s.Files.Begin(ctx, drive.By{Owner: r.Owner, Request: r.ID}, in.Body.Size)
		return &body[File]{s.fileOf(o)}, err
	})
	route(s, op{
		name: "dropped-file", method: http.MethodGet, path: file, tag: tagRequests, access: forAnybody,
		about: "Which parts of it are there.",
	}, func(ctx context.Context, in *dropAsked) (*body[File], error) {
		r, leave, err := s.asked(ctx, in.r, in.ID, s.visitors)
		if err != nil {
			return nil, err
		}
		defer leave()
		f, err := s.file(ctx, drive.By{Owner: r.Owner, Request: r.ID}, &InFile{in.File})
		f.Head = nil
		return &body[File]{f}, err
	})
	dropOnItsWay(s, file)
}

// dropOnItsWay are the operations of a file that a stranger began to bring.
func dropOnItsWay(s service, file string) {
	route(s, op{
		name: "give-up-drop", method: http.MethodDelete, path: file, tag: tagRequests, access: forAnybody,
		about: "Gives up a file that is on its way: its room, and its place in the request, are free again. One that is complete stays.",
	}, func(ctx context.Context, in *dropAsked) (*struct{}, error) {
		r, leave, err := s.asked(ctx, in.r, in.ID, s.visitors)
		if err != nil {
			return nil, err
		}
		defer leave()
		id, err := drive.ParseID(in.File)
		if err == nil {
			err = s.Files.Remove(ctx, drive.By{Owner: r.Owner, Request: r.ID}, id)
		}
		return nil, err
	})
	route(s, op{
		name: "put-drop-part", method: http.MethodPut, path: file + "/parts/{n}", tag: tagRequests, access: forAnybody, time: partTime, body: drive.PartSize,
		accept: octets("application/octet-stream"), about: "Sends one part of it, as put-part does.",
	}, func(ctx context.Context, in *dropPart) (*struct{}, error) {
		r, leave, err := s.asked(ctx, in.r, in.ID, s.visitors)
		if err != nil {
			return nil, err
		}
		defer leave()
		return nil, s.putPart(ctx, drive.By{Owner: r.Owner, Request: r.ID}, &partAsked{raw: in.raw, InFile: InFile{in.File}, N: in.N})
	})
	route(s, op{
		name: "complete-drop", method: http.MethodPost, path: file + "/complete", tag: tagRequests, access: forAnybody,
		about: "Makes it complete, and leaves what its owner needs to open it.",
	}, func(ctx context.Context, in *struct {
		raw
		InDrop
		Body DropHead
	}) (*struct{}, error) {
		r, leave, err := s.asked(ctx, in.r, in.ID, s.visitors)
		if err != nil {
			return nil, err
		}
		defer leave()
		id, err := drive.ParseID(in.File)
		if err == nil {
			_, err = s.Files.Complete(ctx, drive.By{Owner: r.Owner, Request: r.ID}, id, in.Body.Head)
		}
		return nil, err
	})
}

// asked lets a stranger in, and finds the request that he has.
func (s service) asked(ctx context.Context, r *http.Request, id string, pace *pacer) (drive.Request, func(), error) {
	leave, err := s.visit(r, id, pace)
	if err != nil {
		return drive.Request{}, nil, err
	}
	which, _ := drive.ParseID(id)
	q, err := s.Files.Asked(ctx, which)
	if err != nil {
		leave()
		return q, nil, err
	}
	return q, leave, nil
}
