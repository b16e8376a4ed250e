package screen

import (
	"strings"

	"sealpost/mail"
)

// Exempt says that mail for an address is never refused by policy, so that whoever
// is refused by mistake can tell somebody: postmaster (RFC 5321, section 4.5.1) and
// abuse (RFC 2142).
func Exempt(a mail.Address) bool {
	base, _ := a.WithoutDetail()
	return strings.EqualFold(base.Local, "postmaster") || strings.EqualFold(base.Local, "abuse")
}

// exempt says that all recipients are. One that is not would get with them what it
// must not: inbound keeps the two kinds apart.
func (a Arrival) exempt() bool {
	for _, to := range a.To {
		if !Exempt(to) {
			return false
		}
	}
	return len(a.To) > 0
}
