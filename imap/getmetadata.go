package imap

import (
	"math"

	"sealpost/imap/wire"
)

// metadataOptions are those of GETMETADATA (RFC 5464, section 4.2).
type metadataOptions struct {
	largest int64
	depth   depth
}

var depths = map[string]depth{"0": depthZero, "1": depthOne, "INFINITY": depthInfinity}

// getMetadata is GETMETADATA (RFC 5464, section 4.2). Options stand before the
// mailbox; the examples of the RFC have them behind it, and so have clients.
func (s *session) getMetadata(r *request) error {
	p := &r.Args
	wrong := bad("expected GETMETADATA [(MAXSIZE n DEPTH 0|1|infinity)] mailbox entries")
	o := metadataOptions{largest: math.MaxInt64}
	before := p.Next("(")
	if before && !(o.parse(p) && p.Space()) {
		return wrong
	}
	name, ok := p.Box(s.wire.UTF8)
	if !ok || !p.Space() {
		return wrong
	}
	if behind := *p; !before && o.parse(&behind) && behind.Space() {
		*p = behind
	}
	asked, ok := entryList(p)
	if !ok || !p.End() {
		return wrong
	}
	box, err := s.noteBox(name)
	if err != nil {
		return s.fault("read metadata", err)
	}
	longest, err := s.writeMetadata(box, asked, o.depth, o.largest)
	if err != nil {
		return s.fault("read metadata", err)
	}
	if longest > 0 {
		r.code = "METADATA LONGENTRIES " + decimal(longest)
	}
	return nil
}

// parse reads options, each at most once.
func (o *metadataOptions) parse(p *wire.Parser) bool {
	sized, deep := false, false
	ok := p.List(func() (ok bool) {
		switch {
		case !sized && p.Fold("MAXSIZE"):
			sized = true
			spaced := p.Space()
			o.largest, ok = p.Number()
			ok = ok && spaced
		case !deep && p.Fold("DEPTH"):
			deep = true
			spaced := p.Space()
			word, _ := p.Word()
			o.depth, ok = depths[word]
			ok = ok && spaced
		}
		return ok
	})
	return ok && (sized || deep)
}
