package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"sealpost/filestore/drive"
	"sealpost/webmail/api"
)

type (
	File           = api.File
	Files          = api.Files
	FileLink       = api.FileLink
	NewFileLink    = api.NewFileLink
	FileLinkChange = api.FileLinkChange
	SharedFile     = api.SharedFile
	SharedDownload = api.SharedDownload
)

// Upload brings a sealed file. What broke off goes on with the id that Began told: only
// the parts that are not there are sent.
type Upload struct {
	Octets io.ReaderAt // what is stored: it must read the same whenever it is read
	Size   int64
	ID     string                      // of one that was begun before; empty: it is declared
	By     *Bringing                   // nil: it is the account's own
	Began  func(id string)             // told once, before the first part
	Sent   func(n, of int)             // told after each part, never twice at the same time
	Lanes  int                         // parts at the same time; 0: 4
	Wait   func(try int) time.Duration // before part is tried again; nil: 1 s, 2 s, 4 s, …
}

const (
	partLanes = 4
	partTries = 5
	mostPart  = 64 << 20 // of a part in memory, whatever a server asks for
)

// Upload stores a file and returns it when it is complete.
func (c *Client) Upload(ctx context.Context, u Upload) (File, error) {
	f, err := c.begin(ctx, u)
	if err != nil || f.Complete {
		return f, err
	}
	if u.Began != nil {
		u.Began(f.ID)
	}
	if err := c.parts(ctx, u, f); err != nil {
		return f, err
	}
	if u.By != nil {
		return f, c.completeDrop(ctx, *u.By, f)
	}
	return c.complete(ctx, f)
}

const filesPlace = "/files"

func fileAt(id string) string { return filesPlace + "/" + url.PathEscape(id) }

// place is below which its files stand.
func (u Upload) place() string {
	if u.By != nil {
		return dropAt(u.By.Request) + filesPlace
	}
	return filesPlace
}

// begin declares a file, or finds one that was.
func (c *Client) begin(ctx context.Context, u Upload) (f File, err error) {
	switch {
	case u.ID != "" && u.By != nil:
		f, err = c.DroppedFile(ctx, u.By.Request, u.ID)
	case u.ID != "":
		f, err = c.File(ctx, u.ID)
	case u.By != nil:
		f, err = c.beginDrop(ctx, u.By.Request, u.Size)
	default:
		f, err = call[File](ctx, c, Request{Method: http.MethodPost, Path: filesPlace, JSON: api.NewFile{Size: u.Size}})
	}
	if err == nil && (!isID(f.ID) || u.ID != "" && f.ID != u.ID || u.ID == "" && f.Complete) {
		return f, errNoID // it would be taken for a file that nobody brought
	}
	if err == nil && (f.Size != u.Size || f.Part < leastPart || f.Part > mostPart || int64(f.Parts) != (f.Size-1)/f.Part+1) {
		err = fmt.Errorf("upload file %s: the server expects %d bytes, there are %d", f.ID, f.Size, u.Size)
	}
	return f, err
}

// leastPart keeps a server from asking for a file octet by octet.
const leastPart = 1 << 20

var errNoID = errors.New("read answer: expected an id")

func isID(s string) bool {
	_, err := drive.ParseID(s)
	return err == nil
}

// parts sends what is missing, some at a time.
func (c *Client) parts(ctx context.Context, u Upload, f File) error {
	have, err := numbers(f.Have, f.Parts)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	todo := make(chan int)
	var mu sync.Mutex
	var all sync.WaitGroup
	sent := len(have)
	lanes := u.Lanes
	if lanes <= 0 {
		lanes = partLanes
	}
	for range min(lanes, f.Parts) {
		all.Go(func() {
			b := make([]byte, min(f.Part, f.Size))
			for n := range todo {
				if err := c.part(ctx, u, f, n, b); err != nil {
					stop(fmt.Errorf("send part %d: %w", n, err))
					return
				}
				mu.Lock()
				if sent++; u.Sent != nil {
					u.Sent(sent, f.Parts)
				}
				mu.Unlock()
			}
		})
	}
feed:
	for n := range f.Parts {
		if have[n] {
			continue
		}
		select {
		case todo <- n:
		case <-ctx.Done():
			break feed
		}
	}
	close(todo)
	all.Wait()
	return context.Cause(ctx)
}

// numbers reads 0:4,7.
func numbers(text string, below int) (map[int]bool, error) {
	all := map[int]bool{}
	if text == "" {
		return all, nil
	}
	for run := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(run, ":")
		if !ranged {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || a < 0 || b < a || b >= below {
			return nil, errors.New("read which parts are there: expected numbers such as 0:4,7")
		}
		for n := a; n <= b; n++ {
			all[n] = true
		}
	}
	return all, nil
}

// part reads one and sends it.
func (c *Client) part(ctx context.Context, u Upload, f File, n int, b []byte) error {
	from := int64(n) * f.Part
	b = b[:min(f.Part, f.Size-from)]
	if n, err := u.Octets.ReadAt(b, from); n < len(b) {
		return fmt.Errorf("read it: %w", err)
	}
	return c.sendPart(ctx, u.place(), f, n, b, u.Wait)
}

// passing says whether an error may not come again.
func passing(err error) bool {
	var p *Problem
	if !errors.As(err, &p) {
		return !errors.Is(err, context.Canceled)
	}
	return p.Status == http.StatusTooManyRequests || p.Status >= 500 && p.Status != http.StatusInsufficientStorage || p.Word() == "digest" || p.Word() == "in-progress" ||
		p.Status == http.StatusBadRequest // it broke off
}

// File is one file; of one on its way, which parts are there.
func (c *Client) File(ctx context.Context, id string) (File, error) {
	return call[File](ctx, c, Request{Path: fileAt(id)})
}

// Files lists those after an id; empty: from the first. brought: only those that
// strangers brought.
func (c *Client) Files(ctx context.Context, after string, brought bool) (Files, error) {
	q := url.Values{}
	if after != "" {
		q.Set("after", after)
	}
	if brought {
		q.Set("brought", "true")
	}
	return call[Files](ctx, c, Request{Path: "/files", Query: q})
}

// RemoveFile deletes a file for good.
func (c *Client) RemoveFile(ctx context.Context, id string) error {
	return c.done(ctx, Request{Method: http.MethodDelete, Path: fileAt(id)})
}

// TakeFile takes over what a stranger brought.
func (c *Client) TakeFile(ctx context.Context, id string) (File, error) {
	return call[File](ctx, c, Request{Method: http.MethodPost, Path: fileAt(id) + "/take"})
}

func (c *Client) done(ctx context.Context, r Request) error {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Content reads a stored file at any offset, a range for each read: read in large
// pieces. It is an io.ReaderAt whose waits end with ctx.
func (c *Client) Content(ctx context.Context, f File) io.ReaderAt {
	return &content{ctx, c, Request{Path: fileAt(f.ID) + "/content"}, `"` + f.ID + `"`, f.Size}
}

// Range reads a range of a stored file, as it comes.
func (c *Client) Range(ctx context.Context, f File, from, to int64) (io.ReadCloser, error) {
	r := &content{ctx, c, Request{Path: fileAt(f.ID) + "/content"}, `"` + f.ID + `"`, f.Size}
	return r.open(from, to)
}

// Shared is what a link leads to; proof may be empty.
func (c *Client) Shared(ctx context.Context, link string, proof []byte) (SharedFile, error) {
	return call[SharedFile](ctx, c, Request{Path: sharedAt(link), Header: proofHeader(proof)})
}

func proofHeader(proof []byte) http.Header {
	if len(proof) == 0 {
		return nil
	}
	return http.Header{"Link-Proof": {base64.StdEncoding.EncodeToString(proof)}}
}

// BeginDownload counts a download of what a link leads to, and lets the caller fetch it.
func (c *Client) BeginDownload(ctx context.Context, link string, proof []byte) (SharedDownload, error) {
	return call[SharedDownload](ctx, c, Request{Method: http.MethodPost, Path: sharedAt(link) + "/download", Header: proofHeader(proof)})
}

func sharedAt(link string) string { return "/shared/" + url.PathEscape(link) }

// SharedContent reads what a link leads to, with the ticket of a download.
func (c *Client) SharedContent(ctx context.Context, link, ticket string, size int64) io.ReaderAt {
	return &content{ctx, c, Request{Path: sharedAt(link) + "/content", Header: http.Header{"Link-Ticket": {ticket}}}, `"` + link + `"`, size}
}

type content struct {
	ctx  context.Context
	c    *Client
	from Request
	tag  string
	size int64
}

// ReadAt is that of io.ReaderAt.
func (r *content) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at >= r.size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), r.size-at)
	if want == 0 {
		return 0, nil
	}
	body, err := r.open(at, at+want)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.ReadFull(body, p[:want])
	if err == nil && want < int64(len(p)) {
		err = io.EOF
	}
	return n, err
}

// open asks for a range, which is all that may come.
func (r *content) open(from, to int64) (io.ReadCloser, error) {
	ask := r.from
	ask.Header = http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", from, to-1)}, "If-Range": {r.tag}}
	for name, values := range r.from.Header {
		ask.Header[name] = values
	}
	resp, err := r.c.Do(r.ctx, ask)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusPartialContent || resp.Header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", from, to-1, r.size) {
		resp.Body.Close()
		return nil, errors.New("read file: the server answered another range")
	}
	return resp.Body, nil
}

// MakeLink makes a link to a file; Links lists those of the account.
func (c *Client) MakeLink(ctx context.Context, l NewFileLink) (FileLink, error) {
	made, err := call[FileLink](ctx, c, Request{Method: http.MethodPost, Path: "/links", JSON: l})
	if err == nil && !isID(made.ID) {
		err = errNoID
	}
	return made, err
}

func (c *Client) Links(ctx context.Context) ([]FileLink, error) {
	all, err := call[api.FileLinks](ctx, c, Request{Path: "/links"})
	for _, l := range all.Links {
		if !isID(l.ID) || !isID(l.File) {
			return nil, errNoID
		}
	}
	return all.Links, err
}

// ChangeLink changes or revokes a link; RemoveLink forgets it.
func (c *Client) ChangeLink(ctx context.Context, id string, change FileLinkChange) (FileLink, error) {
	return call[FileLink](ctx, c, Request{Method: http.MethodPatch, Path: "/links/" + url.PathEscape(id), JSON: change})
}

func (c *Client) RemoveLink(ctx context.Context, id string) error {
	return c.done(ctx, Request{Method: http.MethodDelete, Path: "/links/" + url.PathEscape(id)})
}
