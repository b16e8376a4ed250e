package dav

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client/files"
)

// sink is a file that is written: sealed while it comes, and in its folder when all of it
// came.
type sink struct {
	s        *system
	ctx      context.Context
	at       place
	w        *files.Writer
	failed   bool
	small    []byte       // all of it,
	whole    bool         // if this is
	modified int64        // of what is copied
	entry    sealed.Entry // once it is there
}

func (k *sink) Read([]byte) (int, error)           { return 0, os.ErrPermission }
func (k *sink) Seek(int64, int) (int64, error)     { return 0, os.ErrInvalid }
func (k *sink) Readdir(int) ([]os.FileInfo, error) { return nil, os.ErrInvalid }

// Stat is asked before Close, and read after it.
func (k *sink) Stat() (os.FileInfo, error) { return written{k}, nil }

// written is what came of a sink.
type written struct{ k *sink }

func (w written) entry() info { return info{w.k.entry} }

// smallMost is how long a content may be that is brought together with others.
const smallMost = 900 << 10

// ReadFrom is that of io.ReaderFrom, and so the handler copies all of a file by one call.
func (k *sink) ReadFrom(r io.Reader) (n int64, err error) {
	a := askedOf(k.ctx)
	length := int64(-1)
	if from, ok := r.(*file); ok {
		length, k.modified = from.at.entry.Length, from.at.entry.Modified
	} else if a.method == "PUT" {
		length = a.length
	}
	from := io.Reader(struct{ io.Reader }{r}) // without WriteTo
	if length <= smallMost {
		var b bytes.Buffer
		n, err = io.CopyN(&b, from, smallMost+1)
		k.whole = errors.Is(err, io.EOF)
		k.small = b.Bytes()
		from = io.MultiReader(bytes.NewReader(k.small), from)
	}
	switch {
	case k.whole:
		err = nil
	case err == nil:
		n, err = k.stream(from, length)
	}
	if err == nil && length >= 0 && n != length {
		err = files.ErrLength
	}
	if err != nil {
		k.failed = true
		return n, a.failed(err)
	}
	return n, nil
}

// stream seals and sends what is not small.
func (k *sink) stream(from io.Reader, length int64) (int64, error) {
	if length < 0 {
		room, err := k.s.room(k.ctx)
		if err != nil {
			return 0, err
		}
		from = &bounded{from, room}
	}
	var err error
	if k.w, err = k.s.Drive.Write(k.ctx, length, k.s.into); err != nil {
		return 0, err
	}
	return io.CopyBuffer(struct{ io.Writer }{k.w}, struct{ io.Reader }{from}, make([]byte, piece))
}

// bounded is a body of which there is no end to see: it ends where the owner's room does.
type bounded struct {
	io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errOverfull
	}
	return n, err
}

func (k *sink) Write([]byte) (int, error) { return 0, os.ErrInvalid }

// Close puts the file into its folder; what broke off leaves nothing.
func (k *sink) Close() error {
	a := askedOf(k.ctx)
	if k.failed || a.fault() != nil {
		k.giveUp()
		return a.failed(errBroken)
	}
	if err := k.store(); err != nil {
		k.giveUp()
		return a.failed(err)
	}
	if at := max(a.modified, k.modified); at > 0 { // one of them at most
		k.entry.Modified = at
	}
	over, err := k.add()
	if err != nil {
		if errors.Is(err, errFolder) || errors.Is(err, errFull) || errors.Is(err, errMatch) || errors.Is(err, errNever) {
			_ = k.s.Drive.Drop(context.WithoutCancel(k.ctx), sealed.IsFile, k.entry.ID) // in no folder; else it may be in one by now
		}
		return a.failed(err)
	}
	return k.s.drop(context.WithoutCancel(k.ctx), over)
}

// store brings the octets, and knows then what opens them.
func (k *sink) store() error {
	if k.w == nil { // also a file without content, of a LOCK
		f, err := files.SealSmall(k.at.name, k.small, k.s.Drive.Now())
		if err == nil {
			err = k.s.small.bring(k.ctx, f)
		}
		k.entry = f.Entry
		return err
	}
	v, err := k.w.Close()
	k.entry = sealed.Entry{Kind: sealed.IsFile, Name: k.at.name, Type: files.MediaType(k.at.name), Version: v}
	return err
}

func (k *sink) add() (over []sealed.Version, err error) {
	a := askedOf(k.ctx)
	err = k.s.tree.change(k.ctx, k.at.folder, func(f *sealed.Folder) error {
		over, a.replaced = nil, false
		if withID(f, k.entry.ID) >= 0 {
			return nil
		}
		at := named(f, k.at.name)
		if a.matches != nil && !a.matches(at >= 0, etagAt(f, at)) {
			return errMatch
		}
		if at < 0 {
			return enter(f, k.entry)
		}
		if f.Entries[at].Kind != sealed.IsFile {
			return errFolder
		}
		k.entry.Name = f.Entries[at].Name // as on disks that take both for one: the name stays as it is
		f.Entries[at], over = files.Push(f.Entries[at], k.entry)
		a.replaced = true
		return nil
	})
	return over, err
}

func etagAt(f *sealed.Folder, at int) string {
	if at < 0 {
		return ""
	}
	return etag(f.Entries[at])
}

func (k *sink) giveUp() {
	if k.w != nil {
		k.w.Abort(context.WithoutCancel(k.ctx))
	}
}
