package move

import (
	"crypto/tls"
	"testing"
)

// ServeSick is a server of seven messages, of which it gives three.
func ServeSick(t *testing.T) (string, *tls.Config) { return sick{}.serve(t) }

// ServeWell is one that gives all of them, and so many more. Each has a flag with its UID: m1, m2, ...
func ServeWell(t *testing.T, more int) (string, *tls.Config) {
	return sick{well: true, more: more}.serve(t)
}

// JournalID is what an import's journal is called.
var JournalID = journalID
