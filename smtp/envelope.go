package smtp

import (
	"time"

	"sealpost/mail"
)

// Envelope is who a mail is from and for, as it is queued and sent on.
type Envelope struct {
	From     *mail.Address // nil for <>
	To       []Recipient
	UTF8     bool // its header or an address needs SMTPUTF8 (RFC 6531)
	EightBit bool
	// RequireTLS asks that it goes over verified TLS only, to servers that promise
	// the same (RFC 8689).
	RequireTLS bool
	// AnyTLS asks that it rather goes without TLS than not at all: it has the field
	// "TLS-Required: No" (RFC 8689, section 5).
	AnyTLS bool
	EnvID  string    // DSN, RFC 3461, decoded
	Ret    string    // FULL, HDRS or empty
	Hold   time.Time // not before (RFC 4865); zero: now
}

// Recipient is one forward-path with its DSN wishes (RFC 3461).
type Recipient struct {
	Address mail.Address
	Notify  []string // NEVER, or of SUCCESS, FAILURE, DELAY; empty: FAILURE and perhaps DELAY
	ORcpt   string   // decoded, without its address type; empty: none
}

// Identity is who signed in.
type Identity struct {
	Account  string // account.ID
	Password string // the name of the app password
	OwnSent  bool   // its client files the Sent copy, whatever the app password says
}
