package move

import (
	"crypto/tls"
	"testing"
)

// ServeSick is a server of seven messages, of which it gives three.
func ServeSick(t *testing.T) (string, *tls.Config) { return sick{}.serve(t) }
