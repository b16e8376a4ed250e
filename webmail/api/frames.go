package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// mostFrames bounds the uids of one request for cards or terms.
const mostFrames = 5000

// keysOnly is no letter: the packets in front of the message letter that hold its session key.
const keysOnly pgp.Kind = 0

type framesAsked struct {
	InMailbox
	UIDs string `query:"uids" required:"true" maxLength:"60000" doc:"such as 1:50,60; 5,000 at most" pattern:"^[0-9]+(:[0-9]+)?(,[0-9]+(:[0-9]+)?)*$"`
}

func frames(s service) {
	for name, kind := range map[string]pgp.Kind{"cards": pgp.KindCard, "terms": pgp.KindTerms, "keys": keysOnly} {
		what := name
		if kind == keysOnly {
			what = "PKESK packets at the head of the message letters"
		}
		route(s, op{
			name: name, method: http.MethodGet, path: "/mailboxes/{mailbox}/" + name, tag: tagMail, access: forAccount, time: flowTime,
			about: "The " + what + " of many messages, as frames: uid (4 bytes, big-endian), length (4), content. " +
				"A message without that letter has length 0, and one that is not there no frame.",
			answer: octets("application/octet-stream"),
		}, func(ctx context.Context, in *framesAsked) (*stream, error) {
			uids, err := parseUIDs(in.UIDs)
			if err != nil {
				return nil, err
			}
			b, err := s.box(ctx, in.Mailbox)
			if err != nil {
				return nil, err
			}
			leave, err := s.gates.heavy.enter(who(ctx).ID)
			if err != nil {
				return nil, err
			}
			return streamed(func(w http.ResponseWriter, r *http.Request) {
				defer leave()
				s.sendFrames(w, r, b.ID, uids, kind)
			}), nil
		})
	}
}

// parseUIDs reads numbers and ranges, in the order in which they stand.
func parseUIDs(text string) (uids []mailstore.UID, err error) {
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(part, ":")
		a, err := strconv.ParseUint(from, 10, 32)
		b := a
		if err == nil && ranged {
			b, err = strconv.ParseUint(to, 10, 32)
		}
		if err != nil || a == 0 || b < a {
			return nil, badInput("uids: expected numbers and rising ranges, such as 1:50,60")
		}
		if int64(b-a)+1 > int64(mostFrames-len(uids)) {
			return nil, badInput("uids: expected at most %d", mostFrames)
		}
		for u := a; u <= b; u++ {
			uids = append(uids, mailstore.UID(u))
		}
	}
	return uids, nil
}

// sendFrames writes a frame for each message that is there. What fails once it has
// begun cuts the answer off: half of one must not look whole.
func (a *API) sendFrames(w http.ResponseWriter, r *http.Request, box mailstore.MailboxID, uids []mailstore.UID, kind pgp.Kind) {
	w.Header().Set("Content-Type", "application/octet-stream")
	out := bufio.NewWriterSize(a.flow(w), piece)
	for m, err := range a.Store.Index.Mails(r.Context(), owner(r.Context()), box, uids) {
		if err == nil {
			err = a.frame(r.Context(), out, m, kind)
		}
		if err != nil {
			a.cut(r.Context(), "frames", err)
		}
	}
	if err := out.Flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// cut ends an answer that has begun.
func (a *API) cut(ctx context.Context, operation string, err error) {
	if ctx.Err() == nil && !errors.Is(err, drive.ErrNone) { // what was deleted or revoked meanwhile
		a.Log.Error("an API answer was cut off", "operation", operation, "error", err)
	}
	panic(http.ErrAbortHandler)
}

func (a *API) frame(ctx context.Context, out *bufio.Writer, m mailstore.Mail, kind pgp.Kind) error {
	content, err := a.frameContent(ctx, m, kind)
	switch {
	case errors.Is(err, mailstore.ErrNoMail), errors.Is(err, filestore.ErrNotFound): // shed, perhaps a moment ago
		return frameHead(out, m.UID, 0)
	case errors.Is(err, filestore.ErrCorrupt):
		a.Log.Error("a stored letter is damaged", "kind", int(kind), "error", err)
		return frameHead(out, m.UID, 0)
	case err != nil:
		return err
	}
	if err := frameHead(out, m.UID, len(content)); err != nil {
		return err
	}
	_, err = out.Write(content)
	return err
}

// frameContent is whole before its length is told.
func (a *API) frameContent(ctx context.Context, m mailstore.Mail, kind pgp.Kind) ([]byte, error) {
	if kind == keysOnly {
		l, err := a.openLetter(ctx, m, pgp.KindMessage)
		if err != nil {
			return nil, err
		}
		defer l.Close()
		return pgp.SessionKeys(l.blob)
	}
	l, err := a.openLetter(ctx, m, kind)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	content, err := io.ReadAll(io.NewSectionReader(l, 0, l.size))
	if err != nil {
		return nil, fmt.Errorf("read letter: %w", err)
	}
	return content, nil
}

func frameHead(out *bufio.Writer, uid mailstore.UID, length int) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(uid))
	_, err := out.Write(binary.BigEndian.AppendUint32(head, uint32(length)))
	return err
}

// letter is one letter as clients get it: terms and body are ordinary messages, with the
// packets of their session key in front.
type letter struct {
	io.ReaderAt
	size int64
	id   filestore.ID
	blob filestore.Blob
}

func (l letter) Close() error { return l.blob.Close() }

// openLetter opens a letter, or fails with mailstore.ErrNoMail where there is none.
func (a *API) openLetter(ctx context.Context, m mailstore.Mail, kind pgp.Kind) (l letter, err error) {
	if l.blob, err = a.Store.Letter(ctx, m, kind); err != nil {
		return letter{}, fmt.Errorf("open letter: %w", err)
	}
	l.ReaderAt, l.size = l.blob, l.blob.Size()
	for _, s := range m.Letters {
		if s.Kind == kind {
			l.id = s.ID
		}
	}
	if kind != pgp.KindTerms && kind != pgp.KindBody || pgp.BringsSessionKey(l.blob) {
		return l, nil
	}
	keys, err := a.sessionKeys(ctx, m)
	if err != nil {
		l.blob.Close()
		return letter{}, err
	}
	l.ReaderAt, l.size = behind{keys, l.blob}, int64(len(keys))+l.size
	return l, nil
}

// sessionKeys are the packets that open terms and body: those of the header letter, or
// where there is none of the message letter.
func (a *API) sessionKeys(ctx context.Context, m mailstore.Mail) ([]byte, error) {
	blob, err := a.Store.Letter(ctx, m, pgp.KindHeader)
	if errors.Is(err, mailstore.ErrNoMail) {
		blob, err = a.Store.Letter(ctx, m, pgp.KindMessage)
	}
	if err != nil {
		return nil, fmt.Errorf("open letter with session key: %w", err)
	}
	defer blob.Close()
	return pgp.SessionKeys(blob)
}

// behind is octets with others in front.
type behind struct {
	front []byte
	rest  io.ReaderAt
}

func (b behind) ReadAt(p []byte, off int64) (n int, err error) {
	if size := int64(len(b.front)); off < size {
		if n, err = bytes.NewReader(b.front).ReadAt(p, off); n == len(p) {
			return n, nil
		}
		p, off = p[n:], size
	}
	more, err := b.rest.ReadAt(p, off-int64(len(b.front)))
	return n + more, err
}
