package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sealpost/filestore/sealed"
)

// leaving is how long a program that was started a moment ago may hold its copy of a lock.
const leaving = 500 * time.Millisecond

// lock keeps a pair for one program; it ends with the program, however that ends.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for end := time.Now().Add(leaving); ; time.Sleep(20 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(end) {
			break
		}
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrInUse
	}
	return nil, fmt.Errorf("lock: %w", err)
}

// linkFresh is renameFresh where a system has no such call.
func linkFresh(dir *os.Root, from, to string) error {
	err := dir.Link(from, to)
	if err == nil {
		return dir.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, bad := dir.Lstat(to); !errors.Is(bad, fs.ErrNotExist) { // a disk or a thing without links
		return errors.Join(bad, fs.ErrExist)
	}
	return dir.Rename(from, to)
}

// above opens the folder of a path.
func (s *Session) above(path string) (*os.Root, error) { return s.root.OpenRoot(orTop(parent(path))) }

// place gives part, which is whole, the name of a file that is still as it was seen;
// was nil: that is not there. What somebody wrote in the last moment stays, beside.
func (s *Session) place(dir *os.Root, part, name string, was *here) error {
	if was == nil {
		err := renameFresh(dir, part, name)
		if errors.Is(err, fs.ErrExist) {
			return errMoving
		}
		return err
	}
	info, err := dir.Lstat(name)
	if err != nil || !was.same(info) {
		return errMoving
	}
	err = exchange(dir, part, name)
	if errors.Is(err, errCannot) {
		return dir.Rename(part, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return errMoving
	}
	if err != nil {
		return err
	}
	if info, err = dir.Lstat(part); err == nil && !was.same(info) { // written between two looks
		return s.keepBeside(dir, part, name)
	}
	return dir.Remove(part)
}

// keepBeside gives a file the name of a conflict with another.
func (s *Session) keepBeside(dir *os.Root, from, name string) error {
	for try := 1; ; try++ {
		err := renameFresh(dir, from, beside(name, s.Host, s.Drive.Now(), try))
		if !errors.Is(err, fs.ErrExist) || try == 1000 {
			return err
		}
	}
}

// throw moves a file that is still as it was seen into the trash of this folder.
func (s *Session) throw(h *here) error {
	to, err := s.inTrash(h.path)
	if err != nil {
		return err
	}
	info, err := s.root.Lstat(h.path)
	if err != nil || !h.same(info) {
		return errMoving
	}
	if err := s.root.Rename(h.path, to); err != nil {
		return err
	}
	if info, err := s.root.Lstat(to); err == nil && !h.same(info) { // written between two looks: it stays
		return errors.Join(errMoving, s.back(to, h.path))
	}
	return nil
}

// inTrash is a free place in the trash of this folder.
func (s *Session) inTrash(path string) (string, error) {
	day := trash + "/" + s.Drive.Now().Format("2006-01-02")
	for try := 1; ; try++ {
		to := day + "/" + path
		if try > 1 {
			to = fmt.Sprintf("%s.%d/%s", day, try, path)
		}
		err := s.root.MkdirAll(parent(to), 0o700)
		if err == nil {
			if _, err = s.root.Lstat(to); errors.Is(err, fs.ErrNotExist) {
				return to, nil
			}
		}
		if try == 1000 {
			return "", errors.Join(err, errors.New("expected room in the trash of this folder"))
		}
	}
}

// back takes out of the trash what should not be there; if its name is taken, it stays.
func (s *Session) back(from, to string) error {
	if _, err := s.root.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		return s.root.Rename(from, to)
	}
	return nil
}

// trashTime is how long files stay in the trash of this folder.
const trashTime = 30 * 24 * time.Hour

// due marks what lay in the trash so long once. A clock that was wrong on one of two days,
// as that of a machine without a battery is until it has asked, must not empty the trash at
// once: what is due stays as long again.
const due = "due"

// sweep empties the trash of what lies there long.
func (s *Session) sweep() error {
	days, err := fs.ReadDir(s.root.FS(), trash)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil // it is emptied when it can be read
	}
	for _, d := range days {
		day, more, _ := strings.Cut(d.Name(), ".")
		at, err := time.Parse("2006-01-02", day)
		if err != nil || s.Drive.Now().Sub(at) <= trashTime {
			continue
		}
		if strings.HasPrefix(more, due) {
			err = s.root.RemoveAll(trash + "/" + d.Name())
		} else {
			err = s.postpone(d.Name())
		}
		if err != nil {
			return fmt.Errorf("empty the trash: %w", err)
		}
	}
	return nil
}

// postpone marks a day of the trash as due.
func (s *Session) postpone(name string) error {
	for try := 1; ; try++ {
		to := fmt.Sprintf("%s/%s.%s.%d", trash, s.Drive.Now().Format("2006-01-02"), due, try)
		if _, err := s.root.Lstat(to); err == nil && try < 1000 {
			continue
		}
		return s.root.Rename(trash+"/"+name, to)
	}
}

// part begins the names of files on their way here.
const part = Ours + "new-"

// clear moves into the trash what a call that was ended left on its way: it may be what
// stood under a name a moment before.
func (s *Session) clear(left []string) error {
	for _, path := range left {
		to := trash + "/" + s.Drive.Now().Format("2006-01-02")
		err := s.root.MkdirAll(to, 0o700)
		if err == nil {
			err = s.root.Rename(path, to+"/"+base(path))
		}
		if err != nil {
			return fmt.Errorf("move what was left into the trash: %w", err)
		}
	}
	return nil
}

// freeName is a name in a folder of this disk that none of those taken has.
func freeName(name string, taken map[string]bool) string {
	if !taken[sealed.NameKey(name)] {
		return name
	}
	end := filepath.Ext(name)
	if end == name {
		end = ""
	}
	stem := strings.TrimSuffix(name, end)
	for n := 2; ; n++ {
		if free := fmt.Sprintf("%s (%d)%s", stem, n, end); !taken[sealed.NameKey(free)] {
			return free
		}
	}
}
