package mailauth

import "sealpost/mail"

// Author is the check of From alone.
func Author(h mail.Header, m mail.Bytes) (*mail.Address, string) { return author(h, m, false) }
