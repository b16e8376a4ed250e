package dav

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"golang.org/x/net/webdav"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client/files"
)

// system is the drive as the handler sees it: names in, files out. Each method tells the
// request what went wrong.
type system struct{ *Bridge }

func (s *system) find(ctx context.Context, name string) (place, error) {
	names, err := split(name)
	if err != nil {
		return place{}, err
	}
	return s.tree.find(ctx, names)
}

// there is find for what must be there.
func (s *system) there(ctx context.Context, name string) (place, error) {
	at, err := s.find(ctx, name)
	if err == nil && !at.there {
		err = os.ErrNotExist
	}
	return at, err
}

// Stat is that of webdav.FileSystem.
func (s *system) Stat(ctx context.Context, name string) (os.FileInfo, error) {
	at, err := s.there(ctx, name)
	if err != nil {
		return nil, askedOf(ctx).failed(err)
	}
	return info{at.entry}, nil
}

// Mkdir is that of webdav.FileSystem: the folder's box first, so that no folder leads to
// nothing.
func (s *system) Mkdir(ctx context.Context, name string, _ os.FileMode) error {
	return askedOf(ctx).failed(s.mkdir(ctx, name))
}

func (s *system) mkdir(ctx context.Context, name string) error {
	at, err := s.find(ctx, name)
	if errors.Is(err, os.ErrNotExist) {
		err = errParent
	}
	if err != nil {
		return err
	}
	if at.there || at.name == "" {
		return errTaken
	}
	made, err := s.Drive.NewFolder(ctx, at.name)
	if err != nil {
		return err
	}
	err = s.tree.change(ctx, at.folder, func(f *sealed.Folder) error {
		if named(f, at.name) >= 0 {
			return errTaken
		}
		return enter(f, made)
	})
	if errors.Is(err, errTaken) || errors.Is(err, errFull) || errors.Is(err, errNever) {
		err = errors.Join(err, s.Drive.Drop(context.WithoutCancel(ctx), sealed.IsFolder, made.ID))
	}
	return err
}

func enter(f *sealed.Folder, e sealed.Entry) error {
	if len(f.Entries) >= sealed.MaxEntries {
		return errFull
	}
	f.Entries = append(f.Entries, e)
	return nil
}

// OpenFile is that of webdav.FileSystem. What is to be written is another file than what
// is there, which stays until all of the new one came.
func (s *system) OpenFile(ctx context.Context, name string, flag int, _ os.FileMode) (webdav.File, error) {
	a := askedOf(ctx)
	at, err := s.find(ctx, name)
	switch {
	case err != nil:
		return nil, a.failed(err)
	case flag&os.O_CREATE == 0 && !at.there:
		return nil, a.failed(os.ErrNotExist)
	case flag&os.O_CREATE == 0 && at.entry.Kind == sealed.IsFolder:
		return &folder{s: s, ctx: ctx, at: at}, nil
	case flag&os.O_CREATE == 0:
		return &file{s: s, ctx: ctx, at: at}, nil
	case at.there && at.entry.Kind == sealed.IsFolder:
		return nil, a.failed(errFolder)
	case a.matches != nil && !a.matches(at.there, etag(at.entry)):
		return nil, a.failed(errMatch)
	}
	return &sink{s: s, ctx: ctx, at: at}, nil
}

// RemoveAll is that of webdav.FileSystem: into the trash. What a file is put over stays
// instead, to become its older version.
func (s *system) RemoveAll(ctx context.Context, name string) error {
	return askedOf(ctx).failed(s.remove(ctx, name))
}

func (s *system) remove(ctx context.Context, name string) error {
	at, err := s.there(ctx, name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if source := askedOf(ctx).source; source != nil {
		from, err := s.tree.find(ctx, source)
		if err != nil {
			return err
		}
		if !from.there {
			return errGone // before anything is removed for it
		}
		if from.entry.ID == at.entry.ID || from.entry.Kind == sealed.IsFile && at.entry.Kind == sealed.IsFile {
			return nil
		}
	}
	if at.name == "" {
		return errTop
	}
	return s.tree.change(ctx, at.folder, func(f *sealed.Folder) error {
		i := withID(f, at.entry.ID)
		if i < 0 || f.Entries[i].Trashed != 0 {
			return nil // another device was faster
		}
		f.Entries[i].Trashed = s.Drive.Now().UnixMilli()
		return nil
	})
}

// info is what the handler tells of an entry.
type info struct{ e sealed.Entry }

func (i info) Name() string { return i.e.Name }
func (i info) Size() int64  { return i.e.Length }
func (i info) IsDir() bool  { return i.e.Kind == sealed.IsFolder }
func (i info) Sys() any     { return nil }
func (i info) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

func (i info) ModTime() time.Time { return time.UnixMilli(i.e.Modified) }

// ContentType is that of webdav.ContentTyper: it opens no file to look.
func (i info) ContentType(context.Context) (string, error) {
	if i.e.Type != "" {
		return i.e.Type, nil
	}
	if t := files.MediaType(i.e.Name); t != "" {
		return t, nil
	}
	return "application/octet-stream", nil
}

// ETag is that of webdav.ETager: an object never changes.
func (i info) ETag(context.Context) (string, error) { return etag(i.e), nil }

func etag(e sealed.Entry) string { return `"` + e.ID + `"` }

// file is one that is read.
type file struct {
	s   *system
	ctx context.Context
	at  place
	r   *files.Reader
	off int64
}

func (f *file) Stat() (os.FileInfo, error)         { return info{f.at.entry}, nil }
func (f *file) Readdir(int) ([]os.FileInfo, error) { return nil, os.ErrInvalid }
func (f *file) Write([]byte) (int, error)          { return 0, os.ErrPermission }
func (f *file) Seek(off int64, from int) (int64, error) {
	switch from {
	case io.SeekCurrent:
		off += f.off
	case io.SeekEnd:
		off += f.at.entry.Length
	}
	if off < 0 {
		return 0, os.ErrInvalid
	}
	f.off = off
	return off, nil
}

// Read opens the file when the first byte is wanted: who asks for its length alone, or
// whether it changed, costs the server nothing.
func (f *file) Read(p []byte) (int, error) {
	a := askedOf(f.ctx)
	if f.off >= f.at.entry.Length {
		return 0, io.EOF
	}
	if f.r == nil {
		r, err := f.s.Drive.Open(f.ctx, f.at.entry.Head(), f.at.entry.ID, f.s.ends)
		if err != nil {
			return 0, a.failed(err)
		}
		f.r = r
		to := f.at.entry.Length
		if a.to >= 0 && a.method == "GET" {
			to = min(to, max(a.to, f.off+1))
		}
		r.Expect(f.off, to)
	}
	p = p[:min(int64(len(p)), f.at.entry.Length-f.off)]
	n, err := f.r.ReadAt(p, f.off)
	f.off += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, a.failed(err)
	}
	if n == 0 && len(p) > 0 {
		return 0, a.failed(sealed.ErrClosed)
	}
	return n, nil
}

func (f *file) Close() error {
	if f.r == nil {
		return nil
	}
	return f.r.Close()
}

// folder is one that is listed.
type folder struct {
	s   *system
	ctx context.Context
	at  place
}

func (f *folder) Stat() (os.FileInfo, error)     { return info{f.at.entry}, nil }
func (f *folder) Read([]byte) (int, error)       { return 0, os.ErrInvalid }
func (f *folder) Write([]byte) (int, error)      { return 0, os.ErrInvalid }
func (f *folder) Seek(int64, int) (int64, error) { return 0, os.ErrInvalid }
func (f *folder) Close() error                   { return nil }

// Readdir lists all that is not in the trash.
func (f *folder) Readdir(int) ([]os.FileInfo, error) {
	k, err := f.s.tree.read(f.ctx, f.at.entry.ID)
	if err != nil {
		return nil, askedOf(f.ctx).failed(err)
	}
	all := []os.FileInfo{}
	for _, e := range k.folder.Entries {
		if e.Trashed == 0 {
			all = append(all, info{e})
		}
	}
	return all, nil
}

// Rename is that of webdav.FileSystem.
func (s *system) Rename(ctx context.Context, from, to string) error {
	return askedOf(ctx).failed(s.move(ctx, path.Clean("/"+from), path.Clean("/"+to)))
}
