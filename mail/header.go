package mail

import "io"

// Field is one header field (RFC 5322, section 2.2) as it stood in the mail.
type Field struct {
	Name  string // as written, without trailing white space
	Raw   []byte // the whole field with its folds and line ends
	Start int64  // offset of Raw in the mail
}

// Value is the field's unfolded body, leading and trailing white space removed.
func (f Field) Value() string { return "" }

// Header is a header section that was read, not interpreted: fields in their
// order, duplicates included, broken lines skipped but counted.
type Header struct {
	Fields []Field
	End    int64 // offset of the first body byte (after the empty line, if there is one)
	Broken int   // lines in the section that are no field and no fold
	Clean  bool  // starts with a field and has no broken line: more fields may be put in front
	Cut    bool  // the section is longer than the limit
	Blank  bool  // the section ended with an empty line (not with the end of the mail)
}

// ReadHeader reads the header section at offset of r, at most max bytes of it.
func ReadHeader(r io.ReaderAt, offset, max int64) (Header, error) { return Header{}, nil }

// Get returns the first field of that name, compared without case.
func (h Header) Get(name string) (Field, bool) { return Field{}, false }

// Values returns the unfolded bodies of all fields of that name, in order.
func (h Header) Values(name string) []string { return nil }
