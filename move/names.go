package move

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// plainName undoes fileName.
func plainName(file string) string {
	var b strings.Builder
	for {
		before, rest, escaped := strings.Cut(file, "%")
		b.WriteString(before)
		if !escaped {
			return b.String()
		}
		octet, err := strconv.ParseUint(rest[:min(2, len(rest))], 16, 7)
		if err != nil || len(rest) < 2 {
			b.WriteByte('%')
			file = rest
			continue
		}
		b.WriteByte(byte(octet))
		file = rest[2:]
	}
}

// ownName makes a mailbox name of its levels as a writer joined them.
func ownName(levels string) string {
	all := strings.Split(levels, ".")
	for i, level := range all {
		all[i] = plainName(level)
	}
	return strings.Join(all, "/")
}

// ownMaildir says whether a writer of this program filled a folder: the names of its
// messages end as MaildirWriter has them end.
func ownMaildir(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "cur"))
	if err != nil {
		return false
	}
	defer f.Close()
	names, err := f.Readdirnames(1)
	return err == nil && strings.Contains(names[0], ownSuffix+":2,")
}

// OwnMbox gives the mailbox that a file of MboxWriter is of; false: it is no such file.
func OwnMbox(file string) (mailbox string, ok bool) {
	f, err := os.Open(file)
	if err != nil {
		return "", false
	}
	defer f.Close()
	head := make([]byte, len(ownFrom))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != ownFrom {
		return "", false
	}
	return ownName(strings.TrimSuffix(filepath.Base(file), ".mbox")), true
}

// Of a Maildir's keywords each has a letter from "a" on, and the file of this name says
// which, as Dovecot writes it: lines of a number and a keyword.
const (
	keywordsFile = "dovecot-keywords"
	maxKeywords  = 26
)

// readKeywords reads the keywords of a Maildir; the place of one is its letter.
func readKeywords(dir string) (all [maxKeywords]string) {
	f, err := os.Open(filepath.Join(dir, keywordsFile))
	if err != nil {
		return all
	}
	defer f.Close()
	for lines := bufio.NewScanner(io.LimitReader(f, 64<<10)); lines.Scan(); {
		number, keyword, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < maxKeywords {
			all[n] = strings.TrimSpace(keyword)
		}
	}
	return all
}

// keywords are the flags that are no system's (RFC 9051, section 2.3.2).
func keywords(flags []string) (all []string) {
	for _, f := range flags {
		if f != "" && f[0] != '\\' && !strings.ContainsFunc(f, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			all = append(all, f)
		}
	}
	return all
}

// addKeyword writes a keyword behind the others of a Maildir.
func addKeyword(dir string, n int, keyword string) error {
	f, err := os.OpenFile(filepath.Join(dir, keywordsFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%d %s\n", n, keyword)
	return errors.Join(err, f.Close())
}
