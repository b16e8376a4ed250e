package bolt

import (
	"math"
	"os"
	"unsafe"

	"go.etcd.io/bbolt"
)

const (
	aheadFirst = 64 << 10 // asked for where a walk comes to
	aheadMost  = 1 << 20  // and, as long as it goes straight on, at once
	aheadFrom  = 32       // messages in a list, that make it worth while
)

// ahead asks the kernel for the pages that a walk will come to. bbolt maps its file
// as one that is read here and there, so each page that is not in memory is waited for
// by itself; rows of a mailbox mostly stand in neighbouring ones.
type ahead struct {
	base, size uintptr // of the file in memory
	from, to   uintptr // what was asked for last, from base
	calm       uintptr // behind from: there is no more to ask for until the walk comes there
}

// begin is called in each transaction; many says whether there is much to read.
func (a *ahead) begin(tx *bbolt.Tx, many bool) {
	a.base, a.size = tx.DB().Info().Data, uintptr(tx.Size())
	if !many {
		a.from, a.calm = 0, math.MaxUint
	}
}

// pass is told each key that the walk comes to.
func (a *ahead) pass(key []byte) {
	if at := uintptr(unsafe.Pointer(unsafe.SliceData(key))) - a.base; at-a.from >= a.calm && at < a.size {
		a.ask(key, at)
	}
}

// ask asks for more where the walk went straight on. Rows of one kind stand in runs
// between those of others, so it is not asked for before the walk comes there.
func (a *ahead) ask(key []byte, at uintptr) {
	step := uintptr(aheadFirst)
	if a.to > 0 && at >= a.to && at-a.to < aheadFirst/2 {
		step = min(2*(a.to-a.from), aheadMost)
	}
	a.from = at &^ uintptr(os.Getpagesize()-1)
	a.to = min(a.from+step, a.size)
	a.calm = a.to - a.from
	start := unsafe.Add(unsafe.Pointer(unsafe.SliceData(key)), int(a.from)-int(at))
	willNeed(unsafe.Slice((*byte)(start), int(a.calm)))
}
