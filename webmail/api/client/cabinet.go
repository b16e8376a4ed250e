package client

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sealpost/webmail/api"
)

type (
	CabinetList = api.CabinetList
	CabinetItem = api.CabinetItem
)

const mostBox = 16 << 20

// Cabinet lists the boxes that changed after since; 0: all that are there.
func (c *Client) Cabinet(ctx context.Context, since uint64) (CabinetList, error) {
	return call[CabinetList](ctx, c, Request{Path: "/cabinet", Query: url.Values{"since": {number(since)}}})
}

func boxAt(drawer, name string) string {
	return "/cabinet/" + url.PathEscape(drawer) + "/" + url.PathEscape(name)
}

// Box fetches one box and its version.
func (c *Client) Box(ctx context.Context, drawer, name string) (box []byte, version uint64, err error) {
	box, header, err := c.octets(ctx, Request{Path: boxAt(drawer, name)}, mostBox)
	if err != nil {
		return nil, 0, err
	}
	version, err = strconv.ParseUint(strings.Trim(header.Get("ETag"), `"`), 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("read version: %w", err)
	}
	return box, version, nil
}

// PutBox puts a box in the place of version was; 0: there is none yet. The box is
// sealed to be version was and 1.
func (c *Client) PutBox(ctx context.Context, drawer, name string, was uint64, box []byte) (CabinetItem, error) {
	return call[CabinetItem](ctx, c, Request{
		Method: http.MethodPut, Path: boxAt(drawer, name), Body: bytes.NewReader(box), Type: "application/octet-stream", Header: seen(was),
	})
}

// RemoveBox removes a box that is at version was.
func (c *Client) RemoveBox(ctx context.Context, drawer, name string, was uint64) (CabinetItem, error) {
	return call[CabinetItem](ctx, c, Request{Method: http.MethodDelete, Path: boxAt(drawer, name), Header: seen(was)})
}

func seen(version uint64) http.Header {
	if version == 0 {
		return http.Header{"If-None-Match": {"*"}}
	}
	return http.Header{"If-Match": {`"` + number(version) + `"`}}
}
