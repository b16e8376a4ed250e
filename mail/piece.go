package mail

import "io"

// Piece is an attachment that could be taken out of a mail without others missing it:
// a part of a multipart/mixed that holds no parts itself. What stands between From and
// End is its header section, with the empty line, and its content as transferred.
type Piece struct {
	Name, Type       string // as Attachment has them
	Encoding         string // Content-Transfer-Encoding, in lower case
	From, Start, End int64  // of the header, of the content, and behind it
}

// Header is its header section in m, with the empty line.
func (p Piece) Header(m Bytes) *io.SectionReader {
	return io.NewSectionReader(m, p.From, p.Start-p.From)
}

// Content is its content in m, as transferred.
func (p Piece) Content(m Bytes) *io.SectionReader {
	return io.NewSectionReader(m, p.Start, p.End-p.Start)
}

// piece notes the leaf that was listed as an attachment and ends at end.
func (w *walker) piece(l *leaf, end int64) {
	if n := len(w.frames); n == 0 || !w.frames[n-1].mixed || l.entity == nil || l.began >= l.start || l.start >= end {
		return
	}
	w.g.Pieces = append(w.g.Pieces, Piece{l.name, l.kind.Media(), l.encoding, l.began, l.start, end})
}

// guards says that a part is signed or encrypted, or a signature.
func (p part) guards() bool {
	switch p.kind.Media() {
	case "multipart/signed", "multipart/encrypted", "application/pgp-encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime":
		return true
	}
	return p.isSignature()
}
