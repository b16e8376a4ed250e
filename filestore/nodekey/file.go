package nodekey

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrUnsafe says that others can read the key file, or put another in its place.
var ErrUnsafe = errors.New("the node key is not safe where it is")

// maxFile bounds what is read of a key file: 44 characters and the end of their line.
const maxFile = 128

// Load reads a key file of 32 random bytes in base64, which nobody but its owner
// may read, in a folder where others cannot put another in its place.
func Load(file string) (*Key, error) {
	k, err := load(file)
	if err != nil {
		return nil, fmt.Errorf("read node key: %w", err)
	}
	return k, nil
}

func load(file string) (*Key, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := safe(f); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return parse(file, text)
}

func parse(file string, text []byte) (*Key, error) {
	k := new(Key)
	var room [maxFile]byte
	defer clear(room[:])
	text = bytes.TrimSpace(text)
	n := 0
	var err error
	if len(text) <= maxFile {
		n, err = base64.StdEncoding.Strict().Decode(room[:], text)
	}
	// The decoder's error would tell where; nothing of a key is told.
	if err != nil || n != len(k.secret) || bytes.Equal(room[:n], make([]byte, n)) {
		return nil, fmt.Errorf("%s is damaged: expected 32 random bytes in base64", file)
	}
	copy(k.secret[:], room[:n])
	return k, nil
}

// safe refuses what others than the owner can read or replace.
func safe(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is no regular file", ErrUnsafe, f.Name())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %#o, and others can read it; `chmod 600` it, or, if they did, make a new one", ErrUnsafe, f.Name(), mode)
	}
	return safeFolder(filepath.Dir(f.Name()))
}

// safeFolder refuses a folder in which everybody may rename and make files,
// unless only each file's owner may (sticky). That names in it can be read harms
// nothing.
func safeFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode(); mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 {
		return fmt.Errorf("%w: everybody may write to %s; `chmod o-w` it", ErrUnsafe, dir)
	}
	return nil
}

// Make writes a new key file, mode 0600, and fails with fs.ErrExist if it is
// there already. It is there whole and durably or not at all.
func Make(file string) (*Key, error) {
	k := Random()
	if err := k.save(file); err != nil {
		return nil, fmt.Errorf("make node key: %w", err)
	}
	return k, nil
}

func (k *Key) save(file string) error {
	dir := filepath.Dir(file)
	if err := safeFolder(dir); err != nil {
		return err
	}
	text := base64.StdEncoding.AppendEncode(make([]byte, 0, maxFile), k.secret[:])
	text = append(text, '\n')
	defer clear(text)
	aside := filepath.Join(dir, "."+filepath.Base(file)+"."+rand.Text())
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err == nil {
		err = os.Link(aside, file) // unlike a rename it replaces nothing
	}
	if err := errors.Join(err, os.Remove(aside)); err != nil {
		return err
	}
	return syncFolder(dir)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
