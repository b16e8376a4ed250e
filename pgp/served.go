package pgp

import "io"

// Served is a stored message as IMAP shows it: outer header, PGP/MIME framing,
// and the packets armored on the way out. Every size and offset is computed,
// nothing is held whole in memory.
type Served struct {
	Outer   []byte
	Form    Form
	Raw     io.ReaderAt // the message letter's packets
	RawSize int64
}

// ServedSize is the octet count of the whole served mail (RFC822.SIZE).
func ServedSize(outer []byte, f Form, rawSize int64) int64 { return 0 }

// Section is one part of the served mail: its MIME header and its body as byte
// ranges of the whole.
type Section struct {
	Type, Subtype      string
	Params             map[string]string
	Encoding           string
	Disposition        string
	Description        string
	HeaderStart, Start int64
	End                int64
	Lines              int64
}

// Sections are the parts in order (RFC 9051 part numbers 1, 2, ...); for
// FormInline the one text part.
func (s Served) Sections() []Section { return nil }

func (s Served) Size() int64 { return 0 }

// ReadAt reads the served octets [off, off+len(p)).
func (s Served) ReadAt(p []byte, off int64) (int, error) { return 0, io.EOF }

// SessionKeys reads the PKESK packets at the head of a message letter. With a
// terms or body letter behind them they are an ordinary OpenPGP message.
func SessionKeys(message io.ReaderAt) ([]byte, error) { return nil, ErrNoKey }
