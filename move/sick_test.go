package move

import (
	"crypto/tls"
	"testing"
)

// ServeSick is a server of seven messages, of which it gives three.
func ServeSick(t *testing.T) (string, *tls.Config) { return sick{}.serve(t) }

// ServeWell is one that gives all of them.
func ServeWell(t *testing.T) (string, *tls.Config) { return sick{well: true}.serve(t) }
