package files

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// Small is a file that was sealed in memory, to be brought with others in one request.
// Its entry goes into a folder once it was brought.
type Small struct {
	Entry sealed.Entry
	file  client.SmallFile
}

// IsSmall says whether a content of n bytes is brought so.
func IsSmall(n int64) bool { return n <= client.MostSmall && sealed.Size(n) <= client.MostSmall }

// Size is what it takes at the server.
func (s Small) Size() int { return len(s.file.Octets) }

// SealSmall seals a content under a secret and an id of its own.
func SealSmall(name string, content []byte, modified time.Time) (s Small, err error) {
	secret := sealed.NewSecret()
	b := bytes.NewBuffer(make([]byte, 0, sealed.Size(int64(len(content)))))
	w, err := sealed.Seal(b, secret)
	if err != nil {
		return s, err
	}
	if _, err := w.Write(content); err != nil {
		return s, err
	}
	if err := w.Close(); err != nil {
		return s, err
	}
	for s.file.ID[0]>>2 >= 62 || s.file.ID == [16]byte{} { // as drive.NewID
		rand.Read(s.file.ID[:])
	}
	s.file.Octets = b.Bytes()
	sum := sha256.Sum256(content)
	s.Entry = sealed.Entry{Kind: sealed.IsFile, Name: name, Type: mediaType(name), Version: sealed.Version{
		ID: base64.RawURLEncoding.EncodeToString(s.file.ID[:]), Secret: secret, Length: int64(len(content)), Modified: max(0, modified.UnixMilli()), Hash: sum[:],
	}}
	return s, nil
}

// Bring stores small files, which are in no folder then.
func (d *Drive) Bring(ctx context.Context, all []Small) error {
	var batch []client.SmallFile
	for _, s := range all {
		batch = append(batch, s.file)
	}
	if err := d.Server.Bring(ctx, batch); err != nil {
		return fmt.Errorf("bring files: %w", err)
	}
	return nil
}

// Content is a small file's, whole and verified.
func (d *Drive) Content(ctx context.Context, h sealed.Head, id string) ([]byte, error) {
	size := sealed.Size(h.Length)
	b := make([]byte, size)
	src := newBlocks(ctx, d.Server.Content(ctx, client.File{ID: id, Size: size}), size)
	if _, err := io.ReadFull(io.NewSectionReader(src, 0, size), b); err != nil {
		return nil, fmt.Errorf("fetch file: %w", err)
	}
	out := bytes.NewBuffer(make([]byte, 0, h.Length))
	if err := sealed.Receive(out, bytes.NewReader(b), h); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Contents fetches small files together, and gives those that were verified, by their
// objects.
func (d *Drive) Contents(ctx context.Context, heads map[string]sealed.Head) (map[string][]byte, error) {
	ids := make([]string, 0, len(heads))
	for id := range heads {
		ids = append(ids, id)
	}
	all, err := d.Server.Small(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("fetch files: %w", err)
	}
	for id, b := range all {
		h := heads[id]
		out := bytes.NewBuffer(make([]byte, 0, min(h.Length, int64(len(b)))))
		if sealed.Receive(out, bytes.NewReader(b), h) != nil {
			delete(all, id)
			continue
		}
		all[id] = out.Bytes()
	}
	return all, nil
}

// Hash is the SHA-256 of a stored file's content: what its head says or, where that says
// nothing, of what is there.
func (d *Drive) Hash(ctx context.Context, h sealed.Head, id string) ([]byte, error) {
	if len(h.Hash) > 0 {
		return h.Hash, nil
	}
	size := sealed.Size(h.Length)
	src := newBlocks(ctx, d.Server.Content(ctx, client.File{ID: id, Size: size}), size)
	sum := sha256.New()
	if err := sealed.Receive(sum, io.NewSectionReader(src, 0, size), h); err != nil {
		return nil, err
	}
	return sum.Sum(nil), nil
}

// Folder reads a folder by its id, and says which version of it this is.
func (d *Drive) Folder(ctx context.Context, id string) (sealed.Folder, uint64, error) {
	return d.folder(ctx, id)
}

// Change changes a folder by compare-and-swap: do sees what is there now, and is asked
// again where another device was faster. Whoever has many changes of one folder makes
// them in one call.
func (d *Drive) Change(ctx context.Context, id string, do func(*sealed.Folder) error) error {
	return d.change(ctx, id, do)
}

// NewFolder makes the entry of a folder and its box, which is empty; the entry then goes
// into another folder.
func (d *Drive) NewFolder(ctx context.Context, name string) (e sealed.Entry, err error) {
	var random [16]byte
	rand.Read(random[:])
	e = sealed.Entry{Kind: sealed.IsFolder, Name: name, Version: sealed.Version{ID: hex.EncodeToString(random[:]), Modified: d.Now().UnixMilli()}}
	return e, d.store(ctx, e.ID, 0, sealed.Folder{})
}

// Drop deletes for good what stands in no folder: an object, or a folder's box.
func (d *Drive) Drop(ctx context.Context, kind sealed.Kind, id string) error {
	if kind == sealed.IsFolder {
		return d.dropBox(ctx, id)
	}
	return d.dropObject(ctx, id)
}

// Push makes e the newest version of a file that stood under its name; one without content
// is none. What it returns last are versions too many, whose objects are to be deleted once
// the folder is stored.
func Push(was, e sealed.Entry) (now sealed.Entry, over []sealed.Version) {
	now = e
	now.Versions = slices.Clone(e.Versions)
	for _, v := range append([]sealed.Version{was.Version}, was.Versions...) {
		if v.Length > 0 && len(now.Versions) < versionsKept {
			now.Versions = append(now.Versions, v)
		} else {
			over = append(over, v)
		}
	}
	return now, over
}
