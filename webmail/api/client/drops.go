package client

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"

	"sealpost/webmail/api"
)

type (
	Drop              = api.Drop
	FileRequest       = api.FileRequest
	NewFileRequest    = api.NewFileRequest
	FileRequestChange = api.FileRequestChange
)

// MakeRequest makes an upload request; Requests lists those of the account.
func (c *Client) MakeRequest(ctx context.Context, r NewFileRequest) (FileRequest, error) {
	made, err := call[FileRequest](ctx, c, Request{Method: http.MethodPost, Path: "/requests", JSON: r})
	if err == nil && !isID(made.ID) {
		err = errNoID
	}
	return made, err
}

func (c *Client) Requests(ctx context.Context) ([]FileRequest, error) {
	all, err := call[api.FileRequests](ctx, c, Request{Path: "/requests"})
	for _, r := range all.Requests {
		if !isID(r.ID) {
			return nil, errNoID
		}
	}
	return all.Requests, err
}

// ChangeRequest changes or revokes an upload request.
func (c *Client) ChangeRequest(ctx context.Context, id string, change FileRequestChange) (FileRequest, error) {
	return call[FileRequest](ctx, c, Request{Method: http.MethodPatch, Path: "/requests/" + url.PathEscape(id), JSON: change})
}

// RemoveRequest forgets an upload request. What came by it stays.
func (c *Client) RemoveRequest(ctx context.Context, id string) error {
	return c.done(ctx, Request{Method: http.MethodDelete, Path: "/requests/" + url.PathEscape(id)})
}

// Bringing says that a file goes to who asked for it: nobody signs in for that.
type Bringing struct {
	Request string
	Head    func(File) ([]byte, error) // sealed for the owner, once all of the file is there
}

func dropAt(request string) string { return "/drops/" + url.PathEscape(request) }

func dropFileAt(request, id string) string {
	return dropAt(request) + filesPlace + "/" + url.PathEscape(id)
}

// Drop is what a request tells who has it.
func (c *Client) Drop(ctx context.Context, request string) (Drop, error) {
	return call[Drop](ctx, c, Request{Path: dropAt(request)})
}

// DroppedFile is one that was brought, or is on its way: which parts of it are there.
func (c *Client) DroppedFile(ctx context.Context, request, id string) (File, error) {
	return call[File](ctx, c, Request{Path: dropFileAt(request, id)})
}

// GiveUpDrop deletes one that is on its way. One that is complete stays.
func (c *Client) GiveUpDrop(ctx context.Context, request, id string) error {
	return c.done(ctx, Request{Method: http.MethodDelete, Path: dropFileAt(request, id)})
}

// beginDrop declares a file once, however often it has to ask.
func (c *Client) beginDrop(ctx context.Context, request string, size int64) (f File, err error) {
	r := Request{
		Method: http.MethodPost, Path: dropAt(request) + filesPlace, JSON: api.NewFile{Size: size}, Header: http.Header{"Idempotency-Key": {rand.Text()}},
	}
	err = c.again(ctx, func() error {
		f, err = call[File](ctx, c, r)
		return err
	})
	return f, err
}

// completeDrop leaves what the owner needs to open the file; done again it does no harm.
func (c *Client) completeDrop(ctx context.Context, by Bringing, f File) error {
	head, err := by.Head(f)
	if err != nil {
		return err
	}
	return c.again(ctx, func() error {
		return c.done(ctx, Request{Method: http.MethodPost, Path: dropFileAt(by.Request, f.ID) + "/complete", JSON: api.DropHead{Head: head}})
	})
}
