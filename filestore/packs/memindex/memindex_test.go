package memindex_test

import (
	"testing"

	"sealpost/filestore/packs"
	"sealpost/filestore/packs/memindex"
	"sealpost/filestore/packs/storagetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storagetest.Index(t, func(*testing.T) (packs.Index, packs.Leases) {
		x := memindex.New()
		return x, x
	})
}
