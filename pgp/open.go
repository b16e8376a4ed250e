package pgp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Opener is the client side: it opens what Seal made, and what senders
// encrypted to the same owner.
type Opener struct {
	Keys    *SecretKeys // may be nil when only cards are opened
	ListKey ListKey     // may be zero when no cards are opened
	Restore bool        // write the exact bytes that arrived instead of what a client shows
	Max     int64       // bytes of one opened message; 0: 256 MiB
}

// Opened says what was found.
type Opened struct {
	Kind    Kind      // of the first letter; KindMessage also for terms and body, which say nothing of themselves
	Class   Class     // of a message or header letter that Seal made, or of a card; otherwise EndToEnd
	Arrived time.Time // likewise; zero when not known
	Front   []byte    // with Restore: the lines that the server put in front of the mail; nobody else's stand there
	Keys    []byte    // PKESK packets of the message letter, for Card.Belongs
}

const (
	defaultMax      = 256 << 20
	maxDecompressed = 64 << 20 // ATTACKS B06
)

var (
	// ErrNotSealed says that the input holds nothing that could be opened.
	ErrNotSealed = errors.New("found no OpenPGP message and no card")
	// ErrNeedHeader says that the sender encrypted the mail, so that its exact
	// bytes need its header letter too.
	ErrNeedHeader = errors.New("the sender encrypted this mail: to restore it, give its header letter and then its message letter")
	// ErrTooLarge says that an opened message is larger than Opener.Max. One
	// that is compressed and larger than 64 MiB fails as damaged.
	ErrTooLarge = errors.New("the opened message is larger than allowed")
)

// Open reads one thing from r and writes what is in it to w. It takes a mail
// as IMAP serves it, a letter in raw packets or in armor (for terms and body
// with their SessionKeys in front), or a card. A header letter may be followed
// by its message letter; with Restore it must be.
//
// Nothing written to w may be shown or trusted before Open returned nil: the
// integrity of a message is known at its end only (ATTACKS B02).
func (o Opener) Open(ctx context.Context, r io.Reader, w io.Writer) (Opened, error) {
	in := &input{r: bufio.NewReaderSize(&contextReader{ctx, r}, 64<<10)}
	kind, err := in.next()
	if err != nil {
		return Opened{}, err
	}
	if kind == KindCard {
		return o.openCard(in, w)
	}
	out, plan, err := o.openMessage(in, w)
	if err != nil || plan == nil {
		return out, err
	}
	if _, err = in.next(); err != nil {
		if o.Restore {
			return out, ErrNeedHeader
		}
		return out, nil // a header letter alone
	}
	if o.Restore {
		return out, plan.restore(in, w)
	}
	inner, _, err := Opener{Keys: o.Keys, Max: o.Max}.openMessage(in, w)
	out.Keys, out.Class = inner.Keys, inner.Class // a served mail that was appended again says how it first arrived
	return out, err
}

// openMessage decrypts one message. A header letter gives a plan for what
// comes behind it.
func (o Opener) openMessage(in *input, w io.Writer) (Opened, *headerPlan, error) {
	if o.Keys == nil {
		return Opened{}, nil, errors.New("an OpenPGP secret key is needed")
	}
	one := &oneMessage{r: in.body()}
	limit := int64(maxDecompressed)
	md, err := openpgp.ReadMessage(one, o.Keys.entities, nil, &packet.Config{MaxDecompressedMessageSize: &limit})
	if err != nil {
		return Opened{}, nil, fmt.Errorf("open message: %w", err)
	}
	out := Opened{Kind: KindMessage, Class: EndToEnd, Keys: one.pkesks}
	body := bufio.NewReaderSize(&cappedReader{r: md.UnverifiedBody, left: o.max()}, 64<<10)
	plan, err := o.writeContent(&out, body, w)
	if err != nil {
		return out, nil, fmt.Errorf("open message: %w", err)
	}
	// Read to the end, where the integrity check is.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return out, nil, fmt.Errorf("open message: %w", err)
	}
	if _, err := io.Copy(io.Discard, one); err != nil {
		return out, nil, fmt.Errorf("open message: %w", err)
	}
	return out, plan, nil
}

func (o Opener) max() int64 {
	if o.Max > 0 {
		return o.Max
	}
	return defaultMax
}

// writeContent believes only the first line of what was decrypted.
func (o Opener) writeContent(out *Opened, body *bufio.Reader, w io.Writer) (*headerPlan, error) {
	first, _ := body.Peek(max(len(sealField), len(headerField)))
	switch {
	case bytes.HasPrefix(first, []byte(sealField)):
		p, err := readPayload(body)
		if err != nil {
			return nil, err
		}
		out.Class, out.Arrived = p.class, p.time
		if o.Restore {
			out.Front = p.rest
		}
		return nil, p.write(body, w, o.Restore)
	case bytes.HasPrefix(first, []byte(headerField)):
		plan, err := readHeaderPlan(body)
		if err != nil {
			return nil, err
		}
		out.Kind, out.Class, out.Arrived = KindHeader, EndToEnd, plan.time
		if !o.Restore {
			_, err = w.Write(plan.shown())
		}
		return plan, err
	case o.Restore:
		return nil, ErrNeedHeader
	}
	_, err := io.Copy(w, body)
	return nil, err
}

func (o Opener) openCard(in *input, w io.Writer) (Opened, error) {
	sealed, err := io.ReadAll(io.LimitReader(in.body(), maxCard+1))
	if err != nil {
		return Opened{}, fmt.Errorf("read card: %w", err)
	}
	c, err := OpenCard(sealed, o.ListKey)
	if err != nil {
		return Opened{}, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(c); err != nil {
		return Opened{}, fmt.Errorf("write card: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return Opened{Kind: KindCard, Class: c.Class, Arrived: time.Unix(c.Arrived, 0)}, err
}

// contextReader ends with its context.
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

// cappedReader fails when more than left bytes come. It ends for good: behind the
// end of a signed message the library's reader checks the signature again, and fails.
type cappedReader struct {
	r     io.Reader
	left  int64
	ended error
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.ended != nil {
		return 0, c.ended
	}
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		n, err = 0, ErrTooLarge
	}
	c.ended = err
	return n, err
}
