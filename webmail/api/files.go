package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sealpost/filestore/drive"
)

// File is a sealed file, or one that is on its way in.
type File struct {
	ID       string     `json:"id"`
	Size     int64      `json:"size" doc:"of what is stored, sealed and padded"`
	Part     int64      `json:"part" doc:"length of every part but the last"`
	Parts    int        `json:"parts"`
	Created  time.Time  `json:"created"`
	Complete bool       `json:"complete"`
	Have     string     `json:"have" doc:"of one on its way: the parts that are there, from 0, such as 0:4,7; empty in lists"`
	Expires  *time.Time `json:"expires,omitempty" doc:"of one on its way: when it is given up if nothing more comes"`
	Request  string     `json:"request,omitempty" doc:"by which a stranger brought it; gone when it is taken over. c3VibWl0dGVkIGJ5IHlvdQ is no request: the server made it of mail that the account sent"`
	Mail     bool       `json:"mail,omitempty" doc:"the server cut it out of a mail that arrived: it goes when the mail does, unless it is taken over"`
	Head     []byte     `json:"head,omitempty" doc:"what the stranger sealed for its owner"`
}

// Files is a part of a list.
type Files struct {
	Files []File `json:"files" nullable:"false"`
	More  bool   `json:"more" doc:"ask with after and the last id"`
}

// NewFile declares a file.
type NewFile struct {
	Size int64 `json:"size" minimum:"1" doc:"of what will be sent: sealed and padded"`
}

const (
	tagFiles     = "Files"
	partTime     = 10 * time.Minute
	fileTime     = 6 * time.Hour // a large file over a slow line; a client may also come back for a range
	digestHeader = "Content-Digest"
	mostListed   = 1000
)

// InFile names a file.
type InFile struct {
	ID string `path:"id" maxLength:"64"`
}

type fileAsked struct {
	raw
	InFile
}

// file is the id that is asked for. What cannot be one is not there.
func (f *InFile) file() (drive.ID, error) { return drive.ParseID(f.ID) }

type partAsked struct {
	raw
	InFile
	N int `path:"n" minimum:"0" doc:"from 0"`
}

func driveOwner(ctx context.Context) drive.Owner { return drive.Owner(who(ctx).ID) }

// mine is what the caller brings by himself.
func mine(ctx context.Context) drive.By { return drive.By{Owner: driveOwner(ctx)} }

func fileOperations(s service) {
	if s.Files == nil {
		return
	}
	const one = "/files/{id}"
	route(s, op{
		name: "begin-file", method: http.MethodPost, path: "/files", tag: tagFiles, access: forAccount, status: http.StatusCreated,
		about: "Declares a file and reserves its room. 507 over-quota; 409 too-many.",
	}, func(ctx context.Context, in *struct{ Body NewFile }) (*body[File], error) {
		o, err := s.Files.Begin(ctx, mine(ctx), in.Body.Size)
		return &body[File]{s.fileOf(o)}, err
	})
	route(s, op{
		name: "files", method: http.MethodGet, path: "/files", tag: tagFiles, access: forAccount,
		about: "The files of an account, in the order of their ids.",
	}, s.listFiles)
	route(s, op{
		name: "file", method: http.MethodGet, path: one, tag: tagFiles, access: forAccount,
		about: "One file; of one on its way, which parts are there.",
	}, func(ctx context.Context, in *fileAsked) (*body[File], error) {
		f, err := s.file(ctx, mine(ctx), &in.InFile)
		return &body[File]{f}, err
	})
	route(s, op{
		name: "remove-file", method: http.MethodDelete, path: one, tag: tagFiles, access: forAccount,
		about: "Deletes a file, its octets and its links, for good.",
	}, s.removeFile)
	route(s, op{
		name: "put-part", method: http.MethodPut, path: one + "/parts/{n}", tag: tagFiles, access: forAccount, time: partTime, body: drive.PartSize,
		accept: octets("application/octet-stream"),
		about:  "Sends one part, in any order, at most 8 at the same time; the same part again does no harm. " + digestHeader + " has its sha-256 (RFC 9530).",
	}, func(ctx context.Context, in *partAsked) (*struct{}, error) {
		leave, err := s.gates.parts.enter(who(ctx).ID)
		if err != nil {
			return nil, err
		}
		defer leave()
		return nil, s.putPart(ctx, mine(ctx), in)
	})
	route(s, op{
		name: "complete-file", method: http.MethodPost, path: one + "/complete", tag: tagFiles, access: forAccount,
		about: "Makes a file complete when all its parts are there; from then on it does not change. 409 missing: some are not.",
	}, func(ctx context.Context, in *fileAsked) (*body[File], error) {
		id, err := in.file()
		if err != nil {
			return nil, err
		}
		o, err := s.Files.Complete(ctx, mine(ctx), id, nil)
		return &body[File]{s.fileOf(o)}, err
	})
	s.batchOperations()
	s.batchContents()
	s.batchRemoval()
	route(s, op{
		name: "file-content", method: http.MethodGet, path: one + "/content", tag: tagFiles, access: forAccount, time: fileTime,
		answer: octets("application/octet-stream"),
		about:  "What was stored, or a range of it; its ETag is its id.",
	}, s.sendFile)
	route(s, op{
		name: "take-file", method: http.MethodPost, path: one + "/take", tag: tagFiles, access: forAccount,
		about: "Takes over what a stranger brought: its head is dropped.",
	}, func(ctx context.Context, in *fileAsked) (*body[File], error) {
		id, err := in.file()
		if err != nil {
			return nil, err
		}
		o, err := s.Files.Take(ctx, driveOwner(ctx), id)
		return &body[File]{s.fileOf(o)}, err
	})
}

func (s service) removeFile(ctx context.Context, in *struct {
	InFile
	Brought bool `query:"brought" doc:"only if it was brought and not taken over"`
}) (*struct{}, error) {
	id, err := in.file()
	switch {
	case err != nil:
	case in.Brought:
		err = s.Files.Refuse(ctx, driveOwner(ctx), id)
	default:
		err = s.Files.Remove(ctx, mine(ctx), id)
	}
	return nil, err
}

func (a *API) fileOf(o drive.Object) File {
	f := File{ID: o.ID.String(), Size: o.Size, Part: drive.PartSize, Parts: o.Parts(), Created: o.Created, Complete: o.Whole, Head: o.Head}
	if !o.Whole {
		until := o.Touched.Add(a.Files.Patience)
		f.Expires = &until
	}
	if o.Request != (drive.ID{}) {
		f.Request = o.Request.String()
	}
	f.Mail = o.Mail != (drive.MailID{})
	return f
}

func (s service) listFiles(ctx context.Context, in *struct {
	After   string `query:"after" maxLength:"64" doc:"the last id that is known"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"1000"`
	Brought bool   `query:"brought" doc:"only those that strangers brought and that were not taken over"`
}) (*body[Files], error) {
	var after drive.ID
	if in.After != "" {
		var err error
		if after, err = drive.ParseID(in.After); err != nil {
			return nil, badInput("after: expected the id of a file")
		}
	}
	most := min(in.Limit, mostListed)
	all, err := s.Files.Store.Objects(ctx, driveOwner(ctx), after, most+1, in.Brought)
	if err != nil {
		return nil, err
	}
	out := Files{Files: []File{}, More: len(all) > most}
	for _, o := range all[:min(len(all), most)] {
		out.Files = append(out.Files, s.fileOf(o))
	}
	return &body[Files]{out}, nil
}

func (s service) file(ctx context.Context, by drive.By, in *InFile) (f File, err error) {
	id, err := in.file()
	if err != nil {
		return f, err
	}
	o, err := s.Files.Object(ctx, by, id)
	if err != nil {
		return f, err
	}
	f = s.fileOf(o)
	if o.Whole {
		return f, nil
	}
	have, err := s.Files.Have(ctx, by, id)
	f.Have = runs(have)
	return f, err
}

// runs writes ascending numbers as 0:4,7.
func runs(all []int) string {
	var b strings.Builder
	for i := 0; i < len(all); {
		j := i
		for j+1 < len(all) && all[j+1] == all[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(all[i]))
		if j > i {
			b.WriteString(":" + strconv.Itoa(all[j]))
		}
		i = j + 1
	}
	return b.String()
}

func (s service) putPart(ctx context.Context, by drive.By, in *partAsked) error {
	id, err := in.file()
	if err != nil {
		return err
	}
	sum, ok := digestOf(in.r.Header.Values(digestHeader))
	if !ok {
		return badInput(digestHeader + ": expected sha-256=:BASE64:")
	}
	from := &bodyReader{r: in.r.Body}
	_, err = s.Files.Put(ctx, by, id, in.N, sum, from)
	if from.err != nil {
		return unread(from.err)
	}
	return err
}

// digestOf reads the sha-256 of a Content-Digest (RFC 9530, section 2), of whose other
// members nothing is asked.
func digestOf(fields []string) (sum [32]byte, ok bool) {
	for member := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		text, is := strings.CutPrefix(strings.TrimSpace(member), "sha-256=:")
		text, closed := strings.CutSuffix(text, ":")
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if is && closed && err == nil && len(b) == len(sum) {
			return [32]byte(b), true
		}
	}
	return sum, false
}

func (s service) sendFile(ctx context.Context, in *fileAsked) (*stream, error) {
	id, err := in.file()
	if err != nil {
		return nil, err
	}
	leave, err := s.gates.files.enter(who(ctx).ID)
	if err != nil {
		return nil, err
	}
	c, err := s.Files.Open(ctx, driveOwner(ctx), id)
	if err != nil {
		leave()
		return nil, err
	}
	return s.content(ctx, in.ID, c, leave), nil
}

// content serves a file or a range of it. Its ETag is what it was asked by.
func (s service) content(ctx context.Context, tag string, c *drive.Content, leave func()) *stream {
	return streamed(func(w http.ResponseWriter, r *http.Request) {
		defer leave()
		defer c.Close()
		w.Header().Set("ETag", `"`+tag+`"`)
		w.Header().Set("Content-Type", "application/octet-stream")
		out := s.flow(w)
		out.until = time.Now().Add(fileTime)
		s.serve(ctx, out, r, "file", c, c.Size())
	})
}
