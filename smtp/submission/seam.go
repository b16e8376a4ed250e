package submission

import (
	"errors"

	"sealpost/mail"
)

type mailAddress = mail.Address

var errNotBuilt = errors.New("submission: not built yet")
