package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"sealpost/account"
	"sealpost/filestore/drive"
)

// FileLink is a link to a file, as its owner sees it.
type FileLink struct {
	ID        string      `json:"id"`
	File      string      `json:"file"`
	Box       []byte      `json:"box"`
	KDF       []byte      `json:"kdf,omitempty"`
	Checked   bool        `json:"checked" doc:"whoever asks has to prove that the link's secret is known"`
	Created   time.Time   `json:"created"`
	Expires   time.Time   `json:"expires"`
	Most      int64       `json:"most" doc:"downloads; 0: no limit"`
	Count     int64       `json:"count" doc:"downloads that were begun"`
	Downloads []time.Time `json:"downloads" nullable:"false" doc:"when, the last 50, the newest first"`
	State     string      `json:"state" enum:"open,expired,used-up,revoked,killed" doc:"killed: by the operator"`
}

// NewFileLink is a link to be made.
type NewFileLink struct {
	File    string     `json:"file" maxLength:"64"`
	Box     []byte     `json:"box" maxLength:"5464" doc:"sealed for who has the link's secret; at most 4 KiB"`
	KDF     []byte     `json:"kdf,omitempty" maxLength:"344" doc:"how its password is derived (docs/formats.md, Files); the server does not look at it"`
	Check   []byte     `json:"check,omitempty" maxLength:"44" doc:"SHA-256 of \"sealpost link check v1\" and a proof that only the secret (and the password) gives: then box and octets are for who has it"`
	Expires *time.Time `json:"expires,omitempty" doc:"at most 90 days from now; else in 7"`
	Most    int64      `json:"most,omitempty" minimum:"0" doc:"downloads; 0: no limit"`
}

// FileLinkChange changes a link; what is not there stays.
type FileLinkChange struct {
	Expires *time.Time `json:"expires,omitempty"`
	Most    *int64     `json:"most,omitempty" minimum:"0"`
	Revoked *bool      `json:"revoked,omitempty" doc:"true: for good"`
}

// FileLinks are those of an account.
type FileLinks struct {
	Links []FileLink `json:"links" nullable:"false"`
}

// SharedFile is what a link's page is told.
type SharedFile struct {
	File    string    `json:"file" doc:"id of the file, which the box is bound to"`
	Size    int64     `json:"size" doc:"of what is stored, sealed and padded"`
	Box     []byte    `json:"box,omitempty" doc:"not there where a proof is asked for and none came"`
	KDF     []byte    `json:"kdf,omitempty" doc:"how its password is derived; not there: there is none"`
	Checked bool      `json:"checked" doc:"a proof is asked for"`
	Expires time.Time `json:"expires"`
	Left    *int64    `json:"left,omitempty" doc:"downloads that may still be begun; not there: no limit, or a proof is asked for and none came"`
	Report  string    `json:"report,omitempty" doc:"where abuse of this link may be reported"`
}

// SharedDownload lets its holder fetch one file, in any number of requests.
type SharedDownload struct {
	Ticket string    `json:"ticket" doc:"send it as Link-Ticket"`
	Until  time.Time `json:"until"`
}

const (
	tagLinks     = "Links"
	proofOfLink  = "Link-Proof"
	ticketOfLink = "Link-Ticket"
)

func linkOperations(s service) {
	if s.Files == nil {
		return
	}
	const one = "/links/{id}"
	route(s, op{
		name: "make-link", method: http.MethodPost, path: "/links", tag: tagLinks, access: forAccount, status: http.StatusCreated,
		about: "Makes a link to a complete file. Its page is /f/ID#SECRET; the secret never comes here.",
	}, s.makeLink)
	route(s, op{
		name: "links", method: http.MethodGet, path: "/links", tag: tagLinks, access: forAccount,
		about: "The links of an account, with their counts. One that is over stays for 30 days.",
	}, func(ctx context.Context, _ *struct{}) (*body[FileLinks], error) {
		leave, err := s.gates.lists.enter(who(ctx).ID) // ten thousand boxes are held in memory
		if err != nil {
			return nil, err
		}
		defer leave()
		all, err := s.Files.Store.Links(ctx, driveOwner(ctx))
		out := FileLinks{Links: []FileLink{}}
		for _, l := range all {
			if l.Expires.Equal(drive.Lasting) { // it stands in the owner's own mail
				continue
			}
			out.Links = append(out.Links, s.linkOf(l))
		}
		return &body[FileLinks]{out}, err
	})
	route(s, op{
		name: "link", method: http.MethodGet, path: one, tag: tagLinks, access: forAccount,
		about: "One link of the account.",
	}, func(ctx context.Context, in *InFile) (*body[FileLink], error) {
		id, err := in.file()
		if err != nil {
			return nil, err
		}
		l, err := s.Files.Store.Link(ctx, id)
		if err == nil && l.Owner != driveOwner(ctx) {
			err = drive.ErrNone
		}
		return &body[FileLink]{s.linkOf(l)}, err
	})
	route(s, op{
		name: "change-link", method: http.MethodPatch, path: one, tag: tagLinks, access: forAccount,
		about: "Changes when a link ends and how often it serves, or revokes it.",
	}, func(ctx context.Context, in *struct {
		InFile
		Body FileLinkChange
	}) (*body[FileLink], error) {
		id, err := in.file()
		if err != nil {
			return nil, err
		}
		revoke := in.Body.Revoked != nil && *in.Body.Revoked
		l, err := s.Files.ChangeLink(ctx, driveOwner(ctx), drive.ChangeLink{ID: id, Expires: in.Body.Expires, Most: in.Body.Most, Revoke: revoke})
		return &body[FileLink]{s.linkOf(l)}, err
	})
	route(s, op{
		name: "remove-link", method: http.MethodDelete, path: one, tag: tagLinks, access: forAccount,
		about: "Ends a link and forgets it, with its counts.",
	}, func(ctx context.Context, in *InFile) (*struct{}, error) {
		id, err := in.file()
		if err == nil {
			err = s.Files.RemoveLink(ctx, driveOwner(ctx), id)
		}
		return nil, err
	})
}

func (s service) makeLink(ctx context.Context, in *struct{ Body NewFileLink }) (*body[FileLink], error) {
	l := drive.Link{Box: in.Body.Box, KDF: in.Body.KDF, Check: in.Body.Check, Most: in.Body.Most}
	var err error
	if l.Object, err = drive.ParseID(in.Body.File); err != nil {
		return nil, err
	}
	if in.Body.Expires != nil {
		l.Expires = *in.Body.Expires
	}
	l, err = s.Files.Link(ctx, driveOwner(ctx), l)
	return &body[FileLink]{s.linkOf(l)}, err
}

func (a *API) linkOf(l drive.Link) FileLink {
	out := FileLink{
		ID: l.ID.String(), File: l.Object.String(), Box: l.Box, KDF: l.KDF, Checked: len(l.Check) > 0, Created: l.Created, Expires: l.Expires,
		Most: l.Most, Count: l.Count, Downloads: []time.Time{}, State: "open",
	}
	out.Downloads = append(out.Downloads, l.Used...)
	switch {
	case l.Killed:
		out.State = "killed"
	case l.Revoked:
		out.State = "revoked"
	case !a.Now().Before(l.Expires):
		out.State = "expired"
	case !l.Open(a.Now()):
		out.State = "used-up"
	}
	return out
}

// sharedAsked is a stranger's question about a link or a request.
type sharedAsked struct {
	raw
	InFile
	Proof  string `header:"Link-Proof" maxLength:"64" doc:"what proves that the link's secret is known (base64)"`
	Ticket string `header:"Link-Ticket" maxLength:"128"`
}

func sharedOperations(s service) {
	if s.Files == nil {
		return
	}
	const one = "/shared/{id}"
	route(s, op{
		name: "shared", method: http.MethodGet, path: one, tag: tagLinks, access: forAnybody,
		about: "What a link's page needs. 404 if the link is over, was taken back, never was, or the proof is wrong.",
	}, func(ctx context.Context, in *sharedAsked) (*body[SharedFile], error) {
		leave, err := s.visit(in.r, in.ID, s.strangers)
		if err != nil {
			return nil, err
		}
		defer leave()
		id, _ := in.file() // one that is none is looked for too: all that is not there costs the same
		l, o, proven, err := s.Files.Shared(ctx, id, in.proof())
		if err != nil {
			return nil, err
		}
		out := SharedFile{File: o.ID.String(), Size: o.Size, KDF: l.KDF, Checked: len(l.Check) > 0, Expires: l.Expires, Report: s.Report}
		if proven {
			out.Box = l.Box
			if l.Most > 0 {
				left := max(l.Most-l.Count, 0)
				out.Left = &left
			}
		}
		return &body[SharedFile]{out}, nil
	})
	route(s, op{
		name: "begin-download", method: http.MethodPost, path: one + "/download", tag: tagLinks, access: forAnybody,
		about: "Counts a download, and gives a ticket by which it may be fetched in pieces and after breaks for some hours.",
	}, func(ctx context.Context, in *sharedAsked) (*body[SharedDownload], error) {
		leave, err := s.visit(in.r, in.ID, s.strangers)
		if err != nil {
			return nil, err
		}
		defer leave()
		id, _ := in.file()
		ticket, until, err := s.Files.Download(ctx, id, in.proof())
		return &body[SharedDownload]{SharedDownload{ticket, until}}, err
	})
	route(s, op{
		name: "shared-content", method: http.MethodGet, path: one + "/content", tag: tagLinks, access: forAnybody, time: fileTime,
		answer: octets("application/octet-stream"),
		about:  "The file of a link, or a range of it, for who has a ticket.",
	}, func(ctx context.Context, in *sharedAsked) (*stream, error) {
		leave, err := s.visit(in.r, in.ID, s.visitors)
		if err != nil {
			return nil, err
		}
		id, _ := in.file()
		c, err := s.Files.Fetch(ctx, id, in.Ticket)
		if err != nil {
			leave()
			return nil, err
		}
		return s.content(ctx, in.ID, c, leave), nil
	})
}

// proof is what was sent as one; what is none is a wrong one.
func (in *sharedAsked) proof() []byte {
	if in.Proof == "" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(in.Proof)
	if err != nil || len(b) == 0 {
		return []byte{0}
	}
	return b
}

// visit lets a stranger in, not too often from one network, not too often to one link or
// request, whether it is there or not, and not too many at the same time.
func (s service) visit(r *http.Request, id string, pace *pacer) (leave func(), err error) {
	from := networkOf(hostOf(r)).String()
	sum := sha256.Sum256([]byte("file " + id))
	if !pace.allow("from "+from) || !pace.allow("to "+string(sum[:])) {
		return nil, slowDown(10)
	}
	return s.gates.shared.enter(account.ID("from " + from))
}
