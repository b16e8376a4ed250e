package pgp

import (
	"context"
	"errors"
	"io"

	"sealpost/mail"
)

// Encrypt writes m as PGP/MIME (RFC 3156) with header protection (RFC 9788) for
// others to read: the outer header keeps what is needed to deliver and thread, its
// Subject is "[...]". Nobody signs. All certificates can open it; with hidden their
// key ids are not shown. What it writes is 7-bit CRLF lines.
func Encrypt(ctx context.Context, w io.Writer, m mail.Bytes, to []*Cert, hidden bool) error {
	return errors.New("pgp: not built yet")
}
