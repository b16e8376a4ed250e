package files

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"sealpost/filestore/drive"
	"sealpost/filestore/sealed"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client"
)

// ErrNoDrops says that a profile was made before login kept the key of drops.
var ErrNoDrops = errors.New("expected the key of upload requests: log in again (sealpost file logout, then login), this profile is from before")

// Wish is an upload request to be made.
type Wish struct {
	Title, Note string
	Folder      string // of the drive, where what comes is put
	Files       int64
	Bytes       int64 // of content; what is stored is a little more
	Lives       time.Duration
}

// MakeRequest makes a link by which somebody without an account brings files. One that no
// device remembers is taken back.
func (d *Drive) MakeRequest(ctx context.Context, w Wish) (link string, made client.FileRequest, err error) {
	if d.Drops == (keyring.Receiver{}) {
		return "", made, ErrNoDrops
	}
	if w.Files < 1 || w.Bytes < 1 || w.Bytes > sealed.MaxLength {
		return "", made, errors.New("expected at least one file, and a size of at least one byte and at most 512 GiB")
	}
	folder, err := d.Entry(ctx, w.Folder)
	if err != nil {
		return "", made, err
	}
	if folder.Kind != sealed.IsFolder {
		return "", made, fmt.Errorf("expected a folder: %s is a file", w.Folder)
	}
	secret := sealed.NewLinkSecret()
	box, err := sealed.SealAsk(secret, sealed.Ask{Key: d.Drops.Public(), Title: w.Title, Note: w.Note})
	if err != nil {
		return "", made, err
	}
	n := client.NewFileRequest{Box: box, MostFiles: w.Files, MostBytes: sealed.Size(w.Bytes)}
	if w.Lives > 0 {
		ends := d.Now().Add(w.Lives)
		n.Expires = &ends
	}
	if made, err = d.Server.MakeRequest(ctx, n); err != nil {
		return "", made, fmt.Errorf("make request: %w", err)
	}
	note := sealed.AskNote{Fragment: secret.Fragment(), Title: w.Title, Note: w.Note, Folder: folder.ID}
	if err := keepNote(ctx, d, sealed.AskItem(made.ID), note); err != nil {
		return "", made, errors.Join(err, d.Server.RemoveRequest(context.WithoutCancel(ctx), made.ID)) // nobody can be given it
	}
	return d.linkTo("r", made.ID, note.Fragment), made, nil
}

// NamedRequest is an upload request and what it was made for, where a device of the owner
// remembers it.
type NamedRequest struct {
	client.FileRequest
	Link, Title string
}

// Requests are those of the owner.
func (d *Drive) Requests(ctx context.Context) ([]NamedRequest, error) {
	all, err := d.Server.Requests(ctx)
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	ids := make([]string, len(all))
	for i, r := range all {
		ids[i] = r.ID
	}
	notes, err := readNotes[sealed.AskNote](ctx, d, ids, sealed.AskItem)
	named := make([]NamedRequest, len(all))
	for i, r := range all {
		named[i] = NamedRequest{FileRequest: r}
		if n, kept := notes[r.ID]; kept {
			named[i].Link, named[i].Title = d.linkTo("r", r.ID, n.Fragment), n.Title
		}
	}
	return named, err
}

// CloseRequest ends one for good, by its id or whole. What came by it stays.
func (d *Drive) CloseRequest(ctx context.Context, link string) error {
	if strings.Contains(link, "/") {
		a, err := ParseAsked(link)
		if err != nil {
			return err
		}
		link = a.ID
	}
	yes := true
	_, err := d.Server.ChangeRequest(ctx, link, client.FileRequestChange{Revoked: &yes})
	return requestError(err)
}

// Collected is what came and was looked at.
type Collected struct {
	ID     string
	Name   string // that it got
	Length int64
	Closed bool // it does not open, whoever made it, and was left
}

// came is what opens of what came.
type came struct {
	id    string
	entry sealed.Entry
}

const (
	mostPages = 100 // of what came, asked for one after the other
	mostAtOne = 256 // into one folder by one change
)

// Collect takes what strangers brought, and what the server made of mail that the owner
// sent, into the drive, and tells of each. Nobody has proved who brought a file: its name
// is made a free one, so that nothing of the owner's gets another content by it. The folder
// is written first, as only there its secret is kept from then on; broken off, it is done
// once more without harm. to: the folder for all of it; empty: each its request's.
func (d *Drive) Collect(ctx context.Context, to string, tell func(Collected)) error {
	if d.Drops == (keyring.Receiver{}) {
		return ErrNoDrops
	}
	into := func(string) (string, error) { return sealed.Root, nil }
	if to != "" {
		e, err := d.Entry(ctx, to)
		if err != nil {
			return err
		}
		if e.Kind != sealed.IsFolder {
			return fmt.Errorf("expected a folder: %s is a file", to)
		}
		into = func(string) (string, error) { return e.ID, nil }
	}
	all, err := d.brought(ctx)
	if err != nil {
		return err
	}
	if to == "" {
		into = d.folders(ctx, all)
	}
	waits := map[string][]came{}
	for _, f := range all {
		c, err := d.openDrop(f)
		if err != nil {
			tell(Collected{ID: f.ID, Closed: true})
			continue
		}
		folder, err := into(f.Request)
		if err != nil {
			return err
		}
		waits[folder] = append(waits[folder], c)
	}
	var failed error
	for folder, some := range waits {
		for chunk := range slices.Chunk(some, mostAtOne) {
			if err := d.collect(ctx, folder, chunk, tell); err != nil {
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}

// brought lists what came whole.
func (d *Drive) brought(ctx context.Context) (all []client.File, err error) {
	after := ""
	for range mostPages {
		page, err := d.Server.Files(ctx, after, true)
		if err != nil {
			return nil, fmt.Errorf("list what came: %w", err)
		}
		for _, f := range page.Files {
			if f.Complete && f.Request != "" {
				all = append(all, f)
			}
		}
		if !page.More || len(page.Files) == 0 {
			break
		}
		after = page.Files[len(page.Files)-1].ID
	}
	return all, nil
}

// folders finds, for each request, where its files go.
func (d *Drive) folders(ctx context.Context, all []client.File) func(request string) (string, error) {
	var ids []string
	for _, f := range all {
		if _, err := drive.ParseID(f.Request); err == nil && f.Request != drive.Outgoing.String() && !slices.Contains(ids, f.Request) {
			ids = append(ids, f.Request)
		}
	}
	notes, err := readNotes[sealed.AskNote](ctx, d, ids, sealed.AskItem)
	return func(request string) (string, error) {
		if n, kept := notes[request]; kept {
			return n.Folder, err
		}
		return sealed.Root, err
	}
}

func (d *Drive) openDrop(f client.File) (c came, err error) {
	if _, err := drive.ParseID(f.ID); err != nil {
		return c, sealed.ErrClosed
	}
	h, err := sealed.OpenDrop(d.Drops, f.Request, sealed.Object{ID: f.ID, Size: f.Size}, f.Head)
	if err != nil {
		return c, sealed.ErrClosed
	}
	modified := h.Modified
	if modified == 0 {
		modified = max(0, min(f.Created.UnixMilli(), d.Now().UnixMilli()))
	}
	return came{f.ID, sealed.Entry{Kind: sealed.IsFile, Name: sealed.CleanName(h.Name), Type: h.Type, Version: sealed.Version{
		ID: f.ID, Secret: h.Secret, Length: h.Length, Modified: modified, Hash: h.Hash,
	}}}, nil
}

// collect puts some into a folder, or into the topmost one where it is gone, and then takes
// them over.
func (d *Drive) collect(ctx context.Context, folder string, some []came, tell func(Collected)) error {
	names := map[string]string{}
	place := func(f *sealed.Folder) error {
		names = setBeside(f, some)
		return nil
	}
	err := d.change(ctx, folder, place)
	if NoFolder(err) && folder != sealed.Root {
		err = d.change(ctx, sealed.Root, place)
	}
	if err != nil {
		return err
	}
	for _, c := range some {
		if _, err := d.Server.TakeFile(ctx, c.id); gone(err) != nil { // not there: another device took it
			return fmt.Errorf("take over file %s: %w", c.id, err)
		}
		tell(Collected{ID: c.id, Name: names[c.id], Length: c.entry.Length})
	}
	return nil
}

// setBeside puts files into a folder under names that are free, and says which.
func setBeside(f *sealed.Folder, some []came) map[string]string {
	taken, there := map[string]bool{}, map[string]string{}
	for _, e := range f.Entries {
		taken[sealed.NameKey(e.Name)] = taken[sealed.NameKey(e.Name)] || e.Trashed == 0
		for _, v := range append([]sealed.Version{e.Version}, e.Versions...) {
			there[v.ID] = e.Name
		}
	}
	names, next := map[string]string{}, map[string]int{}
	for _, c := range some {
		if name, before := there[c.id]; before { // broken off, the last time
			names[c.id] = name
			continue
		}
		e := c.entry
		e.Name = freeName(e.Name, taken, next)
		taken[sealed.NameKey(e.Name)] = true
		f.Entries = append(f.Entries, e)
		names[c.id], there[c.id] = e.Name, e.Name
	}
	return names
}

// freeName is a name beside those that are taken: "letter (2).pdf". next spares it to count
// from the beginning for each of many of one name.
func freeName(name string, taken map[string]bool, next map[string]int) string {
	key := sealed.NameKey(name)
	if !taken[key] {
		return name
	}
	end := path.Ext(name)
	if end == name || len(end) > 12 {
		end = ""
	}
	stem := strings.TrimSuffix(name, end)
	for n := max(2, next[key]); ; n++ {
		number := fmt.Sprintf(" (%d)", n)
		free := sealed.CleanName(cut(stem, 255-len(number)-len(end)) + number + end)
		if !taken[sealed.NameKey(free)] {
			next[key] = n + 1
			return free
		}
	}
}

// cut shortens text to at most so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
