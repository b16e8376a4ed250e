// Package mail holds what is true of a mail without asking anyone: addresses,
// header fields and the bounded look at a MIME tree. It is the one parser of
// the house: judging, sealing and showing all read a mail through it.
//
// It never knows who owns a mail, where it is stored or how it is encrypted.
//
// Invariants: no function panics on any input; every walk is bounded by Limits;
// nothing here keeps a reference to a mail after it returned.
package mail

import "io"

// Bytes is one whole mail, CRLF lines as they crossed the wire, that can be
// read any number of times.
type Bytes interface {
	io.ReaderAt
	Size() int64
}
