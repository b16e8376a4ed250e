package dav

import (
	"context"
	"encoding/xml"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/webdav"

	"sealpost/filestore/sealed"
)

func (w written) Name() string       { return w.entry().Name() }
func (w written) Size() int64        { return w.entry().Size() }
func (w written) Mode() fs.FileMode  { return w.entry().Mode() }
func (w written) ModTime() time.Time { return w.entry().ModTime() }
func (w written) IsDir() bool        { return false }
func (w written) Sys() any           { return nil }

// ETag is that of webdav.ETager.
func (w written) ETag(ctx context.Context) (string, error) { return w.entry().ETag(ctx) }

// usage is what the account stores, as read a moment ago.
type usage struct {
	used, quota int64
	read        time.Time
}

const usageFresh = 10 * time.Second

func (b *Bridge) used(ctx context.Context) (usage, error) {
	if u := b.usage.Load(); u != nil && time.Since(u.read) < usageFresh {
		return *u, nil
	}
	now, err := b.Drive.Server.Usage(ctx)
	if err != nil {
		return usage{}, err
	}
	u := usage{now.Bytes, now.Quota, time.Now()}
	b.usage.Store(&u)
	return u, nil
}

// room is how much the account may still store.
func (b *Bridge) room(ctx context.Context) (int64, error) {
	u, err := b.used(ctx)
	if err != nil || u.quota <= 0 {
		return sealed.MaxLength, err
	}
	return u.quota - u.used, nil
}

func dav(name string) xml.Name { return xml.Name{Space: "DAV:", Local: name} }

// DeadProps are the quota properties of RFC 4331: the handler knows none beside its own
// but by this way.
func (f *folder) DeadProps() (map[xml.Name]webdav.Property, error) {
	u, err := f.s.used(f.ctx)
	if err != nil {
		return nil, nil // a list without them is better than none
	}
	all := map[xml.Name]webdav.Property{}
	add := func(name string, n int64) {
		all[dav(name)] = webdav.Property{XMLName: dav(name), InnerXML: []byte(strconv.FormatInt(n, 10))}
	}
	add("quota-used-bytes", u.used)
	if u.quota > 0 {
		add("quota-available-bytes", max(u.quota-u.used, 0))
	}
	return all, nil
}

// DeadProps of a file are none.
func (f *file) DeadProps() (map[xml.Name]webdav.Property, error) { return nil, nil }

// Patch refuses all: what programs want to keep beside files has no place in the format.
func (f *folder) Patch(patches []webdav.Proppatch) ([]webdav.Propstat, error) {
	return answered(patches, func(xml.Name) int { return http.StatusForbidden }), nil
}

// modifiedProps are by which programs set the time of a file.
var modifiedProps = map[xml.Name]func(string) int64{
	dav("lastmodified"): moment,
	{Space: "urn:schemas-microsoft-com:", Local: "Win32LastModifiedTime"}: func(text string) int64 {
		t, err := time.Parse(http.TimeFormat, text)
		if err != nil || t.Unix() <= 0 {
			return 0
		}
		return t.UnixMilli()
	},
}

// Patch sets when a file was changed, and refuses all else. It is all or nothing (RFC
// 4918, section 9.2).
func (f *file) Patch(patches []webdav.Proppatch) ([]webdav.Propstat, error) {
	at, other := int64(0), false
	for _, patch := range patches {
		for _, p := range patch.Props {
			read, known := modifiedProps[p.XMLName]
			if known && !patch.Remove {
				at = read(string(p.InnerXML))
			}
			other = other || !known || patch.Remove || at == 0
		}
	}
	if other {
		return answered(patches, func(name xml.Name) int {
			if modifiedProps[name] != nil {
				return webdav.StatusFailedDependency
			}
			return http.StatusForbidden
		}), nil
	}
	err := f.s.tree.change(f.ctx, f.at.folder, func(to *sealed.Folder) error {
		i := withID(to, f.at.entry.ID)
		if i < 0 {
			return errChanged
		}
		to.Entries[i].Modified = at
		return nil
	})
	if err != nil {
		return nil, askedOf(f.ctx).failed(fmt.Errorf("set when a file was changed: %w", err))
	}
	return answered(patches, func(xml.Name) int { return http.StatusOK }), nil
}

// answered says of each property how it went.
func answered(patches []webdav.Proppatch, how func(xml.Name) int) (all []webdav.Propstat) {
	by := map[int]int{}
	for _, patch := range patches {
		for _, p := range patch.Props {
			status := how(p.XMLName)
			i, ok := by[status]
			if !ok {
				i = len(all)
				by[status] = i
				all = append(all, webdav.Propstat{Status: status})
			}
			all[i].Props = append(all[i].Props, webdav.Property{XMLName: p.XMLName})
		}
	}
	return all
}
