package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// lanes is how many requests carry one file at the same time.
const lanes = 4

// Put is a file of this disk on its way into the drive.
type Put struct {
	File   string // here
	Folder string // there
	Name   string // there; empty: that of the file
	Cache  string // a folder of this device, where the sealed file waits
	Tell   func(done, of int64)
	Source *os.File // nil: File is opened by its name
}

// staged is what this device notes of an upload, so that it goes on with the same
// octets: under the drive's key, as it holds the file's secret.
type staged struct {
	ID       string        `json:"id,omitempty"` // at the server
	Octets   string        `json:"octets"`       // name of the file that holds them
	Whole    bool          `json:"whole"`        // all of them
	Secret   sealed.Secret `json:"secret"`
	Length   int64         `json:"length"`   // of the source,
	Modified int64         `json:"modified"` // when it was sealed, in nanoseconds
	Hash     []byte        `json:"hash,omitempty"`
}

// ErrChanging says that somebody wrote to a file while it was read.
var ErrChanging = errors.New("changed while it was read")

// upload is one Put under way.
type upload struct {
	d      *Drive
	put    Put
	name   string
	record string // file
	asked  *Asked // by whose request it is brought; nil: into the drive
	sealed chan struct{}
	mu     sync.Mutex
	note   staged
}

// Put brings a file into the drive. Broken off, the same call goes on where it was, as
// long as the file is the same and the server has not given it up.
func (d *Drive) Put(ctx context.Context, p Put) (sealed.Entry, error) {
	u := &upload{d: d, put: p, name: nameOf(p)}
	if to, err := d.Entry(ctx, p.Folder); err != nil {
		return sealed.Entry{}, err
	} else if to.Kind != sealed.IsFolder {
		return sealed.Entry{}, fmt.Errorf("expected a folder: %s is a file", p.Folder)
	}
	e, err := u.stage(ctx)
	if err != nil {
		return e, err
	}
	if err := d.Add(ctx, p.Folder, e); err != nil {
		return e, err
	}
	u.forget()
	return e, nil
}

func nameOf(p Put) string {
	if p.Name != "" {
		return p.Name
	}
	return sealed.CleanName(filepath.Base(p.File))
}

// Stage brings a file whose entry its caller puts into a folder, and then calls forget:
// until then the same call goes on where it was, or finds it brought. The source may be
// open already.
func (d *Drive) Stage(ctx context.Context, p Put) (e sealed.Entry, forget func(), err error) {
	u := &upload{d: d, put: p, name: p.Name}
	e, err = u.stage(ctx)
	return e, u.forget, err
}

func (u *upload) stage(ctx context.Context) (sealed.Entry, error) {
	p := u.put
	if p.Tell == nil {
		u.put.Tell = func(int64, int64) {}
	}
	if !sealed.ValidName(u.name) {
		return sealed.Entry{}, errors.New("expected a name without slashes and control characters, and not of dots alone")
	}
	source := p.Source
	if source == nil {
		var err error
		if source, err = os.Open(p.File); err != nil {
			return sealed.Entry{}, fmt.Errorf("open file: %w", err)
		}
		defer source.Close()
	}
	info, err := source.Stat()
	if err != nil {
		return sealed.Entry{}, fmt.Errorf("open file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > sealed.MaxLength {
		return sealed.Entry{}, fmt.Errorf("expected a regular file of at most %d bytes: %s is none", int64(sealed.MaxLength), p.File)
	}
	if err := os.MkdirAll(p.Cache, 0o700); err != nil {
		return sealed.Entry{}, fmt.Errorf("make cache: %w", err)
	}
	sweep(p.Cache, u.d.Now())
	return u.run(ctx, source, info)
}

func (u *upload) run(ctx context.Context, source *os.File, info os.FileInfo) (e sealed.Entry, err error) {
	whole, err := filepath.Abs(u.put.File)
	if err != nil {
		return e, fmt.Errorf("open file: %w", err)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{u.d.Server.URL, u.d.Server.Address, u.put.Folder, u.name, whole}, "\x00")))
	u.record = filepath.Join(u.put.Cache, hex.EncodeToString(sum[:16])+".upload")
	u.recall()
	same := u.note.Whole && u.note.Length == info.Size() && u.note.Modified == info.ModTime().UnixNano()
	if same && u.opens() {
		err = u.again(ctx)
	} else {
		u.giveUp(ctx)
		err = u.anew(ctx, source, info)
	}
	if err != nil {
		return e, err
	}
	return u.entry(), nil
}

// entry is what its owner keeps of it.
func (u *upload) entry() sealed.Entry {
	return sealed.Entry{Kind: sealed.IsFile, Name: u.name, Type: mediaType(u.name), Version: sealed.Version{
		ID: u.note.ID, Secret: u.note.Secret, Length: u.note.Length, Modified: max(0, time.Unix(0, u.note.Modified).UnixMilli()), Hash: u.note.Hash,
	}}
}

// MediaType is what the ending of a name says of a file, or nothing.
func MediaType(name string) string { return mediaType(name) }

func mediaType(name string) string {
	t, _, err := mime.ParseMediaType(mime.TypeByExtension(filepath.Ext(name)))
	if err != nil {
		return ""
	}
	return t
}

func (u *upload) octets() string { return filepath.Join(u.put.Cache, filepath.Base(u.note.Octets)) }

// opens says whether what waits here is all there: a machine that stopped may have kept
// only some of it.
func (u *upload) opens() bool {
	f, err := os.Open(u.octets())
	if err != nil {
		return false
	}
	defer f.Close()
	return sealed.Receive(io.Discard, f, sealed.Head{Name: u.name, Length: u.note.Length, Secret: u.note.Secret}) == nil
}

// again goes on with octets that lie here whole.
func (u *upload) again(ctx context.Context) error {
	f, err := os.Open(u.octets())
	if err != nil {
		return fmt.Errorf("open sealed file: %w", err)
	}
	defer f.Close()
	if u.note.ID != "" {
		_, err := u.there(ctx)
		var p *client.Problem
		if errors.As(err, &p) && p.Status == http.StatusNotFound { // given up there
			u.note.ID = ""
		}
	}
	return u.send(ctx, f)
}

// there is what the server has of it.
func (u *upload) there(ctx context.Context) (client.File, error) {
	if u.asked != nil {
		return u.d.Server.DroppedFile(ctx, u.asked.ID, u.note.ID)
	}
	return u.d.Server.File(ctx, u.note.ID)
}

// anew seals the file into the cache and sends what is sealed already meanwhile.
func (u *upload) anew(ctx context.Context, source *os.File, info os.FileInfo) error {
	f, err := os.CreateTemp(u.put.Cache, "*.sealed") // 0600
	if err != nil {
		return fmt.Errorf("make sealed file: %w", err)
	}
	defer f.Close()
	u.note = staged{Octets: filepath.Base(f.Name()), Secret: sealed.NewSecret(), Length: info.Size(), Modified: info.ModTime().UnixNano()}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	grown := newGrowing(f, sealed.Size(info.Size()))
	sealing := make(chan error, 1)
	u.sealed = make(chan struct{})
	go func() {
		defer close(u.sealed)
		err := u.seal(ctx, grown, source, info)
		grown.end(err)
		if err != nil {
			stop(err)
		}
		sealing <- err
	}()
	err = u.send(ctx, grown)
	if err != nil {
		grown.end(err) // stops the sealing only if there is nothing to go on with
		if u.asked != nil && u.begun() == "" {
			stop(err) // nobody takes it
		}
	}
	if bad := <-sealing; bad != nil {
		u.giveUp(context.WithoutCancel(ctx)) // half of the octets are of no use
		return bad
	}
	return err
}

// seal writes the sealed file, and notes when it is whole.
func (u *upload) seal(ctx context.Context, to *growing, source *os.File, info os.FileInfo) error {
	sum := sha256.New()
	w, err := sealed.Seal(to, u.note.Secret)
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, &counted{ctx: ctx, r: io.LimitReader(source, info.Size()), sum: sum}, make([]byte, 1<<20))
	if err != nil {
		return fmt.Errorf("seal file: %w", err)
	}
	now, err := source.Stat()
	if err != nil {
		return fmt.Errorf("seal file: %w", err)
	}
	if n != info.Size() || now.Size() != info.Size() || !now.ModTime().Equal(info.ModTime()) {
		return fmt.Errorf("%s %w: try again", u.put.File, ErrChanging)
	}
	if err := w.Close(); err != nil {
		return err
	}
	return u.keep(func(s *staged) { s.Whole, s.Hash = true, sum.Sum(nil) })
}

// counted is a source that ends with its context.
type counted struct {
	ctx context.Context
	r   io.Reader
	sum hash.Hash
}

func (c *counted) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	return n, err
}

func (u *upload) send(ctx context.Context, octets io.ReaderAt) error {
	size := sealed.Size(u.note.Length)
	var noted error
	_, err := u.d.Server.Upload(ctx, client.Upload{
		Octets: octets, Size: size, ID: u.note.ID, By: u.by(), Lanes: lanes,
		Began: func(id string) { noted = u.keep(func(s *staged) { s.ID = id }) },
		Sent:  func(n, of int) { u.put.Tell(size*int64(n)/int64(of), size) },
	})
	return errors.Join(err, noted)
}

func (u *upload) begun() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.note.ID
}

// keep changes the note and writes it.
func (u *upload) keep(change func(*staged)) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(&u.note)
	text, err := json.Marshal(u.note)
	if err != nil {
		return fmt.Errorf("note upload: %w", err)
	}
	box, err := u.d.Boxes.SealItem(sealed.Drawer, noteName, 1, text)
	if err != nil {
		return fmt.Errorf("note upload: %w", err)
	}
	return writePrivate(u.record, box)
}

// noteName is in no folder: such a name is not a box's at the server.
const noteName = "an upload of this device"

// recall reads what was noted; what is not there, or does not open, is nothing.
func (u *upload) recall() {
	box, err := os.ReadFile(u.record)
	if err != nil {
		return
	}
	text, err := u.d.Boxes.OpenItem(sealed.Drawer, noteName, 1, box)
	if err != nil || json.Unmarshal(text, &u.note) != nil {
		u.note = staged{}
	}
}

// forget removes what waits here.
func (u *upload) forget() {
	if u.note.Octets != "" {
		os.Remove(u.octets())
	}
	os.Remove(u.record)
}

// giveUp forgets an upload, there too: its room is free again at once.
func (u *upload) giveUp(ctx context.Context) {
	if u.note.ID != "" {
		if u.asked != nil {
			_ = u.d.Server.GiveUpDrop(ctx, u.asked.ID, u.note.ID)
		} else {
			_ = u.d.Server.RemoveFile(ctx, u.note.ID)
		} // else the server gives it up in a day
	}
	u.forget()
	u.note = staged{}
}

// sweep removes what nobody came back for.
func sweep(cache string, now time.Time) {
	all, err := os.ReadDir(cache)
	if err != nil {
		return
	}
	for _, e := range all {
		info, err := e.Info()
		if err == nil && ours.MatchString(e.Name()) && info.Mode().IsRegular() && now.Sub(info.ModTime()) > cacheTime {
			os.Remove(filepath.Join(cache, e.Name()))
		}
	}
}

// ours are names that this program gave: the folder may be anybody's, and hold other files.
var ours = regexp.MustCompile(`^(?:[0-9]+\.sealed|[0-9a-f]{32}\.upload)$`)

const cacheTime = 7 * 24 * time.Hour
