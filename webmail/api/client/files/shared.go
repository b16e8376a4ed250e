package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"sealpost/filestore/sealed"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client"
)

// begun is what this device notes of a download by a link, beside what came: a link that
// is used up by it tells nothing any more, and the ticket serves on for some hours. The
// head in it is sealed, as the link's secret is kept nowhere.
type begun struct {
	About  client.SharedFile `json:"about"`
	Ticket string            `json:"ticket"`
}

const mostBegun = 64 << 10

// note is the file's name, which nobody guesses who has not the link.
func (s Shared) note() string {
	sum := sha256.Sum256([]byte("sealpost link note v1 " + s.ID + " " + s.secret.Fragment()))
	return ".sealpost-" + hex.EncodeToString(sum[:8]) + ".link"
}

// recall finds what was noted in the folder that a file comes into.
func (s Shared) recall(g Get) *begun {
	at := g.To
	if info, err := os.Stat(at); err != nil || !info.IsDir() {
		at = filepath.Dir(at)
	}
	dir, err := os.OpenRoot(at)
	if err != nil {
		return nil
	}
	defer dir.Close()
	f, err := dir.Open(s.note())
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostBegun))
	var b begun
	if err != nil || json.Unmarshal(text, &b) != nil || b.Ticket == "" {
		return nil
	}
	return &b
}

// Get fetches what a link leads to. password is asked for where the link has one. One that
// broke off goes on, also where it used the link up.
func (s Shared) Get(ctx context.Context, c *client.Client, password func() (keyring.Passphrase, error), g Get) (string, error) {
	about, err := c.Shared(ctx, s.ID, nil)
	was := s.recall(g)
	over := was != nil && errors.Is(linkError(err), ErrLink)
	if over {
		about, err = was.About, nil
	}
	if err != nil {
		return "", linkError(err)
	}
	var word keyring.Passphrase
	if len(about.KDF) > 0 {
		if word, err = password(); err != nil {
			return "", err
		}
	}
	unlocked, err := sealed.Unlock(s.secret, word, about.KDF)
	if err != nil {
		return "", ErrLink
	}
	if !over {
		if about, err = c.Shared(ctx, s.ID, unlocked.Proof()); err != nil {
			return "", linkError(err)
		}
	}
	head, err := unlocked.Open(sealed.Object{ID: about.File, Size: about.Size}, about.Box)
	if over && err != nil { // of the server nothing is known any more: it may be the password
		return "", ErrLink
	}
	if err != nil {
		return "", err
	}
	d, err := g.begin(head)
	if err != nil {
		return "", err
	}
	d.link = s.note()
	if was != nil && was.About.File == about.File {
		d.note.Ticket = was.Ticket
	}
	src, err := s.ticketed(ctx, c, unlocked.Proof(), about, d, over)
	if err != nil {
		d.file.Close()
		if !d.resumed && d.note.Ticket == "" {
			d.drop()
		}
		return "", errors.Join(linkError(err), d.close())
	}
	to, err := d.run(ctx, src)
	return to, linkError(err)
}

// ticketed goes on with the ticket of a download that was broken off, which is not
// counted again; where the server takes it no more, it begins one, unless the link is over.
func (s Shared) ticketed(ctx context.Context, c *client.Client, proof []byte, about client.SharedFile, d *download, over bool) (io.ReaderAt, error) {
	if d.note.Ticket != "" {
		src := c.SharedContent(ctx, s.ID, d.note.Ticket, about.Size)
		_, err := src.ReadAt(make([]byte, 1), 0)
		if err == nil || over || !errors.Is(linkError(err), ErrLink) { // what fails otherwise may not fail again
			return src, err
		}
		d.note.Ticket = ""
	}
	got, err := c.BeginDownload(ctx, s.ID, proof)
	if err != nil {
		return nil, err
	}
	d.note.Ticket = got.Ticket
	if err := d.save(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(begun{about, got.Ticket})
	if err == nil {
		err = writeIn(d.dir, d.link, text)
	}
	return c.SharedContent(ctx, s.ID, got.Ticket, about.Size), err
}
