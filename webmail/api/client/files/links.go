package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client"
)

// Limits are what a link is made with. What is not set is the server's.
type Limits struct {
	Lives     time.Duration
	Downloads int64
	Password  keyring.Passphrase
}

// MakeLink makes a link to a file, whose secret the server never sees.
func (d *Drive) MakeLink(ctx context.Context, path string, l Limits) (link string, made client.FileLink, err error) {
	e, err := d.Entry(ctx, path)
	if err != nil {
		return "", made, err
	}
	if e.Kind != sealed.IsFile {
		return "", made, fmt.Errorf("expected a file: %s is a folder", path)
	}
	secret := sealed.NewLinkSecret()
	sealedLink, err := sealed.NewLink(secret, l.Password, sealed.Object{ID: e.ID, Size: sealed.Size(e.Length)}, e.Head())
	if err != nil {
		return "", made, err
	}
	n := client.NewFileLink{File: e.ID, Box: sealedLink.Box, KDF: sealedLink.KDF, Check: sealedLink.Check, Most: l.Downloads}
	if l.Lives > 0 {
		ends := d.Now().Add(l.Lives)
		n.Expires = &ends
	}
	if made, err = d.Server.MakeLink(ctx, n); err != nil {
		return "", made, fmt.Errorf("make link: %w", err)
	}
	note := sealed.LinkNote{Fragment: secret.Fragment(), Name: e.Name, Length: e.Length}
	if err := keepNote(ctx, d, sealed.LinkItem(made.ID), note); err != nil {
		return "", made, errors.Join(err, d.Server.RemoveLink(context.WithoutCancel(ctx), made.ID)) // what nobody has serves nobody
	}
	return d.linkTo("f", made.ID, note.Fragment), made, nil
}

func (d *Drive) linkTo(page, id, fragment string) string {
	return strings.TrimSuffix(d.Server.URL, "/") + "/" + page + "/" + id + "#" + fragment
}

// NamedLink is a link and what it leads to, where this drive has it.
type NamedLink struct {
	client.FileLink
	Path string // empty: it is in no folder any more
	Link string // whole; empty: no device of the owner kept it
}

// Links are those of the owner.
func (d *Drive) Links(ctx context.Context) ([]NamedLink, error) {
	all, err := d.Server.Links(ctx)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	want := map[string]string{}
	for _, l := range all {
		want[l.File] = ""
	}
	if len(want) > 0 {
		err = d.paths(ctx, sealed.Root, "", nil, want)
	}
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(all))
	for i, l := range all {
		ids[i] = l.ID
	}
	notes, err := readNotes[sealed.LinkNote](ctx, d, ids, sealed.LinkItem)
	named := make([]NamedLink, len(all))
	for i, l := range all {
		named[i] = NamedLink{FileLink: l, Path: want[l.File]}
		if n, kept := notes[l.ID]; kept {
			named[i].Link = d.linkTo("f", l.ID, n.Fragment)
		}
	}
	return named, err
}

// paths finds where files are.
func (d *Drive) paths(ctx context.Context, id, path string, above []string, want map[string]string) error {
	if slices.Contains(above, id) || len(above) > sealed.MaxDepth {
		return sealed.ErrClosed
	}
	f, _, err := d.folder(ctx, id)
	if err != nil {
		return err
	}
	for _, e := range f.Entries {
		at := path + "/" + e.Name
		if e.Kind == sealed.IsFolder {
			if err := d.paths(ctx, e.ID, at, append(slices.Clone(above), id), want); err != nil {
				return err
			}
			continue
		}
		for _, v := range append([]sealed.Version{e.Version}, e.Versions...) {
			if _, asked := want[v.ID]; asked {
				want[v.ID] = at
			}
		}
	}
	return nil
}

// Revoke ends a link, by its id or whole.
func (d *Drive) Revoke(ctx context.Context, link string) error {
	if strings.Contains(link, "/") {
		s, err := ParseShared(link)
		if err != nil {
			return err
		}
		link = s.ID
	}
	yes := true
	_, err := d.Server.ChangeLink(ctx, link, client.FileLinkChange{Revoked: &yes})
	return linkError(err)
}

// ErrLink is all that is said of a link that leads nowhere.
var ErrLink = errors.New("this link leads nowhere: it has expired, was used up or revoked, never was, or its secret or password is another")

func linkError(err error) error {
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return ErrLink
	}
	return err
}

// Shared is a link that somebody was given.
type Shared struct {
	Server string
	ID     string
	secret sealed.LinkSecret
}

// ParseShared reads https://host/f/ID#SECRET.
func ParseShared(link string) (s Shared, err error) {
	s.Server, s.ID, s.secret, err = parseLink("f", link)
	return s, err
}

// parseLink reads the link of a page.
func parseLink(page, link string) (server, id string, secret sealed.LinkSecret, err error) {
	at, err := url.Parse(link)
	bad := fmt.Errorf("expected a link such as https://mail.example.org/%s/ID#SECRET, with all behind the #", page)
	if err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil || at.RawQuery != "" {
		return "", "", secret, bad
	}
	id, ours := strings.CutPrefix(at.Path, "/"+page+"/")
	secret, err = sealed.ParseLinkSecret(at.Fragment)
	if !ours || id == "" || strings.Contains(id, "/") || err != nil {
		return "", "", secret, bad
	}
	return "https://" + at.Host, id, secret, nil
}

// Copy writes what a link without a password leads to. Each piece is verified before it
// is written; that it is all of it the caller finds out.
func (s Shared) Copy(ctx context.Context, c *client.Client, w io.Writer) error {
	unlocked, err := sealed.Unlock(s.secret, "", nil)
	if err != nil {
		return ErrLink
	}
	about, err := c.Shared(ctx, s.ID, unlocked.Proof())
	if err != nil {
		return linkError(err)
	}
	head, err := unlocked.Open(sealed.Object{ID: about.File, Size: about.Size}, about.Box)
	if err != nil {
		return err
	}
	begun, err := c.BeginDownload(ctx, s.ID, unlocked.Proof())
	if err != nil {
		return linkError(err)
	}
	f, err := sealed.Open(c.SharedContent(ctx, s.ID, begun.Ticket, about.Size), about.Size, head)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.NewSectionReader(f, 0, head.Length)}, make([]byte, pieceSize))
	return err
}
