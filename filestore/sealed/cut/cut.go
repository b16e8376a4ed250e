// Package cut takes large attachments out of a mail, while the mail is readable, and
// seals each into its owner's drive: of mail that leaves, a text with a link takes their
// place; of mail that arrives, a stub from which the exact octets come back
// (docs/formats.md, "Attachments").
//
// It holds one mail in passing, and the secrets of its files until its text is made. It
// never knows accounts, sockets or mailboxes, and keeps neither mail nor secret.
//
// Invariants: nothing is taken out that would not come back octet for octet; nothing of a
// mail that somebody signed or encrypted, or that was not looked through to its end; what
// fails leaves the mail as it was and no file behind.
package cut

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"sealpost/filestore/drive"
	"sealpost/filestore/sealed"
	"sealpost/mail"
)

const (
	maxPieces = 20       // taken out of one mail
	maxHeader = 16 << 10 // of a part that is taken out
)

// Cutter makes files of attachments. Its fields are set once.
type Cutter struct {
	Drive *drive.Drive
	Base  string // of links: https://HOST
}

// Cut is a mail without what was taken out of it.
type Cut struct {
	Mail   mail.Joined
	Places []Place    // of what stands there instead, in Mail
	Links  []drive.ID // that stand there

	drive   *drive.Drive
	owner   drive.Owner
	objects []drive.ID
}

// Place is where a text stands in a mail.
type Place struct{ At, Size int64 }

// Undo removes the files again: nobody has the mail that leads to them.
func (c *Cut) Undo(ctx context.Context) error {
	var all error
	for _, id := range c.objects {
		all = errors.Join(all, c.drive.Remove(context.WithoutCancel(ctx), drive.By{Owner: c.owner}, id))
	}
	return all
}

// Revoke ends links that stand in a mail which nobody got. What is no more needs no end.
func (c *Cutter) Revoke(ctx context.Context, o drive.Owner, links []drive.ID) error {
	var all error
	for _, id := range links {
		if _, err := c.Drive.ChangeLink(ctx, o, drive.ChangeLink{ID: id, Revoke: true}); err != nil && !errors.Is(err, drive.ErrNone) && !errors.Is(err, drive.ErrNoOwner) {
			all = errors.Join(all, fmt.Errorf("revoke link: %w", err))
		}
	}
	return all
}

// Sent takes out of a mail that leaves what is larger than over. drops is the owner's
// key, to which it is sealed how the files open. nil: there is nothing to take out.
func (c *Cutter) Sent(ctx context.Context, o drive.Owner, drops []byte, m mail.Bytes, g *mail.Gist, over int64) (*Cut, error) {
	by := drive.By{Owner: o, Request: drive.Outgoing}
	head := func(h sealed.Head) func(drive.Object) ([]byte, error) {
		return func(x drive.Object) ([]byte, error) {
			return sealed.SealDrop(sealed.Ask{Key: drops}, drive.Outgoing.String(), object(x), h)
		}
	}
	return c.cut(ctx, m, g, over, by, head, func(l drive.Link) (drive.Link, error) { return c.Drive.Link(ctx, o, l) }, sentText)
}

// Arrived takes out of the mail that will have this id what is larger than over. nil:
// there is nothing to take out.
func (c *Cutter) Arrived(ctx context.Context, o drive.Owner, id drive.MailID, m mail.Bytes, g *mail.Gist, over int64) (*Cut, error) {
	by := drive.By{Owner: o, Mail: id}
	none := func(sealed.Head) func(drive.Object) ([]byte, error) { return nil }
	return c.cut(ctx, m, g, over, by, none, func(l drive.Link) (drive.Link, error) { return c.Drive.LastingLink(ctx, o, l) }, stubText)
}

// made is a piece that was sealed.
type made struct {
	*found
	head   sealed.Head
	object drive.Object
	url    string
	ends   time.Time
}

type (
	headFor func(sealed.Head) func(drive.Object) ([]byte, error)
	linkFor func(drive.Link) (drive.Link, error)
)

func (c *Cutter) cut(ctx context.Context, m mail.Bytes, g *mail.Gist, over int64, by drive.By, head headFor, link linkFor, text func(made) ([]byte, error)) (out *Cut, err error) {
	if !g.Complete || g.Guarded {
		return nil, nil
	}
	out = &Cut{drive: c.Drive, owner: by.Owner}
	defer func() {
		if err != nil {
			err, out = errors.Join(err, out.Undo(ctx)), nil
		}
	}()
	var from int64
	for _, p := range g.Pieces {
		if p.End-p.Start <= over || len(out.objects) >= maxPieces {
			continue
		}
		f, err := examine(ctx, m, p)
		if err != nil {
			return out, err
		}
		if f == nil || f.length <= over {
			continue
		}
		x, err := c.seal(ctx, m, f, by, head, link, out)
		if err != nil {
			return out, err
		}
		instead, err := text(x)
		if err != nil {
			return out, err
		}
		out.Mail = append(out.Mail, io.NewSectionReader(m, from, p.From-from))
		out.Places = append(out.Places, Place{out.Mail.Size(), int64(len(instead))})
		out.Mail = append(out.Mail, bytes.NewReader(instead))
		from = p.End
	}
	if len(out.objects) == 0 {
		return nil, nil
	}
	out.Mail = append(out.Mail, io.NewSectionReader(m, from, m.Size()-from))
	return out, nil
}

// seal makes a file of a piece, and a link to it.
func (c *Cutter) seal(ctx context.Context, m mail.Bytes, f *found, by drive.By, head headFor, link linkFor, out *Cut) (x made, err error) {
	x = made{found: f, head: sealed.Head{Name: nameOf(f.Name), Type: typeOf(f.Type), Length: f.length, Secret: sealed.NewSecret(), Hash: f.hash[:]}}
	octets, done := sealing(x.head.Secret, f.content(m))
	x.object, err = c.Drive.Make(ctx, by, sealed.Size(f.length), octets, head(x.head))
	octets.Close()
	<-done // nothing reads the mail any more
	if err != nil {
		return x, fmt.Errorf("make file of an attachment: %w", err)
	}
	out.objects = append(out.objects, x.object.ID)
	secret := sealed.NewLinkSecret()
	l, err := sealed.NewLink(secret, "", object(x.object), x.head)
	if err != nil {
		return x, err
	}
	kept, err := link(drive.Link{Object: x.object.ID, Box: l.Box, Check: l.Check})
	if err != nil {
		return x, fmt.Errorf("make link to an attachment: %w", err)
	}
	out.Links = append(out.Links, kept.ID)
	x.url, x.ends = c.Base+"/f/"+kept.ID.String()+"#"+secret.Fragment(), kept.Expires
	return x, nil
}

// sealing seals what content gives while it is read. done is closed when content is no
// longer used.
func sealing(s sealed.Secret, content io.Reader) (octets *io.PipeReader, done <-chan struct{}) {
	out, in := io.Pipe()
	end := make(chan struct{})
	go func() {
		defer close(end)
		w, err := sealed.Seal(in, s)
		if err == nil {
			_, err = io.Copy(w, content)
		}
		if err == nil {
			err = w.Close()
		}
		in.CloseWithError(err)
	}()
	return out, end
}

func object(x drive.Object) sealed.Object { return sealed.Object{ID: x.ID.String(), Size: x.Size} }

func nameOf(name string) string {
	if name = sealed.CleanName(name); sealed.ValidName(name) && name != "" {
		return name
	}
	return "attachment"
}

var mediaType = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,127}$`)

func typeOf(kind string) string {
	if mediaType.MatchString(kind) {
		return kind
	}
	return ""
}

// found is a piece whose content comes back exactly, and what that takes.
type found struct {
	mail.Piece
	header []byte
	coding coding
	length int64 // of the content, decoded
	hash   [32]byte
}

// examine reads a piece through. nil: it would not come back as it was.
func examine(ctx context.Context, m mail.Bytes, p mail.Piece) (*found, error) {
	f := &found{Piece: p}
	if p.Start-p.From > maxHeader {
		return nil, nil
	}
	f.header = make([]byte, p.Start-p.From)
	if _, err := m.ReadAt(f.header, p.From); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read header of a part: %w", err)
	}
	switch p.Encoding {
	case "base64":
		f.coding.Name = codedBase64
	case "", "7bit", "8bit", "binary":
		f.coding.Name = codedNot
	default:
		return nil, nil
	}
	sum, r := sha256.New(), f.content(m)
	n, err := io.Copy(sum, &contextReader{ctx, r})
	if errors.Is(err, errInexact) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read an attachment: %w", err)
	}
	if lines, ok := r.(*lineReader); ok {
		f.coding.Width, f.coding.Tail = lines.width, string(lines.tail)
	}
	f.length, f.hash = n, [32]byte(sum.Sum(nil))
	return f, nil
}

// content decodes the piece.
func (f *found) content(m mail.Bytes) io.Reader {
	if f.coding.Name == codedBase64 {
		return newLineReader(f.Content(m))
	}
	return f.Content(m)
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
