package smtp

import "errors"

// ErrNoTLS says that the other server does not offer STARTTLS.
var ErrNoTLS = errors.New("the server does not offer STARTTLS")

var errClient = errors.New("smtp: client not built yet")
