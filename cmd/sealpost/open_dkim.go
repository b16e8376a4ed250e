package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/emersion/go-msgauth/dkim"

	"sealpost/mail"
)

// maxSignatures is how many of a mail's DKIM signatures its owner's check looks at.
const maxSignatures = 10

// verifySignatures is the owner's own look at who signed a mail: years later, by
// code that the server does not use, with the keys that are in the DNS then.
func verifySignatures(ctx context.Context, m mail.Bytes, say io.Writer) error {
	found, err := dkim.VerifyWithOptions(io.NewSectionReader(m, 0, m.Size()), &dkim.VerifyOptions{
		MaxVerifications: maxSignatures,
		LookupTXT:        func(name string) ([]string, error) { return net.DefaultResolver.LookupTXT(ctx, name) },
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return fmt.Errorf("verify DKIM signatures: %w", err)
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(say, "DKIM: nobody signed this mail")
		return err
	}
	for _, v := range found {
		result := "proves that this is what its servers sent"
		if v.Err != nil {
			result = "does not verify now: " + printable(v.Err.Error())
		}
		if _, err := fmt.Fprintf(say, "DKIM: the signature of %s %s\n", printable(v.Domain), result); err != nil {
			return err
		}
	}
	return nil
}
