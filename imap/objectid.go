package imap

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"sealpost/mailstore"
	"sealpost/pgp"
)

// mailboxID is MAILBOXID (RFC 8474, section 4).
func mailboxID(b mailstore.MailboxID) string { return "M" + strconv.FormatUint(uint64(b), 10) }

// emailID is EMAILID (RFC 8474, section 5.1): of the octets that are served, so
// it stays over COPY and MOVE, and is another when a client seals a mail anew.
func emailID(m mailstore.Mail) string {
	h := sha256.New()
	h.Write(m.ID[:])
	for _, l := range m.Letters {
		if l.Kind == pgp.KindMessage {
			h.Write(l.ID[:])
		}
	}
	return "E" + hex.EncodeToString(h.Sum(nil)[:16])
}
