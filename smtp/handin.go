package smtp

import (
	"context"
	"io"

	"sealpost/mail"
)

// HandIn gives one mail that this server wrote by itself to a way in, for one person: with no
// reverse-path, and nobody hears of it (RFC 3461, section 6.1). utf8 says that it needs SMTPUTF8. A
// reply that refuses is returned as an error.
func HandIn(ctx context.Context, in Handler, self Peer, to mail.Address, text mail.Bytes, utf8 bool) error {
	t, err := in.Begin(ctx, self, nil, MailOptions{Size: text.Size(), UTF8: utf8, EightBit: utf8})
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.Rcpt(ctx, to, RcptOptions{Notify: []string{"NEVER"}}); err != nil {
		return err
	}
	reply, err := t.Data(ctx, io.NewSectionReader(text, 0, text.Size()))
	if err == nil && reply != nil && reply.Code/100 != 2 {
		err = reply
	}
	return err
}
