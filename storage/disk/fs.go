package disk

import "io"

// FS is the wall between this engine and the operating system: what it needs of
// a file system, and what a test replaces to drop, tear and refuse writes.
// Nothing is durable before Sync for content and SyncDir for names.
type FS interface {
	// OpenFile opens a file by the flags of os.OpenFile, for its owner alone.
	OpenFile(name string, flag int) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// Mkdir makes one folder, for its owner alone; one that exists is no error.
	Mkdir(name string) error
	// ReadDir lists the names in a folder.
	ReadDir(name string) ([]string, error)
	// SyncDir makes a folder's names durable.
	SyncDir(name string) error
	// Room says how many bytes are free for us where a folder lies, of how many;
	// an error if that cannot be known.
	Room(name string) (free, total int64, err error)
	// Lock takes the lock of that name for this process, or fails with ErrInUse.
	Lock(name string) (io.Closer, error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	// Sync makes the content durable, and the size as far as reading needs it.
	Sync() error
	// Allocate reserves room from off without changing the size; a hint.
	Allocate(off, length int64) error
}
