package storagetest

import (
	"testing"

	"sealpost/pgp/discover"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	Peers(t, func(*testing.T) discover.Peers { return NewMemory() })
}
