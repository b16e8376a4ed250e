package spool

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"

	"sealpost/filestore"
)

// The file is a row of blocks, each blockSize bytes of mail sealed by AES-256-GCM
// with the block's number as nonce. A number is sealed once under a key that is
// used for one file, so no nonce comes twice. The last, partial block stays in
// memory, and so does the length: cutting the file short is noticed too.
const (
	blockSize = 64 << 10
	tagSize   = 16
)

type block [blockSize + tagSize]byte

// vault is an encrypted temporary file without a name.
type vault struct {
	file   *os.File
	aead   cipher.AEAD
	blocks int64 // sealed blocks in the file
	tail   *block
	filled int // bytes in tail

	mu     sync.Mutex
	opened *block // the block read last, so that small reads open it once
	number int64  // which one that is
}

func newVault(dir string) (*vault, error) {
	var key [32]byte
	defer clear(key[:])
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("make spool key: %w", err)
	}
	c, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("make spool cipher: %w", err)
	}
	aead, err := cipher.NewGCM(c)
	if err != nil {
		return nil, fmt.Errorf("make spool cipher: %w", err)
	}
	f, err := nameless(dir)
	if err != nil {
		return nil, fmt.Errorf("create spool file: %w", filestore.MarkFull(err))
	}
	return &vault{file: f, aead: aead, tail: blockPool.Get().(*block)}, nil
}

func (v *vault) write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(v.tail[v.filled:blockSize], p[n:])
		v.filled += c
		n += c
		if v.filled < blockSize {
			break
		}
		if err := v.sealTail(); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (v *vault) sealTail() error {
	sealed := v.aead.Seal(v.tail[:0], nonce(v.blocks), v.tail[:blockSize], nil)
	if _, err := v.file.WriteAt(sealed, v.blocks*int64(len(sealed))); err != nil {
		return fmt.Errorf("write spool file: %w", filestore.MarkFull(err))
	}
	v.blocks++
	v.filled = 0
	return nil
}

// read fills p from off; the caller asks for no more than was written.
func (v *vault) read(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		c, err := v.readBlock(p[n:], off/blockSize, int(off%blockSize))
		if err != nil {
			return n, err
		}
		n += c
		off += int64(c)
	}
	return n, nil
}

func (v *vault) readBlock(p []byte, number int64, from int) (int, error) {
	if number == v.blocks {
		return copy(p, v.tail[from:v.filled]), nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.opened == nil || v.number != number {
		if err := v.open(number); err != nil {
			return 0, err
		}
	}
	return copy(p, v.opened[from:blockSize]), nil
}

// open makes block number the opened one; v.mu is held.
func (v *vault) open(number int64) error {
	b := v.opened
	if b == nil {
		b = blockPool.Get().(*block)
	}
	v.opened = nil
	if _, err := v.file.ReadAt(b[:], number*int64(len(b))); err != nil {
		putBlock(b)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // a short file is not a short mail
		}
		return fmt.Errorf("read spool file: %w", err)
	}
	if _, err := v.aead.Open(b[:0], nonce(number), b[:], nil); err != nil {
		putBlock(b)
		return fmt.Errorf("spool file was changed: %w", err)
	}
	v.opened, v.number = b, number
	return nil
}

func (v *vault) close() error {
	putBlock(v.tail)
	if v.opened != nil {
		putBlock(v.opened)
	}
	v.tail, v.opened, v.aead = nil, nil, nil
	return v.file.Close()
}

func nonce(number int64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), uint64(number))
}
